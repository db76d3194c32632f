//! Errors about keys, where a store has other keys in its base.

use crate::store::Writer;
use crate::types::{Error, ObjectInfo, Result, Trailer, shorten};

impl Error {
    /// Names the caller's `key` in an `InvalidKey` of a base, where it is `base_key`. The
    /// message then has both: the caller's, and the one that the lowest store refused.
    #[must_use]
    pub fn with_key(self, key: &str, base_key: &str) -> Self {
        let Error::InvalidKey(text) = self else { return self };
        if key == base_key {
            return Error::InvalidKey(text);
        }
        let quoted = |key| format!("{:?}", shorten(key));
        let (key, base_key) = (quoted(key), quoted(base_key));
        // Where the base maps keys, too, it has named the one that it was given.
        let named = text.strip_prefix(&format!("the key {base_key}"));
        let named = named.filter(|rest| rest.starts_with(':') || rest.starts_with(" ("));
        Error::InvalidKey(match named {
            Some(rest) => format!("the key {key}{rest}"),
            None if text.contains(&base_key) => format!("the key {key}: {text}"),
            None => format!("the key {key} ({base_key} in the base): {text}"),
        })
    }
}

/// A writer of a base, whose errors name the caller's key.
pub struct MappedWriter {
    writer: Box<dyn Writer>,
    key: String,
    base_key: String,
}

impl MappedWriter {
    /// The writer of a base that was opened for `base_key`, for the caller's `key`.
    pub fn new(writer: Box<dyn Writer>, key: &str, base_key: &str) -> Self {
        Self { writer, key: key.to_owned(), base_key: base_key.to_owned() }
    }
}

impl Writer for MappedWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.writer.push(chunk).map_err(|error| error.with_key(&self.key, &self.base_key))
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let Self { writer, key, base_key } = *self;
        writer.finish(trailer).map_err(|error| error.with_key(&key, &base_key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn through(text: &str, keys: &[&str]) -> String {
        let start = Error::InvalidKey(text.to_owned());
        let named = keys.windows(2).fold(start, |error, pair| error.with_key(pair[1], pair[0]));
        let Error::InvalidKey(text) = named else { panic!("{named}") };
        text
    }

    #[test]
    fn a_message_names_the_callers_key_and_the_refused_one_however_many_stores_map_keys() {
        let keys = ["c/b/a/k", "b/a/k", "a/k", "k"];
        assert_eq!(
            through("\"c/b/a/k\" can't be a file", &keys),
            "the key \"k\": \"c/b/a/k\" can't be a file"
        );
        assert_eq!(
            through("a part of it is a link", &keys),
            "the key \"k\" (\"c/b/a/k\" in the base): a part of it is a link"
        );
        assert_eq!(through("no", &["k", "k", "k"]), "no");
        assert_eq!(
            through("the key \"a/k\" is refused: url", &["a/k", "k", "n"]),
            "the key \"n\": the key \"a/k\" is refused: url"
        );
        let long = "x".repeat(5_000);
        let shown = through("no", &["y", &long]);
        assert!(shown.len() < 200, "{shown}");
        assert_eq!(Error::NotFound.with_key("k", "a/k"), Error::NotFound);
    }
}
