//! The checksum that goes with an object in its metadata.
//!
//! The entry has the algorithm, `FULL_OBJECT` or `COMPOSITE` (S3's names for a checksum of
//! all bytes, and for one of the checksums of parts), the value in Base64, and the number
//! of bytes that it is of. The S3 endpoint shows it to clients, and comparisons use it
//! instead of reading.

use crate::object_store::ObjectInfo;
use base64_simd::STANDARD;
use crc_fast::{CrcAlgorithm, Digest};
use storage_contract::etag::is_of_plain;

pub use storage_contract::types::CHECKSUM;

/// The words before the value of a CRC-64/NVME of all bytes.
const CRC64: &str = "CRC64NVME FULL_OBJECT";

/// Computes the CRC-64/NVME of an object's bytes.
pub struct Crc64 {
    digest: Digest,
    length: u64,
}

impl Default for Crc64 {
    fn default() -> Self {
        Self { digest: Digest::new(CrcAlgorithm::Crc64Nvme), length: 0 }
    }
}

impl Crc64 {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.digest.update(bytes);
        self.length += bytes.len() as u64;
    }

    /// The metadata entry of an object with these bytes.
    pub fn entry(&self) -> (String, String) {
        (CHECKSUM.to_owned(), format!("{CRC64} {} {}", self.value(), self.length))
    }

    /// The value in Base64.
    pub fn value(&self) -> String {
        STANDARD.encode_to_string(self.digest.finalize().to_be_bytes())
    }
}

/// The CRC-64/NVME of an object's bytes, in Base64, if it is known. A store that changes
/// bytes leaves the entry as it is: it counts only with the number of bytes that the object
/// has, and not below the decorator that encoded them.
pub fn crc64(info: &ObjectInfo) -> Option<&str> {
    if is_of_plain(info) {
        return None;
    }
    let (_, text) = info.metadata.iter().find(|(name, _)| name == CHECKSUM)?;
    let (value, length) = text.strip_prefix(CRC64)?.trim_start().split_once(' ')?;
    (length.parse() == Ok(info.size?)).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_of_the_bytes_that_it_was_made_from() {
        let mut crc = Crc64::default();
        crc.update(b"hel");
        crc.update(b"lo");
        let entry = crc.entry();
        assert_eq!(entry.1, "CRC64NVME FULL_OBJECT M3eFcAZSQlc= 5");
        let info = |size, entry: &(String, String)| ObjectInfo {
            size,
            metadata: vec![entry.clone()],
            ..ObjectInfo::default()
        };
        assert_eq!(crc64(&info(Some(5), &entry)), Some("M3eFcAZSQlc="));
        assert_eq!(crc64(&info(Some(6), &entry)), None);
        assert_eq!(crc64(&info(None, &entry)), None);
        for other in ["CRC32 FULL_OBJECT NhCmhg== 5", "CRC64NVME COMPOSITE M3eFcAZSQlc=-1 5", ""] {
            assert_eq!(crc64(&info(Some(5), &(CHECKSUM.to_owned(), other.to_owned()))), None);
        }
    }
}
