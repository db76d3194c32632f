//! The bytes of a request's body: decoded, and verified at their end.

use super::checksum::{Algorithm, Hasher, Sent, Sum};
use super::digest::Digests;
use crate::auth::chunked::Decoder;
use crate::auth::signed::Payload;
use crate::memory::MemoryReservation;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::head::Head;
use crate::protocol::request::Arriving;
use base64_simd::STANDARD;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, Version};
use storage_store::source::Ended;

/// What a client announced about the bytes of a body.
#[derive(Default)]
pub struct Expected {
    pub md5: Option<[u8; 16]>,
    /// Where the signature covers it.
    pub sha256: Option<[u8; 32]>,
    pub length: Option<u64>,
    pub sums: Sent,
    /// The algorithms whose checksums follow the bytes.
    pub trailers: Vec<Algorithm>,
    /// The checksum to compute if the client sends none.
    pub wanted: Option<Algorithm>,
    /// Whether to compute the MD5 if the client sends none.
    pub wants_md5: bool,
    /// The most bytes that are taken.
    pub most: Option<u64>,
}

impl Expected {
    /// What the headers announce of a body that is signed as `payload` says.
    pub fn of(head: &Head<'_>, payload: &Payload) -> Result<Self> {
        let sha256 = match payload {
            Payload::Sha256(digest) => Some(*digest),
            _ => None,
        };
        let is_chunked = matches!(payload, Payload::Chunked | Payload::SignedChunks { .. });
        let length = match is_chunked {
            true => Some(decoded_length(head)?),
            false => head.one(CONTENT_LENGTH.as_str())?.and_then(|length| length.parse().ok()),
        };
        let sums = Sent::in_headers(head)?;
        let (md5, trailers) = (md5(head)?, trailers(head)?);
        Ok(Self { md5, sha256, length, sums, trailers, ..Self::default() })
    }

    /// What the fields of a form tell of its file.
    pub fn of_form(head: &Head<'_>) -> Result<Self> {
        Ok(Self { sums: Sent::in_headers(head)?, ..Self::default() })
    }

    fn sent(&self) -> Vec<Algorithm> {
        let mut sent: Vec<_> = self.sums.algorithms().collect();
        for trailer in &self.trailers {
            if !sent.contains(trailer) {
                sent.push(*trailer);
            }
        }
        sent
    }

    /// Refuses an object whose length is not known to be larger than 0, and not known to be
    /// 0 either: a client that forgot the length would leave an empty object.
    pub fn check_length(version: Version, headers: &HeaderMap) -> Result<()> {
        let is_known =
            headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING);
        match is_known || version > Version::HTTP_11 {
            true => Ok(()),
            false => Err(Error::from(Code::MissingContentLength)),
        }
    }
}

fn decoded_length(head: &Head<'_>) -> Result<u64> {
    let length = head.one("x-amz-decoded-content-length")?;
    length.and_then(|length| length.parse().ok()).ok_or_else(|| {
        error!(
            MissingContentLength,
            "a body in chunks (aws-chunked) needs the length of its bytes, in \
             x-amz-decoded-content-length"
        )
    })
}

fn md5(head: &Head<'_>) -> Result<Option<[u8; 16]>> {
    let Some(text) = head.one("content-md5")? else { return Ok(None) };
    let digest = STANDARD.decode_to_vec(text).ok().and_then(|digest| digest.try_into().ok());
    digest.map(Some).ok_or_else(|| Error::from(Code::InvalidDigest))
}

fn trailers(head: &Head<'_>) -> Result<Vec<Algorithm>> {
    let mut trailers = Vec::new();
    for name in head.list("x-amz-trailer")?.unwrap_or_default().split(',') {
        let name = name.trim().to_ascii_lowercase();
        let found = Algorithm::ALL.into_iter().find(|algorithm| algorithm.header() == name);
        match found {
            Some(algorithm) => trailers.push(algorithm),
            None if name.starts_with("x-amz-checksum-") => {
                return Err(error!(InvalidRequest, "the trailer {name} is not known"));
            }
            None => {}
        }
    }
    Ok(trailers)
}

/// The body of a request, of which nothing was read.
pub struct Unread {
    /// Its bytes.
    pub arriving: Arriving,
    /// How they are signed.
    pub payload: Payload,
    /// What was announced of them.
    pub expected: Expected,
}

impl Unread {
    /// The algorithms of the checksums that the client announced.
    pub fn sent(&self) -> Vec<Algorithm> {
        self.expected.sent()
    }

    /// Begins to read. If the client sends no checksum, the `wanted` one is computed.
    pub fn read(self, wanted: Option<Algorithm>) -> Result<Incoming> {
        Incoming::new(self.arriving, &self.payload, Expected { wanted, ..self.expected })
    }
}

/// A body that is verified at its end.
pub struct Incoming {
    arriving: Option<Arriving>,
    /// What has arrived and is not decoded yet.
    rest: Bytes,
    decoder: Option<Decoder>,
    trailers: Vec<(String, String)>,
    expected: Expected,
    /// The algorithms whose checksums the client sends.
    sent: Vec<Algorithm>,
    digests: Digests,
    length: u64,
}

