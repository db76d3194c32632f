//! The coding of a body in chunks (`aws-chunked`): each with its size and, if signed, a
//! signature, then trailers. See "Signature Calculations for the Authorization Header:
//! Transferring Payload in Multiple Chunks" and "Trailing headers with chunked uploads" of
//! the S3 API reference.
//!
//! Bytes are passed on as they arrive, before the signature of their chunk is: whoever
//! uses them must not publish anything before [`Decoder::finish`].

use super::scope::Chain;
use super::signed::Payload;
use crate::protocol::error::{Code, Error, Result, error};
use bytes::{Bytes, BytesMut};
use sha2::{Digest, Sha256};

/// The most bytes of a line with the size of a chunk.
const MAX_LINE: usize = 512;

/// The most bytes of all trailers.
const MAX_TRAILERS: usize = 8 * 1024;

/// The trailer with the signature of the others.
const SIGNATURE: &str = "x-amz-trailer-signature";

/// Decodes a body in chunks.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// What has arrived and is not decoded yet: part of a line, or of the trailers.
    pending: BytesMut,
    signed: Option<Signed>,
    awaits: Awaits,
    trailers: Vec<(String, String)>,
}

/// What may follow the last chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Awaits {
    /// Any trailers, and the empty line at the end.
    Trailers,
    /// Trailers and then their signature.
    Signature,
    /// The signature: some clients put an empty line before it.
    SignatureAlone,
    /// Only the empty line at the end.
    End,
}

#[derive(Debug)]
struct Signed {
    chain: Box<Chain>,
    digest: Sha256,
    /// The signature of the chunk that is arriving.
    signature: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The line with a chunk's size.
    Size,
    /// A chunk, of which this many bytes are to come.
    Data(u64),
    /// The end of the line after a chunk.
    Line,
    Trailers,
    /// The end. Some clients send one empty line more, which is not there yet.
    End {
        more: bool,
    },
}

impl Decoder {
    /// A decoder for a body that is covered in this way; `None` for one that is not in
    /// chunks.
    pub fn new(payload: &Payload) -> Option<Self> {
        let (signed, awaits) = match payload {
            Payload::Unsigned | Payload::Sha256(_) => return None,
            Payload::Chunked => (None, Awaits::Trailers),
            Payload::SignedChunks { chain, trailers } => {
                let (chain, digest, signature) = (chain.clone(), Sha256::new(), String::new());
                let awaits = if *trailers { Awaits::Signature } else { Awaits::End };
                (Some(Signed { chain, digest, signature }), awaits)
            }
        };
        let (pending, trailers) = (BytesMut::new(), Vec::new());
        Some(Self { state: State::Size, pending, signed, awaits, trailers })
    }

    /// Takes the next bytes of `arrived`, and returns those of the object that are among
    /// them. Call it until `arrived` is empty.
    pub fn decode(&mut self, arrived: &mut Bytes) -> Result<Bytes> {
        while !arrived.is_empty() {
            match self.state {
                State::Data(left) => {
                    let here = usize::try_from(left).unwrap_or(usize::MAX).min(arrived.len());
                    let data = arrived.split_to(here);
                    let left = left - here as u64;
                    self.state = if left == 0 { State::Line } else { State::Data(left) };
                    if let Some(signed) = &mut self.signed {
                        signed.digest.update(&data);
                    }
                    return Ok(data);
                }
                State::Size => {
                    if let Some(line) = self.line(arrived, MAX_LINE)? {
                        self.begin(&line)?;
                    }
                }
                State::Line => {
                    let line = self.line(arrived, 2)?;
                    if line.is_some_and(|line| !line.is_empty()) {
                        return Err(malformed("a chunk is longer than its size"));
                    }
                    if self.pending.is_empty() {
                        self.end_of_chunk()?;
                        self.state = State::Size;
                    }
                }
                State::Trailers => {
                    let taken: usize = self.trailers.iter().map(|(n, v)| n.len() + v.len()).sum();
                    if let Some(line) = self.line(arrived, MAX_TRAILERS.saturating_sub(taken))? {
                        self.trailer(&line)?;
                    }
                }
                State::End { more: true } => {
                    if self.line(arrived, 2)?.is_some_and(|line| !line.is_empty()) {
                        return Err(malformed("there are bytes after its end"));
                    }
                    if self.pending.is_empty() {
                        self.state = State::End { more: false };
                    }
                }
                State::End { more: false } => {
                    return Err(malformed("there are bytes after its end"));
                }
            }
        }
        Ok(Bytes::new())
    }

