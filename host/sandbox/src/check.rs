//! Checks that a plug-in's answers conform to the contract. An answer that passes may
//! still be wrong, but it can't exceed its limits or pass for something else.

use super::plugin::output::clean;
use storage_store::{
    Error, ListOptions, MAX_INLINE_BYTES, ObjectInfo, PAGE_LIMIT, Page, ReadOptions, check_key,
};

/// The most bytes of an etag or a content type.
const MAX_FIELD: usize = 1_024;

/// The most bytes of the user metadata of one object.
const MAX_METADATA: usize = 64 * 1024;

/// The most bytes of the reason for a skipped entry.
const MAX_REASON: usize = 256;

/// The most bytes of an error message.
const MAX_MESSAGE: usize = 2 * 1024;

/// A checked answer, or a description of what is wrong with it.
pub type Checked<T> = Result<T, String>;

/// Checks an object's properties.
pub fn info(info: ObjectInfo) -> Checked<ObjectInfo> {
    for (what, field) in [("etag", &info.etag), ("content type", &info.content_type)] {
        let Some(text) = field else { continue };
        if text.len() > MAX_FIELD || text.chars().any(char::is_control) {
            return Err(format!("it gave an {what} with control characters, or one too long"));
        }
    }
    let total: usize = info.metadata.iter().map(|(name, value)| name.len() + value.len()).sum();
    let fits = |(name, value): &(String, String)| {
        !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_graphic() && !b.is_ascii_uppercase())
            && !value.contains(['\r', '\n', '\0'])
    };
    if total > MAX_METADATA || !info.metadata.iter().all(fits) {
        return Err("it gave user metadata that no object can have".to_owned());
    }
    Ok(info)
}

/// Checks an object or range that was returned inline.
pub fn inline(data: &[u8], known: &ObjectInfo, options: &ReadOptions) -> Checked<()> {
    if data.len() as u64 > MAX_INLINE_BYTES {
        return Err(format!("it gave {} bytes at once, at most {MAX_INLINE_BYTES}", data.len()));
    }
    match expected(known, options)? {
        Some(bytes) if bytes != data.len() as u64 => {
            Err(format!("it gave {} bytes of an object or range of {bytes}", data.len()))
        }
        _ => Ok(()),
    }
}

/// The bytes that a reader must return; `None` if the size is unknown.
pub fn expected(known: &ObjectInfo, options: &ReadOptions) -> Checked<Option<u64>> {
    let Some(size) = known.size else { return Ok(None) };
    let Some(range) = options.range else { return Ok(Some(size)) };
    let resolved = range.resolve(size).map_err(|_| {
        format!("it opened a range outside of the object, which has {size} bytes as it says")
    })?;
    Ok(Some(resolved.1 - resolved.0))
}

/// Checks a page of a listing.
pub fn page(mut page: Page, asked: &ListOptions) -> Checked<Page> {
    let most = asked.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
    // A plug-in that does not know the option lists objects, which were not asked for.
    match asked.skipped {
        true => page.entries.clear(),
        false => page.skipped.clear(),
    }
    if page.skipped.len() > most {
        return Err(format!(
            "it left out {} entries in one part, at most {most}",
            page.skipped.len()
        ));
    }
    for skipped in &mut page.skipped {
        skipped.entry = clean(&skipped.entry, 2 * MAX_FIELD);
        skipped.reason = clean(&skipped.reason, MAX_REASON);
    }
    if page.entries.len() > most {
        return Err(format!("it listed {} keys where {most} were asked for", page.entries.len()));
    }
    for entry in &page.entries {
        if check_key(&entry.key).is_err() || !entry.key.starts_with(&asked.prefix) {
            return Err("it listed a key that can't be one, or is not below the prefix".to_owned());
        }
    }
    if page.next.is_some() && page.next == asked.start_after {
        return Err(
            "its listing does not get on: the next part starts where this one does".to_owned()
        );
    }
    let Page { entries, skipped, next } = page;
    let entries = entries
        .into_iter()
        .map(|entry| Ok(storage_store::Entry { key: entry.key, info: info(entry.info)? }));
    Ok(Page { entries: entries.collect::<Checked<_>>()?, skipped, next })
}