impl Incoming {
    /// The body of a request that is signed as `payload` says. Refuses one that is
    /// announced to be too large.
    pub fn new(arriving: Arriving, payload: &Payload, expected: Expected) -> Result<Self> {
        if let (Some(most), Some(length)) = (expected.most, expected.length)
            && length > most
        {
            return Err(too_large(most));
        }
        let sent = expected.sent();
        let wanted = expected.wanted.filter(|_| sent.is_empty());
        let hashers = sent.iter().copied().chain(wanted).map(Hasher::new).collect();
        let md5 = expected.wants_md5 || expected.md5.is_some();
        let digests = Digests::new(hashers, md5, expected.sha256.is_some());
        Ok(Self {
            arriving: Some(arriving),
            rest: Bytes::new(),
            decoder: Decoder::new(payload),
            trailers: Vec::new(),
            expected,
            sent,
            digests,
            length: 0,
        })
    }

    /// Bytes that nobody announced.
    pub fn plain(arriving: Arriving, expected: Expected) -> Result<Self> {
        Self::new(arriving, &Payload::Unsigned, expected)
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        loop {
            if let Some(decoder) = self.decoder.as_mut().filter(|_| !self.rest.is_empty()) {
                let data = decoder.decode(&mut self.rest)?;
                if !data.is_empty() {
                    return self.took(data).await.map(Some);
                }
                continue;
            }
            let Some(arriving) = &mut self.arriving else { return Ok(None) };
            match arriving.next().await.transpose()? {
                None => {
                    self.arriving = None;
                    if let Some(decoder) = self.decoder.take() {
                        self.trailers = decoder.finish()?;
                    }
                }
                Some(chunk) if self.decoder.is_some() => self.rest = chunk,
                Some(chunk) if chunk.is_empty() => {}
                Some(chunk) => return self.took(chunk).await.map(Some),
            }
        }
    }

    async fn took(&mut self, chunk: Bytes) -> Result<Bytes> {
        self.length += chunk.len() as u64;
        if let Some(most) = self.expected.most.filter(|most| self.length > *most) {
            return Err(too_large(most));
        }
        if self.expected.length.is_some_and(|length| self.length > length) {
            return Err(Error::from(Code::IncompleteBody));
        }
        self.digests.update(chunk.clone()).await?;
        Ok(chunk)
    }

    /// The whole body, of at most `most` bytes, verified. `held` gets the memory for it.
    pub async fn document(mut self, most: usize, held: &mut MemoryReservation) -> Result<Bytes> {
        let too_long =
            || error!(MaxMessageLengthExceeded, "the document has at most {most} bytes here");
        if self.expected.length.is_some_and(|length| length > most as u64) {
            return Err(too_long());
        }
        let mut all = BytesMut::new();
        while let Some(chunk) = self.next().await? {
            if all.len() + chunk.len() > most {
                return Err(too_long());
            }
            held.take(chunk.len())?;
            all.extend_from_slice(&chunk);
        }
        self.finish().await?;
        Ok(all.freeze())
    }

    /// Verifies length, signature, MD5 and checksums, after the last bytes.
    pub async fn finish(self) -> Result<Arrived> {
        if self.arriving.is_some() || self.expected.length.is_some_and(|l| l != self.length) {
            return Err(Error::from(Code::IncompleteBody));
        }
        let found = self.digests.finish().await?;
        if found.sha256 != self.expected.sha256 {
            return Err(Error::from(Code::XAmzContentSHA256Mismatch));
        }
        if self.expected.md5.is_some() && self.expected.md5 != found.md5 {
            return Err(bad_digest("Content-MD5"));
        }
        let trailer = |algorithm: Algorithm| {
            let is_announced = self.expected.trailers.contains(&algorithm);
            let mut trailers = self.trailers.iter().filter(|_| is_announced);
            let found = trailers.find(|(name, _)| name == algorithm.header());
            found.map(|(_, value)| value.as_str())
        };
        for algorithm in self.sent.iter().copied() {
            let sums = [self.expected.sums.of(algorithm), trailer(algorithm)];
            let computed = found.checksums.iter().find(|sum| sum.algorithm == algorithm);
            let computed = computed.map(|sum| sum.value.as_str());
            // An announced checksum that never came is as wrong as a different value.
            if sums == [None, None] || sums.iter().flatten().any(|sum| Some(*sum) != computed) {
                return Err(bad_digest(algorithm.name()));
            }
        }
        let kept = self.sent.first().copied().or(self.expected.wanted);
        let sum = found.checksums.into_iter().find(|sum| Some(sum.algorithm) == kept);
        Ok(Arrived { md5: found.md5, ended: Ended::own(self.length), sum })
    }
}

fn bad_digest(what: &str) -> Error {
    error!(BadDigest, "the bytes that arrived don't have the {what} that was sent with them")
}