    /// Ends the body and returns its trailers, by their names in lower case. Fails if the
    /// body is cut off.
    pub fn finish(self) -> Result<Vec<(String, String)>> {
        match self.state {
            State::End { .. } if self.pending.is_empty() => Ok(self.trailers),
            _ => Err(Error::from(Code::IncompleteBody)),
        }
    }

    /// The next line without its end, if all of it has arrived.
    fn line(&mut self, arrived: &mut Bytes, most: usize) -> Result<Option<String>> {
        let end = arrived.iter().position(|byte| *byte == b'\n').map(|at| at + 1);
        let here = end.unwrap_or(arrived.len());
        if self.pending.len() + here > most.max(2) {
            return Err(malformed("a line of it is too long"));
        }
        self.pending.extend_from_slice(&arrived.split_to(here));
        if end.is_none() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.pending);
        // Some clients end trailers so.
        let bare = line.strip_suffix(b"\n").filter(|_| self.state == State::Trailers);
        let line = line.strip_suffix(b"\r\n").or(bare);
        let line = line.ok_or_else(|| malformed("a line has no CRLF"))?;
        let line = std::str::from_utf8(line).map_err(|_| malformed("a line is not text"))?;
        Ok(Some(line.to_owned()))
    }

    fn begin(&mut self, line: &str) -> Result<()> {
        let (size, extension) = line.split_once(';').unwrap_or((line, ""));
        let size = size.trim();
        let is_number = !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit());
        let size = is_number.then(|| u64::from_str_radix(size, 16).ok()).flatten();
        let size = size.ok_or_else(|| malformed("the size of a chunk is not hexadecimal"))?;
        if let Some(signed) = &mut self.signed {
            let signature = extension.trim().strip_prefix("chunk-signature=");
            let signature = signature.ok_or_else(|| malformed("a chunk has no signature"))?;
            signed.signature = signature.trim().to_owned();
        }
        self.state = State::Data(size);
        if size == 0 {
            self.end_of_chunk()?;
            self.state = State::Trailers;
        }
        Ok(())
    }

    fn end_of_chunk(&mut self) -> Result<()> {
        let Some(signed) = &mut self.signed else { return Ok(()) };
        let digest = signed.digest.finalize_reset();
        signed.chain.chunk(&digest, &signed.signature)
    }

    fn trailer(&mut self, line: &str) -> Result<()> {
        if line.is_empty() {
            match self.awaits {
                Awaits::Trailers | Awaits::End => self.state = State::End { more: true },
                Awaits::Signature => self.awaits = Awaits::SignatureAlone,
                Awaits::SignatureAlone => {
                    return Err(malformed("the trailers have no signature"));
                }
            }
            return Ok(());
        }
        let (name, value) =
            line.split_once(':').ok_or_else(|| malformed("a trailer has no value"))?;
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        match (self.awaits, &mut self.signed) {
            (Awaits::Signature | Awaits::SignatureAlone, Some(signed)) if name == SIGNATURE => {
                let all = self.trailers.iter().map(|(name, value)| format!("{name}:{value}\n"));
                signed.chain.trailers(all.collect::<String>().as_bytes(), value)?;
                self.awaits = Awaits::End;
            }
            (Awaits::Trailers | Awaits::Signature, _) if name != SIGNATURE => {
                if self.trailers.iter().any(|(other, _)| *other == name) {
                    return Err(malformed("a trailer is there twice"));
                }
                self.trailers.push((name, value.to_owned()));
            }
            _ => return Err(malformed("a trailer is not signed")),
        }
        Ok(())
    }
}

