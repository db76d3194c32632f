//! Checksums of objects: algorithms, and their form in headers, documents and metadata.

use crate::protocol::error::{Result, error};
use crate::protocol::head::Head;
use crate::protocol::response::{Response, set};
use crate::protocol::xml::read::Element;
use crate::protocol::xml::write::Writer;
use base64_simd::STANDARD;
use crc_fast::CrcAlgorithm;
use serde::{Deserialize, Serialize};
use sha1::Sha1;
use sha2::{Digest, Sha256};
use storage_store::checksum::CHECKSUM;

/// The checksum algorithms of S3.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Algorithm {
    Crc32,
    Crc32c,
    Crc64Nvme,
    Sha1,
    Sha256,
}

impl Algorithm {
    pub const ALL: [Self; 5] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256];

    /// The algorithm that S3 uses when the client names none. It costs a tenth of the MD5
    /// that every object gets anyway.
    pub const DEFAULT: Self = Self::Crc64Nvme;

    /// The S3 name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
        }
    }

    /// The element of documents that holds the checksum.
    pub fn element(self) -> &'static str {
        match self {
            Self::Crc32 => "ChecksumCRC32",
            Self::Crc32c => "ChecksumCRC32C",
            Self::Crc64Nvme => "ChecksumCRC64NVME",
            Self::Sha1 => "ChecksumSHA1",
            Self::Sha256 => "ChecksumSHA256",
        }
    }

    /// The header or trailer that carries the checksum.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
        }
    }

    fn crc(self) -> Option<CrcAlgorithm> {
        match self {
            Self::Crc32 => Some(CrcAlgorithm::Crc32IsoHdlc),
            Self::Crc32c => Some(CrcAlgorithm::Crc32Iscsi),
            Self::Crc64Nvme => Some(CrcAlgorithm::Crc64Nvme),
            Self::Sha1 | Self::Sha256 => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
        }
    }

    /// Reads a name.
    pub fn parse(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|a| a.name().eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            error!(
                InvalidRequest,
                "there is no checksum {name:?}: CRC32, CRC32C, CRC64NVME, SHA1, SHA256"
            )
        })
    }

    /// The algorithm that a header names.
    pub fn named(head: &Head<'_>, header: &str) -> Result<Option<Self>> {
        head.one(header)?.map(Self::parse).transpose()
    }

    /// Whether multipart uploads default to a checksum of their parts' checksums.
    pub fn is_composite(self) -> bool {
        self != Self::Crc64Nvme
    }

    /// Checks the form of a checksum; that of parts ends in a dash and their number.
    pub fn check(self, value: &str) -> Result<()> {
        let (digest, count) = match value.split_once('-') {
            Some((digest, count)) => (digest, Some(count)),
            None => (value, None),
        };
        let is_count = count.is_none_or(|count| count.parse::<u32>().is_ok());
        let digest = STANDARD.decode_to_vec(digest).ok();
        match digest.is_some_and(|digest| digest.len() == self.bytes()) && is_count {
            true => Ok(()),
            false => Err(error!(
                BadDigest,
                "the value of {} is not a {} in Base64",
                self.header(),
                self.name()
            )),
        }
    }
}

/// Computes a checksum.
pub enum Hasher {
    Crc(Algorithm, crc_fast::Digest),
    Sha1(Sha1),
    Sha256(Sha256),
}

impl Hasher {
    pub fn new(algorithm: Algorithm) -> Self {
        match (algorithm, algorithm.crc()) {
            (_, Some(crc)) => Self::Crc(algorithm, crc_fast::Digest::new(crc)),
            (Algorithm::Sha1, None) => Self::Sha1(Sha1::new()),
            (_, None) => Self::Sha256(Sha256::new()),
        }
    }

    pub fn algorithm(&self) -> Algorithm {
        match self {
            Self::Crc(algorithm, _) => *algorithm,
            Self::Sha1(_) => Algorithm::Sha1,
            Self::Sha256(_) => Algorithm::Sha256,
        }
    }

