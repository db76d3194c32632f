//! Regular expressions from configuration.
//!
//! The syntax is that of the `regex` crate, which matches in linear time
//! whatever the key; it lacks look-around and back-references.

use crate::types::{Error, Result};
use regex::{Regex, RegexBuilder};

/// The most memory of a compiled pattern.
const SIZE_LIMIT: usize = 1024 * 1024;

/// Compiles a pattern of the store `name`.
pub fn compile(name: &str, pattern: &str) -> Result<Regex> {
    // The one difference in syntax that plain patterns from Python have.
    let pattern = pattern.replace(r"\Z", r"\z");
    RegexBuilder::new(&pattern).size_limit(SIZE_LIMIT).dfa_size_limit(SIZE_LIMIT).build().map_err(
        |error| {
            let last = error.to_string();
            let last =
                last.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
            Error::InvalidConfig(format!(
                "store {name:?}: the pattern {pattern:?} can't be used: {last}"
            ))
        },
    )
}

/// As Python's `re.match`: the pattern is found at the start of `text`; with
/// `full`, as `re.fullmatch`.
pub fn anchored(pattern: &str, full: bool) -> String {
    match full {
        true => format!(r"\A(?:{pattern})\z"),
        false => format!(r"\A(?:{pattern})"),
    }
}
