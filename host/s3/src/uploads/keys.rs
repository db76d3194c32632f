//! The keys of what is kept of an upload.

/// What the keys of all uploads begin with. No bucket has a name that begins with a dot, so
/// the store may hold buckets, too.
pub const ALL: &str = ".uploads/";

/// The name of an upload's manifest.
pub const MANIFEST: &str = "upload";

/// The name of an upload's outcome.
pub const OUTCOME: &str = "outcome";

/// What the keys of a bucket's uploads begin with.
pub fn of_bucket(bucket: &str) -> String {
    format!("{ALL}{bucket}/")
}

/// What the keys of an upload begin with.
pub fn of_upload(bucket: &str, id: &str) -> String {
    format!("{ALL}{bucket}/{id}/")
}

/// The key of an upload's manifest or outcome.
pub fn named(bucket: &str, id: &str, name: &str) -> String {
    format!("{ALL}{bucket}/{id}/{name}")
}

/// The key of a part. In the order of keys, parts are in that of their numbers.
pub fn part(bucket: &str, id: &str, number: u32) -> String {
    format!("{ALL}{bucket}/{id}/part-{number:05}")
}

/// The number of the part with this name.
pub fn number(name: &str) -> Option<u32> {
    let digits = name.strip_prefix("part-").filter(|digits| digits.len() == 5)?;
    digits.parse().ok()
}

/// Bucket, id and name of what has this key.
pub fn parse(key: &str) -> Option<(&str, &str, &str)> {
    let mut parts = key.strip_prefix(ALL)?.split('/');
    let found = (parts.next()?, parts.next()?, parts.next()?);
    parts.next().is_none().then_some(found)
}

/// Whether this can be the id of an upload.
pub fn is_id(id: &str) -> bool {
    id.len() == 32 && id.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_into_a_key_is_read_from_it() {
        let key = part("b", "7", 10_000);
        assert!(key.starts_with(&of_upload("b", "7")) && key.starts_with(&of_bucket("b")));
        assert_eq!(parse(&key), Some(("b", "7", "part-10000")));
        assert_eq!(number("part-10000"), Some(10_000));
        assert!(part("b", "7", 9) < part("b", "7", 10));
        for other in ["", ".uploads/b/7", ".uploads/b/7/x/y", "b/7/upload"] {
            assert_eq!(parse(other), None, "{other}");
        }
        assert_eq!(number("part-1"), None);
        assert!(
            is_id(&"0a".repeat(16)) && !is_id("../../../../../../../../../../..") && !is_id("")
        );
    }
}