    pub fn is_crc(&self) -> bool {
        matches!(self, Self::Crc(..))
    }

    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Crc(_, digest) => digest.update(bytes),
            Self::Sha1(digest) => digest.update(bytes),
            Self::Sha256(digest) => digest.update(bytes),
        }
    }

    pub fn finish(self) -> Sum {
        let algorithm = self.algorithm();
        let value = match self {
            Self::Crc(_, digest) => crc_text(algorithm, digest.finalize()),
            Self::Sha1(digest) => STANDARD.encode_to_string(digest.finalize()),
            Self::Sha256(digest) => STANDARD.encode_to_string(digest.finalize()),
        };
        Sum { algorithm, composite: false, value }
    }
}

/// A CRC in Base64.
fn crc_text(algorithm: Algorithm, crc: u64) -> String {
    let all = crc.to_be_bytes();
    let unused = all.len() - algorithm.bytes();
    STANDARD.encode_to_string(all.get(unused..).unwrap_or_default())
}

/// The checksums that a client sends.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent(Vec<(Algorithm, String)>);

impl Sent {
    /// Those in headers.
    pub fn in_headers(head: &Head<'_>) -> Result<Self> {
        let mut sent = Vec::new();
        for algorithm in Algorithm::ALL {
            if let Some(value) = head.one(algorithm.header())? {
                algorithm.check(value)?;
                sent.push((algorithm, value.to_owned()));
            }
        }
        Ok(Self(sent))
    }

    /// Those in an element of a document.
    pub fn in_element(element: &Element) -> Result<Self> {
        let mut sent = Vec::new();
        for algorithm in Algorithm::ALL {
            let value = element.text_of(algorithm.element())?;
            sent.extend(value.map(|value| (algorithm, value.trim().to_owned())));
        }
        Ok(Self(sent))
    }

    /// The value by this algorithm.
    pub fn of(&self, algorithm: Algorithm) -> Option<&str> {
        self.0.iter().find(|(found, _)| *found == algorithm).map(|(_, value)| value.as_str())
    }

    /// The algorithms.
    pub fn algorithms(&self) -> impl Iterator<Item = Algorithm> {
        self.0.iter().map(|(algorithm, _)| *algorithm)
    }
}

/// The checksum of an object or part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sum {
    pub algorithm: Algorithm,
    /// Whether this is a checksum of the parts' checksums rather than of all bytes.
    pub composite: bool,
    /// Base64; a composite checksum ends in `-` and the number of parts.
    pub value: String,
}

impl Sum {
    /// The composite checksum of parts with these checksums; `None` if one has none.
    pub fn of_parts<'a>(
        algorithm: Algorithm,
        parts: impl IntoIterator<Item = Option<&'a str>>,
    ) -> Option<Self> {
        let mut hasher = Hasher::new(algorithm);
        let mut count = 0;
        for part in parts {
            hasher.update(&STANDARD.decode_to_vec(part?).ok()?);
            count += 1;
        }
        let sum = hasher.finish();
        Some(Self { composite: true, value: format!("{}-{count}", sum.value), ..sum })
    }

    /// The checksum of all bytes of parts with these sizes and checksums. `None` unless it
    /// is a CRC, which alone can be combined.
    pub fn of_all<'a>(
        algorithm: Algorithm,
        parts: impl IntoIterator<Item = (u64, Option<&'a str>)>,
    ) -> Option<Self> {
        let crc = algorithm.crc()?;
        let mut all = None;
        for (size, sum) in parts {
            let mut bytes = [0; 8];
            let sum = STANDARD.decode_to_vec(sum?).ok()?;
            bytes.get_mut(8_usize.checked_sub(sum.len())?..)?.copy_from_slice(&sum);
            let sum = u64::from_be_bytes(bytes);
            all = Some(match all {
                None => sum,
                Some(before) => crc_fast::checksum_combine(crc, before, sum, size),
            });
        }
        Some(Self { algorithm, composite: false, value: crc_text(algorithm, all?) })
    }

    /// The S3 name of its type.
    pub fn kind(&self) -> &'static str {
        kind(self.composite)
    }

    /// Adds it to the headers of a response.
    pub fn show(&self, response: &mut Response) {
        set(response, self.algorithm.header(), &self.value);
        set(response, "x-amz-checksum-type", self.kind());
    }

    /// Adds it to a document.
    pub fn write(&self, writer: &mut Writer) {
        writer.text(self.algorithm.element(), &self.value);
    }

    /// The metadata entry for an object sent as `length` bytes. The length tells
    /// [`Sum::kept`] whether the store changed the bytes (as JsonStore does), which makes
    /// the checksum wrong.
    pub fn keep(&self, length: u64) -> (String, String) {
        let (algorithm, kind) = (self.algorithm.name(), self.kind());
        (CHECKSUM.to_owned(), format!("{algorithm} {kind} {} {length}", self.value))
    }

    /// Parses the metadata of an object of `size` bytes. Returns `None` if the size differs
    /// from that of the bytes sent.
    pub fn kept(text: &str, size: Option<u64>) -> Option<Self> {
        let mut words = text.split(' ');
        let algorithm = Algorithm::parse(words.next()?).ok()?;
        let composite = words.next()? == kind(true);
        let value = words.next()?.to_owned();
        let length: u64 = words.next()?.parse().ok()?;
        size.is_none_or(|size| size == length).then_some(Self { algorithm, composite, value })
    }
}