/// A plug-in's error, with its message cut and put on one line.
pub fn error(error: Error) -> Error {
    let clean = |text: String| clean(&text, MAX_MESSAGE);
    match error {
        Error::InvalidKey(m) => Error::InvalidKey(clean(m)),
        Error::InvalidConfig(m) => Error::InvalidConfig(clean(m)),
        Error::InvalidData(m) => Error::InvalidData(clean(m)),
        Error::Unsupported(m) => Error::Unsupported(clean(m)),
        Error::PermissionDenied(m) => Error::PermissionDenied(clean(m)),
        Error::LimitExceeded(m) => Error::LimitExceeded(clean(m)),
        Error::Unavailable(m) => Error::Unavailable(clean(m)),
        Error::Other(m) => Error::Other(clean(m)),
        plain => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_store::{ByteRange, Entry, Skipped};

    fn of_size(size: u64) -> ObjectInfo {
        ObjectInfo { size: Some(size), ..ObjectInfo::default() }
    }

    #[test]
    fn an_answer_of_another_length_than_said_is_refused() {
        let whole = ReadOptions::default();
        let range = ReadOptions { range: Some(ByteRange::span(2, 100)), ..whole.clone() };
        assert_eq!(inline(b"1234", &of_size(4), &whole), Ok(()));
        assert_eq!(inline(b"34", &of_size(4), &range), Ok(()));
        assert!(inline(b"123", &of_size(4), &whole).is_err());
        assert!(inline(b"12345", &of_size(4), &whole).is_err());
        assert!(inline(b"", &of_size(1), &range).is_err());
        assert_eq!(inline(b"any", &ObjectInfo::default(), &whole), Ok(()));
    }

    #[test]
    fn a_listing_can_not_stand_still_or_give_what_was_not_asked_for() {
        let entry = |key: &str| Entry { key: key.to_owned(), info: ObjectInfo::default() };
        let asked = ListOptions {
            prefix: "a".to_owned(),
            start_after: Some("a1".to_owned()),
            limit: Some(2),
            skipped: false,
        };
        let of = |keys: &[&str], next: Option<&str>| {
            Page::of(keys.iter().map(|key| entry(key)).collect(), next.map(str::to_owned))
        };
        assert!(page(of(&["a2", "a3"], Some("a3")), &asked).is_ok());
        for wrong in [
            of(&["a2", "a3", "a4"], None),
            of(&["b"], None),
            of(&["a\0"], None),
            of(&[], Some("a1")),
        ] {
            assert!(page(wrong.clone(), &asked).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn what_is_left_out_is_bounded_clean_and_only_given_when_asked_for() {
        let one = Skipped { entry: "a\r\x1b[31m".to_owned(), reason: "x".repeat(10_000) };
        let of = |count: usize| Page::of_skipped(vec![one.clone(); count], None);
        let mut asked = ListOptions { limit: Some(2), ..ListOptions::default() };
        assert!(page(of(1), &asked).unwrap().skipped.is_empty());
        asked.skipped = true;
        let told = page(of(2), &asked).unwrap().skipped;
        assert_eq!(told[0].entry, "a\\r\\u{1b}[31m");
        assert!(told[0].reason.len() < 300);
        assert!(page(of(3), &asked).is_err());
        // A plug-in that does not know the option lists its objects.
        let objects = Page::of(vec![Entry::default()], None);
        assert!(page(objects, &asked).unwrap().entries.is_empty());
    }

    #[test]
    fn fields_can_not_break_out_of_a_header() {
        let with = |etag: &str| ObjectInfo { etag: Some(etag.to_owned()), ..of_size(1) };
        assert!(info(with("abc-1")).is_ok());
        assert!(info(with("a\r\nSet-Cookie: b")).is_err());
        let metadata = vec![("Upper".to_owned(), "x".to_owned())];
        assert!(info(ObjectInfo { metadata, ..of_size(1) }).is_err());
    }
}
