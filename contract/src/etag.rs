//! Masks etags that look like the MD5 of an object's bytes but belong to other
//! bytes.
//!
//! The etag of an object written through a transforming decorator is that of the
//! plain bytes. Readers of the store below, or of a decorator that the object was
//! not written through, get it masked, because clients verify MD5 etags.

use crate::types::ObjectInfo;

/// The metadata entry with an object's plain sizes, outermost first: one for each
/// transforming decorator that it was written through.
pub const SIZES: &str = "storage-size";

/// The suffix of masked etags; no S3 server creates such an etag.
const MASK: &str = "-0";

/// Whether an etag has the form of an MD5.
pub fn is_md5(etag: &str) -> bool {
    etag.len() == 32 && etag.bytes().all(|b| b.is_ascii_hexdigit())
}

/// Whether a decorator encoded the object, so that its etag is that of the plain
/// bytes.
pub fn is_of_plain(info: &ObjectInfo) -> bool {
    info.metadata.iter().any(|(name, _)| name == SIZES)
}

/// Masks an etag that is not the MD5 of the bytes that go with it.
pub fn mask(etag: String) -> String {
    if is_md5(&etag) { etag + MASK } else { etag }
}

/// Restores an etag that [`mask`] changed.
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
