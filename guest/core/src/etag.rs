//! Etags that look like the MD5 of an object's bytes and are of other bytes.
//!
//! The etag of an object that was written through a transforming decorator is of
//! the plain bytes. To a reader of the store below, or of a decorator that the
//! object was not written through, it is shown masked: clients compare an MD5.

use crate::types::ObjectInfo;

/// The metadata entry with the plain sizes of an object, outermost first: one
/// for each transforming decorator between the object and its writer.
pub const SIZES: &str = "storage-size";

/// No S3 server makes such an etag.
const MASK: &str = "-0";

/// Whether an etag may be an MD5.
pub fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether the bytes that go with `info` are what a decorator made of those
/// that its etag is of.
pub fn is_of_plain(info: &ObjectInfo) -> bool {
    info.metadata.iter().any(|(name, _)| name == SIZES)
}

/// As an etag is shown that is no MD5 of the bytes that go with it.
pub fn mask(etag: String) -> String {
    if is_md5(&etag) { etag + MASK } else { etag }
}

/// The etag behind one that was shown.
pub fn unmask(etag: &str) -> String {
    etag.strip_suffix(MASK).filter(|etag| is_md5(etag)).unwrap_or(etag).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_an_md5_is_masked_and_found_again() {
        let md5 = "0123456789abcdef0123456789abcdef";
        let shown = mask(md5.to_owned());
        assert_eq!(shown, "0123456789abcdef0123456789abcdef-0");
        assert_eq!(unmask(&shown), md5);
        for other in ["", "-0", "x-0", "0123456789abcdef0123456789abcdef-1"] {
            assert_eq!(mask(other.to_owned()), other);
            assert_eq!(unmask(other), other);
        }
    }
}
