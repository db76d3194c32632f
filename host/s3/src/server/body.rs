//! The bytes of request and response bodies.

use super::checksum::{Algorithm, Sum};
use super::digest::Digests;
use super::error;
use super::linger::Failure;
use bytes::Bytes;
use futures::StreamExt;
use http::{Extensions, HeaderMap, HeaderValue};
use s3s::checksum::ChecksumHasher;
use s3s::dto::{self, StreamingBlob};
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::sync::Arc;
use storage_store::chunk_size::piece;
use storage_store::source::{Ended, Source};

/// What a client announced about the bytes of a body.
#[derive(Default)]
pub struct Expected {
    /// Base64, as in the header.
    pub content_md5: Option<String>,
    pub length: Option<i64>,
    pub sums: dto::Checksum,
    /// The checksum to store if the client sends none.
    pub wanted: Option<Algorithm>,
}

/// The [`Expected`] of a request. The inputs of PutObject and UploadPart have
/// the same fields but share no trait.
macro_rules! expected {
    ($input:ident, $headers:expr, $wanted:expr) => {
        $crate::server::body::Expected {
            content_md5: $input.content_md5,
            length: $crate::server::body::length($headers, $input.content_length),
            sums: $crate::server::checksum::or_of_headers(
                $crate::server::checksum::sums!($input),
                $headers,
            ),
            wanted: $wanted,
        }
    };
}

pub(super) use expected;

/// The object's length in bytes, if the client states it.
pub fn length(headers: &HeaderMap, content_length: Option<i64>) -> Option<i64> {
    match headers.get("x-amz-decoded-content-length") {
        Some(decoded) => decoded.to_str().ok().and_then(|text| text.parse().ok()),
        None if headers
            .get("content-encoding")
            .is_some_and(|v| v.as_bytes().starts_with(b"aws-chunked")) =>
        {
            None
        }
        None => content_length,
    }
}

/// A request body that is verified at its end.
pub struct Incoming {
    body: Option<StreamingBlob>,
    expected: Expected,
    /// The algorithms whose checksums the client sends.
    sent: Vec<Algorithm>,
    digests: Digests,
    length: u64,
    trailers: Option<s3s::TrailingHeaders>,
    failure: Failure,
    signed: Signed,
}

/// What of a body the client signed.
#[derive(Clone, Copy)]
enum Signed {
    Nothing,
    Whole,
    Chunks,
}

impl Signed {
    fn of(headers: &HeaderMap) -> Self {
        let payload = headers.get("x-amz-content-sha256").map(HeaderValue::as_bytes);
        match payload.unwrap_or_default() {
            hash if hash.len() == 64 => Self::Whole,
            payload if payload.starts_with(b"STREAMING-AWS4-") => Self::Chunks,
            _ => Self::Nothing,
        }
    }
}

impl Incoming {
    pub fn new(
        body: Option<StreamingBlob>,
        expected: Expected,
        headers: &HeaderMap,
        extensions: &Extensions,
        trailers: Option<s3s::TrailingHeaders>,
    ) -> Self {
        let failure = extensions.get::<Failure>().cloned().unwrap_or_default();
        let announced: Vec<String> = headers
            .get_all("x-amz-trailer")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(|name| name.trim().to_ascii_lowercase())
            .collect();
        let is_sent = |algorithm: &Algorithm| {
            algorithm.of(&expected.sums).is_some()
                || announced.iter().any(|trailer| trailer == algorithm.header())
        };
        let sent: Vec<_> = Algorithm::ALL.into_iter().filter(is_sent).collect();
        let mut hasher = ChecksumHasher::default();
        let wanted = expected.wanted.filter(|wanted| !sent.contains(wanted));
        for algorithm in sent.iter().copied().chain(wanted) {
            algorithm.start(&mut hasher);
        }
        let (digests, signed) = (Digests::new(hasher), Signed::of(headers));
        Self { body, expected, sent, digests, length: 0, trailers, failure, signed }
    }

    /// The algorithms of the checksums that the client announced.
    pub fn sent(&self) -> &[Algorithm] {
        &self.sent
    }