/// The S3 name of a checksum's type.
pub fn kind(composite: bool) -> &'static str {
    if composite { "COMPOSITE" } else { "FULL_OBJECT" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(algorithm: Algorithm, bytes: &[u8]) -> Sum {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(bytes);
        hasher.finish()
    }

    #[test]
    fn the_checksums_of_known_bytes_are_those_that_others_compute() {
        for (algorithm, value) in [
            (Algorithm::Crc32, "NhCmhg=="),
            (Algorithm::Crc32c, "mnG7TA=="),
            (Algorithm::Crc64Nvme, "M3eFcAZSQlc="),
            (Algorithm::Sha1, "qvTGHdzF6KLavt4PO0gs2a6pQ00="),
            (Algorithm::Sha256, "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ="),
        ] {
            assert_eq!(sum(algorithm, b"hello").value, value);
            algorithm.check(value).unwrap();
        }
    }

    #[test]
    fn what_is_kept_is_read_again() {
        for algorithm in Algorithm::ALL {
            let sum = sum(algorithm, b"hello");
            assert_eq!(Sum::kept(&sum.keep(5).1, Some(5)).unwrap(), sum);
            let parts = Sum::of_parts(algorithm, [Some(sum.value.as_str()); 3]).unwrap();
            assert!(parts.value.ends_with("-3") && algorithm.check(&parts.value).is_ok());
            assert_eq!(Sum::kept(&parts.keep(5).1, None).unwrap(), parts);
        }
        for strange in
            ["", "CRC32", "CRC9 FULL_OBJECT x 5", "CRC32 COMPOSITE", "CRC32 COMPOSITE x 6"]
        {
            assert_eq!(Sum::kept(strange, Some(5)), None, "{strange:?}");
        }
    }

    #[test]
    fn checksums_of_parts_are_combined_if_they_are_crcs() {
        let all = b"several parts, one of which is empty";
        for algorithm in Algorithm::ALL {
            let parts = [&all[..7], &all[7..7], &all[7..8], &all[8..]];
            let sums = parts.map(|part| sum(algorithm, part).value);
            let told = |sums: &[String]| {
                let sums = sums.iter().map(|sum| Some(sum.as_str()));
                let sizes = parts.iter().map(|part| part.len() as u64);
                Sum::of_all(algorithm, sizes.zip(sums))
            };
            let wanted = Some(sum(algorithm, all)).filter(|_| algorithm.crc().is_some());
            assert_eq!(told(&sums), wanted);
            assert_eq!(Sum::of_all(algorithm, [(5, Some(sums[0].as_str())), (1, None)]), None);
        }
    }

    #[test]
    fn what_is_no_checksum_is_refused() {
        for wrong in ["", "x", "NhCmhg", "AAAAAAAA", "NhCmhg==-x", "NhCmhg==-"] {
            assert!(Algorithm::Crc32.check(wrong).is_err(), "{wrong:?}");
        }
    }
}