fn malformed(why: &str) -> Error {
    error!(IncompleteBody, "the body can't be read in chunks: {why}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::scope::CredentialScope;
    use crate::auth::secret::Secret;

    const DATE: &str = "20130524T000000Z";

    fn chain() -> (Chain, Signer) {
        let scope = CredentialScope::parse("K/20130524/us-east-1/s3/aws4_request").unwrap();
        let key = scope.key(&Secret::new("secret"));
        let context = format!("{DATE}\n{}", scope.text());
        let signer = Signer { key: key.clone(), context, previous: "00".to_owned() };
        (Chain::new(key, DATE, &scope, "00"), signer)
    }

    /// Signs as a client does.
    struct Signer {
        key: crate::auth::scope::SigningKey,
        context: String,
        previous: String,
    }

    impl Signer {
        fn sign(&mut self, algorithm: &str, digests: &str) -> String {
            let (context, previous) = (&self.context, &self.previous);
            self.previous =
                self.key.sign(&format!("{algorithm}\n{context}\n{previous}\n{digests}"));
            self.previous.clone()
        }

        fn chunk(&mut self, data: &str) -> String {
            let nothing = hex::encode(Sha256::digest(b""));
            let digests = format!("{nothing}\n{}", hex::encode(Sha256::digest(data)));
            let signature = self.sign("AWS4-HMAC-SHA256-PAYLOAD", &digests);
            let end = if data.is_empty() { "" } else { "\r\n" };
            format!("{:x};chunk-signature={signature}\r\n{data}{end}", data.len())
        }

        fn trailer(&mut self, text: &str) -> String {
            let digest = hex::encode(Sha256::digest(format!("{text}\n")));
            let signature = self.sign("AWS4-HMAC-SHA256-TRAILER", &digest);
            format!("{text}\r\nx-amz-trailer-signature:{signature}\r\n\r\n")
        }
    }

    fn decoded(payload: &Payload, body: &str, pieces: usize) -> Result<(String, usize)> {
        let mut decoder = Decoder::new(payload).unwrap();
        let mut data = Vec::new();
        for piece in body.as_bytes().chunks(pieces) {
            let mut piece = Bytes::copy_from_slice(piece);
            while !piece.is_empty() {
                data.extend(decoder.decode(&mut piece)?);
            }
            assert!(decoder.pending.len() <= MAX_TRAILERS);
        }
        let trailers = decoder.finish()?;
        Ok((String::from_utf8(data).unwrap(), trailers.len()))
    }

    fn signed(trailers: bool) -> (Payload, Signer) {
        let (chain, signer) = chain();
        (Payload::SignedChunks { chain: Box::new(chain), trailers }, signer)
    }

    #[test]
    fn a_body_is_the_bytes_of_its_chunks_however_they_arrive() {
        let plain = "5\r\nhello\r\n1\r\n\n\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n";
        let (payload, mut signer) = signed(false);
        let in_chunks = signer.chunk("hello") + &signer.chunk("\n") + &signer.chunk("") + "\r\n";
        let (with_trailers, mut signer) = signed(true);
        let mut trailing = signer.chunk("hello") + &signer.chunk("\n") + &signer.chunk("");
        trailing += &signer.trailer("x-amz-checksum-crc32:AAAAAA==");
        for pieces in [1, 2, 3, 7, 1_000] {
            let all = [
                decoded(&Payload::Chunked, plain, pieces).unwrap(),
                decoded(&payload, &in_chunks, pieces).unwrap(),
                decoded(&with_trailers, &trailing, pieces).unwrap(),
            ];
            assert_eq!(all, [1, 0, 1].map(|trailers| ("hello\n".to_owned(), trailers)));
        }
        // As minio-go writes them.
        let bare = "5\r\nhello\r\n1\r\n\n\r\n0\r\nx-amz-checksum-crc32:AAAAAA==\n\r\n\r\n";
        let (with_trailers, mut signer) = signed(true);
        let trailing = signer.chunk("hello") + &signer.chunk("\n") + &signer.chunk("");
        let trailer = signer.trailer("x-amz-checksum-crc32:AAAAAA==");
        let trailing = trailing + &trailer.replacen("\r\n", "\n\r\n", 1);
        for pieces in [1, 2, 3, 1_000] {
            for (payload, body) in [(&Payload::Chunked, bare), (&with_trailers, &trailing)] {
                assert_eq!(decoded(payload, body, pieces).unwrap(), ("hello\n".to_owned(), 1));
            }
        }
        let empty = decoded(&Payload::Chunked, "0\r\n\r\n", 1).unwrap();
        assert_eq!(empty, (String::new(), 0));
    }

    #[test]
    fn a_body_that_is_cut_off_or_ill_formed_is_refused() {
        let whole = "5\r\nhello\r\n0\r\na:b\r\n\r\n";
        for cut in 0..whole.len() {
            assert!(decoded(&Payload::Chunked, &whole[..cut], 3).is_err(), "{cut}");
        }
        let long = format!("{}\r\n", "0".repeat(MAX_LINE));
        let trailers = format!("0\r\n{}\r\n", "a:b".repeat(MAX_TRAILERS));
        let many: String = (0..MAX_TRAILERS).map(|n| format!("name-{n}:x\r\n")).collect();
        for wrong in [
            "5\r\nhello0\r\n\r\n",
            "4\r\nhello\r\n0\r\n\r\n",
            "6\r\nhello\r\n0\r\n\r\n",
            "-1\r\n",
            "+5\r\nhello\r\n0\r\n\r\n",
            "\r\n",
            "x\r\n",
            "10000000000000000\r\n",
            "5\nhello\r\n0\r\n\r\n",
            "0\r\n\r\nmore",
            "0\r\n\r\n\r\n\r\n",
            "0\r\n\r\n\r",
            "0\r\nx-amz-trailer-signature:0\r\n\r\n",
            "0\r\nnothing\r\n\r\n",
            "0\r\na:1\r\nA:2\r\n\r\n",
            long.as_str(),
            trailers.as_str(),
            &format!("0\r\n{many}\r\n"),
        ] {
            let shown = &wrong[..wrong.len().min(40)];
            let refused = decoded(&Payload::Chunked, wrong, 5).unwrap_err();
            assert_eq!(refused.code().name(), "IncompleteBody", "{shown:?}");
        }
    }

    #[test]
    fn a_signed_body_can_not_be_changed() {
        let (payload, mut signer) = signed(true);
        let chunks = [signer.chunk("hello"), signer.chunk("world"), signer.chunk("")];
        let trailer = signer.trailer("a:b");
        let [first, second, last] = &chunks;
        let body = |parts: &[&str]| decoded(&payload, &parts.concat(), 10).is_ok();
        assert!(body(&[first, second, last, &trailer]));
        assert!(!body(&[second, first, last, &trailer]), "exchanged");
        assert!(!body(&[first, last, &trailer]), "left out");
        assert!(!body(&[first, first, second, last, &trailer]), "repeated");
        assert!(!body(&[&first.replace("hello", "jello"), second, last, &trailer]));
        assert!(!body(&[first, second, last, &trailer.replace("a:b", "a:c")]));
        assert!(!body(&[first, second, last, "a:b\r\n\r\n"]), "no signature of the trailers");
        assert!(!body(&[first, second, last, "\r\n"]), "no trailers");
        assert!(!body(&["5\r\nhello\r\n", second, last, &trailer]), "no signature");
        let end = trailer.strip_suffix("\r\n").unwrap();
        assert!(!body(&[first, second, last, end, "c:d\r\n\r\n"]), "one after the signature");
        assert!(!body(&[first, second, last, "\r\n", &trailer]), "one after an empty line");
        let (payload, mut signer) = self::signed(false);
        let alone = signer.chunk("");
        assert!(decoded(&payload, &format!("{alone}a:b\r\n\r\n"), 10).is_err(), "not announced");
    }

    #[test]
    fn a_chunk_of_any_size_is_passed_on_as_it_arrives() {
        let mut decoder = Decoder::new(&Payload::Chunked).unwrap();
        let mut head = Bytes::from_static(b"FFFFFFFFFFFFFFFF\r\n");
        assert!(decoder.decode(&mut head).unwrap().is_empty() && head.is_empty());
        for _ in 0..3 {
            let mut piece = Bytes::from(vec![7; 100_000]);
            assert_eq!(decoder.decode(&mut piece).unwrap().len(), 100_000);
            assert!(decoder.pending.is_empty());
        }
    }
}