    /// The next bytes; `None` at the end.
    pub async fn next(&mut self) -> S3Result<Option<Bytes>> {
        let Some(body) = &mut self.body else { return Ok(None) };
        let next = body.next().await;
        let Some(chunk) = next.transpose().map_err(|error| self.broken(&*error))? else {
            self.body = None;
            return Ok(None);
        };
        self.digests.update(chunk.clone()).await?;
        self.length += chunk.len() as u64;
        Ok(Some(chunk))
    }

    /// The S3 error for a body that broke off, or that arrived and is not the one that
    /// was signed. The library's own errors are private types.
    fn broken(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) -> S3Error {
        if let Some(failure) = self.failure.get() {
            return failure;
        }
        if let Some(error) = error.downcast_ref::<S3Error>() {
            return S3Error::with_message(error.code().clone(), error.to_string());
        }
        match self.signed {
            Signed::Whole => {
                let text = "the body doesn't have the hash in x-amz-content-sha256";
                let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
                let mut error = S3Error::with_message(code, text);
                error.set_status_code(http::StatusCode::BAD_REQUEST);
                error
            }
            Signed::Chunks => {
                let text = "the chunks of the body are not those that were signed";
                S3Error::with_message(S3ErrorCode::SignatureDoesNotMatch, text)
            }
            Signed::Nothing => {
                S3Error::with_message(S3ErrorCode::IncompleteBody, error.to_string())
            }
        }
    }

    /// Verifies length, MD5 and checksums. Call it after the last bytes, since
    /// trailers arrive then.
    pub async fn finish(self) -> S3Result<Arrived> {
        let bad = |what: &str| {
            let text =
                format!("the bytes that arrived don't have the {what} that was sent with them");
            Err(S3Error::with_message(S3ErrorCode::BadDigest, text))
        };
        if self.body.is_some() {
            return Err(S3Error::new(S3ErrorCode::IncompleteBody));
        }
        let length = i64::try_from(self.length).unwrap_or(i64::MAX);
        if self.expected.length.is_some_and(|expected| expected != length) {
            return Err(S3Error::new(S3ErrorCode::IncompleteBody));
        }
        let (md5, sums) = self.digests.finish().await?;
        if let Some(expected) = self.expected.content_md5 {
            match base64_simd::STANDARD.decode_to_vec(expected.as_bytes()) {
                Ok(digest) if digest.len() == md5.len() => {
                    if digest != md5 {
                        return bad("Content-MD5");
                    }
                }
                _ => {
                    let text = "Content-MD5 is not an MD5 in Base64";
                    return Err(S3Error::with_message(S3ErrorCode::InvalidDigest, text));
                }
            }
        }
        let trailers = self.trailers.and_then(|trailers| trailers.take()).unwrap_or_default();
        for algorithm in &self.sent {
            let header = algorithm.of(&self.expected.sums).map(String::as_str);
            let trailer = trailers.get(algorithm.header()).and_then(|value| value.to_str().ok());
            // An announced checksum that never came is as wrong as a different
            // value.
            if header.or(trailer) != algorithm.of(&sums).map(String::as_str) {
                return bad(algorithm.name());
            }
        }
        let kept = self.sent.first().copied().or(self.expected.wanted);
        let sum = kept.and_then(|algorithm| {
            let value = algorithm.of(&sums)?.clone();
            Some(Sum { algorithm, composite: false, value })
        });
        Ok(Arrived { md5, ended: Ended::own(self.length), sum })
    }
}

/// A body that arrived completely.
pub struct Arrived {
    pub md5: [u8; 16],
    pub ended: Ended,
    /// By the first algorithm that the client sent, else by the wanted one.
    pub sum: Option<Sum>,
}

/// A source as a response body. If the source fails, the client sees a broken
/// connection: the last bytes are sent only after the source has ended well.
/// `in_use` is held until then.
pub fn outgoing(source: Source, in_use: Arc<()>) -> StreamingBlob {
    let start = (source, in_use);
    let stream = futures::stream::try_unfold(start, |(mut source, in_use)| async move {
        let chunk = source.next(piece()).await.inspect_err(|error| {
            tracing::error!(%error, "an object could not be read to its end");
        })?;
        Ok::<_, storage_store::Error>((!chunk.is_empty()).then_some((chunk, (source, in_use))))
    });
    // Response streams must be `Sync`; only the owner polls this one.
    StreamingBlob::wrap(sync_wrapper::SyncStream::new(stream))
}

