//! The metadata of transforming decorators: plain sizes, outermost first, in the
//! entry `storage-size`.

pub use storage_contract::etag::unmask;
use storage_contract::etag::{SIZES, mask};
use storage_contract::types::{Metadata, ObjectInfo, PutOptions, ReadOptions};

/// The sizes in `metadata`.
pub fn sizes(metadata: &Metadata) -> Option<&str> {
    metadata.iter().find(|(name, _)| name == SIZES).map(|(_, sizes)| sizes.as_str())
}

/// Adds this decorator's plain size to the sizes in `metadata`, or if it has none
/// to those in `before`.
pub fn push_size(metadata: &mut Metadata, before: Option<&str>, size: u64) {
    let sizes = match sizes(metadata).or(before) {
        Some(outer) => format!("{outer},{size}"),
        None => size.to_string(),
    };
    metadata.retain(|(name, _)| name != SIZES);
    metadata.push((SIZES.to_owned(), sizes));
}

/// Converts the base's info to that for readers of this decorator: takes its own
/// plain size off the list.
pub fn show(mut info: ObjectInfo) -> ObjectInfo {
    let found = info.metadata.iter().position(|(name, _)| name == SIZES);
    let mark = found.map(|at| info.metadata.remove(at).1).unwrap_or_default();
    let (outer, own) = match mark.rsplit_once(',') {
        Some((outer, own)) => (Some(outer), own),
        None => (None, mark.as_str()),
    };
    info.size = own.parse().ok();
    if let Some(outer) = outer {
        info.metadata.push((SIZES.to_owned(), outer.to_owned()));
    }
    // Not written through this decorator: the etag does not belong to the plain
    // bytes, so mask it.
    if info.size.is_none() {
        info.etag = info.etag.map(mask);
    }
    info
}

/// Converts a reader's options for the base: the whole object, with unmasked etags.
pub fn read_options(options: &ReadOptions) -> ReadOptions {
    ReadOptions {
        range: None,
        if_match: options.if_match.as_deref().map(unmask),
        if_none_match: options.if_none_match.as_deref().map(unmask),
    }
}

/// Converts a writer's options for the base, with unmasked etags.
pub fn put_options(options: &PutOptions) -> PutOptions {
    let if_match = options.if_match.as_deref().map(unmask);
    PutOptions { if_match, ..options.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(sizes: Option<&str>) -> ObjectInfo {
        let metadata = sizes.map(|s| (SIZES.to_owned(), s.to_owned())).into_iter().collect();
        let etag = Some("0123456789abcdef0123456789abcdef".to_owned());
        ObjectInfo { size: Some(7), etag, metadata, ..ObjectInfo::default() }
    }

    #[test]
    fn nested_decorators_each_take_their_own_size() {
        let mut metadata = Metadata::new();
        push_size(&mut metadata, None, 1000);
        push_size(&mut metadata, None, 500);
        let shown = show(ObjectInfo { metadata, ..info(None) });
        assert_eq!(shown.size, Some(500));
        let shown = show(shown);
        assert_eq!((shown.size, shown.metadata.len()), (Some(1000), 0));
    }

    #[test]
    fn an_md5_of_encoded_bytes_is_not_shown_as_one() {
        let shown = show(info(None));
        let etag = shown.etag.unwrap();
        assert_eq!((shown.size, etag.as_str()), (None, "0123456789abcdef0123456789abcdef-0"));
        assert_eq!(Some(unmask(&etag)), info(None).etag);
        assert_eq!(show(info(Some("9"))).etag, info(None).etag);
    }

    #[test]
    fn a_broken_mark_is_an_unknown_size() {
        for broken in ["", "x", "1,", "-5", "99999999999999999999999"] {
            assert_eq!(show(info(Some(broken))).size, None, "{broken}");
        }
    }
}
