//! Regular expressions from configuration.
//!
//! The syntax is that of the `regex` crate, which matches any key in linear time.
//! It has no look-around and no back-references.

use regex::{Regex, RegexBuilder};
use storage_contract::types::{Error, Result};

/// The most memory for a compiled pattern, in bytes.
const SIZE_LIMIT: usize = 1024 * 1024;

/// Compiles a pattern of the store `name`; `InvalidConfig` if that fails.
pub fn compile(name: &str, pattern: &str) -> Result<Regex> {
    // The only difference in syntax that matters to plain Python patterns.
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

/// Anchors a pattern at the start of the text, like Python's `re.match`, or with
/// `full` at both ends, like `re.fullmatch`.
pub fn anchored(pattern: &str, full: bool) -> String {
    match full {
        true => format!(r"\A(?:{pattern})\z"),
        false => format!(r"\A(?:{pattern})"),
    }
}