/// The error for an object that has more bytes than are taken.
pub fn too_large(most: u64) -> Error {
    error!(EntityTooLarge, "an object has at most {most} bytes here")
        .detail("MaxSizeAllowed", most.to_string())
}

/// A body that arrived completely.
pub struct Arrived {
    /// Where it was asked for, or the client sent it.
    pub md5: Option<[u8; 16]>,
    pub ended: Ended,
    /// By the first algorithm that the client sent, else by the wanted one.
    pub sum: Option<Sum>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Memory;
    use futures::stream;

    fn arriving(pieces: &[&'static str]) -> Arriving {
        let pieces: Vec<_> =
            pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes()))).collect();
        stream::iter(pieces).boxed()
    }

    async fn took(
        pieces: &[&'static str],
        headers: &[(&'static str, &'static str)],
        payload: Payload,
    ) -> Result<(Vec<u8>, Arrived), &'static str> {
        let headers: HeaderMap =
            headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap())).collect();
        let work = async {
            let mut expected = Expected::of(&Head::new(&headers, None), &payload)?;
            expected.wanted = Some(Algorithm::Crc32);
            let mut body = Incoming::new(arriving(pieces), &payload, expected)?;
            let mut all = Vec::new();
            while let Some(chunk) = body.next().await? {
                all.extend(chunk);
            }
            Ok((all, body.finish().await?))
        };
        work.await.map_err(|error: Error| error.code().name())
    }

    #[tokio::test]
    async fn bytes_are_those_that_were_announced() {
        let (bytes, arrived) =
            took(&["hel", "", "lo"], &[("content-length", "5")], Payload::Unsigned).await.unwrap();
        assert_eq!(
            (bytes.as_slice(), arrived.sum.unwrap().value.as_str()),
            (&b"hello"[..], "NhCmhg==")
        );
        let hello = ("content-md5", "XUFAKrxLKna5cZ2REBfFkg==");
        assert!(
            took(&["hello"], &[hello, ("x-amz-checksum-crc32", "NhCmhg==")], Payload::Unsigned)
                .await
                .is_ok()
        );
        for (headers, code) in [
            (("content-length", "4"), "IncompleteBody"),
            (("content-length", "6"), "IncompleteBody"),
            (("content-md5", "AAAAAAAAAAAAAAAAAAAAAA=="), "BadDigest"),
            (("content-md5", ""), "InvalidDigest"),
            (("content-md5", "AAAA"), "InvalidDigest"),
            (("x-amz-checksum-crc32", "AAAAAA=="), "BadDigest"),
            (("x-amz-checksum-crc32", "A"), "BadDigest"),
            (("x-amz-trailer", "x-amz-checksum-crc32"), "BadDigest"),
            (("x-amz-trailer", "x-amz-checksum-md4"), "InvalidRequest"),
        ] {
            let found = took(&["hello"], &[headers], Payload::Unsigned).await;
            assert_eq!(found.err(), Some(code), "{headers:?}");
        }
        let wrong = took(&["hello"], &[], Payload::Sha256([0; 32])).await;
        assert_eq!(wrong.err(), Some("XAmzContentSHA256Mismatch"));
    }

    #[tokio::test]
    async fn trailers_count_only_where_they_were_announced() {
        let body = ["5\r\nhello\r\n0\r\nx-amz-checksum-", "crc32:AAAAAA==\r\n\r\n"];
        let length = ("x-amz-decoded-content-length", "5");
        let announced = [length, ("x-amz-trailer", "x-amz-checksum-crc32")];
        assert_eq!(took(&body, &announced, Payload::Chunked).await.err(), Some("BadDigest"));
        assert!(took(&body, &[length], Payload::Chunked).await.is_ok());
        assert_eq!(took(&body, &[], Payload::Chunked).await.err(), Some("MissingContentLength"));
        let short = [("x-amz-decoded-content-length", "4")];
        assert_eq!(took(&body, &short, Payload::Chunked).await.err(), Some("IncompleteBody"));
    }

    #[tokio::test]
    async fn a_document_takes_memory_by_its_bytes() {
        let memory = Memory::default();
        let expected = || Expected { length: Some(1 << 20), ..Expected::default() };
        let mut held = memory.holder();
        let body = Incoming::plain(arriving(&["short"]), expected()).unwrap();
        assert_eq!(
            body.document(1 << 20, &mut held).await.unwrap_err().code(),
            Code::IncompleteBody
        );
        let body = Incoming::plain(arriving(&["long"]), Expected::default()).unwrap();
        let refused = body.document(3, &mut held).await.unwrap_err();
        assert_eq!(refused.code(), Code::MaxMessageLengthExceeded);
        let body = Incoming::plain(stream::pending().boxed(), expected()).unwrap();
        let refused = body.document(3, &mut held).await.unwrap_err();
        assert_eq!(refused.code(), Code::MaxMessageLengthExceeded, "before any byte arrives");
    }
}