/// An object's bytes as the request body of another object.
pub fn moved(source: Source, key: &str) -> StreamingBlob {
    let start = (source, key.to_owned());
    let stream = futures::stream::try_unfold(start, |(mut source, key)| async move {
        let chunk = source.next(piece()).await.map_err(|error| error::s3_read(error, &key))?;
        Ok::<_, S3Error>((!chunk.is_empty()).then_some((chunk, (source, key))))
    });
    StreamingBlob::wrap(sync_wrapper::SyncStream::new(stream))
}

/// The S3 error for a part that can't be stored; the log has the cause.
pub fn staging_failed(error: &std::io::Error) -> S3Error {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    if !matches!(error.kind(), StorageFull | QuotaExceeded) {
        let what = "a part of the upload could not be kept; see the server's log";
        return error::internal(what, error);
    }
    let what = "the server's disk has no room for this part of the upload; it was not kept";
    tracing::error!(%error, "{what}");
    let mut answer = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), what);
    answer.set_status_code(http::StatusCode::INSUFFICIENT_STORAGE);
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;

    fn incoming(payload: &'static str, extensions: &Extensions, error: &'static str) -> Incoming {
        of(futures::stream::iter([Err(std::io::Error::other(error))]), payload, extensions)
    }

    fn of(
        body: impl futures::Stream<Item = std::io::Result<Bytes>> + Send + Sync + 'static,
        payload: &'static str,
        extensions: &Extensions,
    ) -> Incoming {
        let headers = HeaderMap::from_iter([(
            http::HeaderName::from_static("x-amz-content-sha256"),
            HeaderValue::from_static(payload),
        )]);
        let body = Some(StreamingBlob::wrap(body));
        Incoming::new(body, Expected::default(), &headers, extensions, None)
    }

    #[test]
    fn what_was_signed_and_not_a_message_tells_what_is_wrong_with_a_body() {
        const HASH: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        for (payload, code) in [
            ("UNSIGNED-PAYLOAD", "IncompleteBody"),
            ("STREAMING-UNSIGNED-PAYLOAD-TRAILER", "IncompleteBody"),
            ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "SignatureDoesNotMatch"),
            (HASH, "XAmzContentSHA256Mismatch"),
        ] {
            for text in ["Sha256Mismatch", "signature", "wrong"] {
                let mut body = incoming(payload, &Extensions::new(), text);
                let error = body.next().now_or_never().unwrap().unwrap_err();
                assert_eq!(error.code().as_str(), code, "{payload}: {text}");
            }
        }
    }

    #[test]
    fn a_body_waits_without_a_clock_of_its_own() {
        // A timer would panic, since no runtime drives one here.
        let mut body = of(futures::stream::pending(), "UNSIGNED-PAYLOAD", &Extensions::new());
        assert!(body.next().now_or_never().is_none());
    }

    #[test]
    fn a_client_that_sent_nothing_for_long_hears_so_whatever_it_signed() {
        let failure = Failure::default();
        let _ = failure.set(S3ErrorCode::RequestTimeout, "late");
        let mut extensions = Extensions::new();
        extensions.insert(failure);
        for payload in ["UNSIGNED-PAYLOAD", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"] {
            let mut body = incoming(payload, &extensions, "wrapped");
            let error = body.next().now_or_never().unwrap().unwrap_err();
            assert_eq!(error.code(), &S3ErrorCode::RequestTimeout, "{payload}");
        }
    }

    #[test]
    fn a_full_disk_is_told_to_the_client_as_such() {
        let full = staging_failed(&std::io::ErrorKind::StorageFull.into());
        assert_eq!(full.status_code().map(|s| s.as_u16()), Some(507));
        assert_eq!(full.code().as_str(), "InsufficientStorage");
        let broken = staging_failed(&std::io::ErrorKind::Other.into());
        assert_eq!(broken.status_code().map(|s| s.as_u16()), Some(500));
    }
}
