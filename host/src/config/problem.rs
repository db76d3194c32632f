//! What is wrong with a configuration, and where.

use super::Place;
use std::fmt;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Where in the file.
    pub place: Place,
    /// What is wrong, and the cure where there is one.
    pub message: String,
}

/// Everything that is wrong with a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name.
    pub file: String,
    /// At least one problem.
    pub problems: Vec<Problem>,
}

impl ConfigError {
    pub(super) fn new(file: &str, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.place);
        problems.dedup();
        Self { file: file.to_owned(), problems }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, Problem { place, message }) in self.problems.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{}:{}:{}: {message}", self.file, place.line, place.column)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// `; did you mean "x"?` when one of `names` is close to `wrong`, otherwise
/// the names themselves when they are few.
pub(crate) fn suggest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    let lower = wrong.to_lowercase();
    // `Gzip` is GzipStore, though more letters are missing than are there.
    let short = |name: &str| name.strip_suffix("store").unwrap_or(name).to_owned();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let whole = strsim::damerau_levenshtein(&lower, &name);
        whole.min(strsim::damerau_levenshtein(&lower, &short(&name)))
    };
    let close = names
        .iter()
        .map(|name| (distance(name), name))
        .min()
        // Where nothing of a short name is right, it is another name.
        .filter(|(distance, name)| *distance < wrong.len().max(name.len()))
        .filter(|(distance, name)| *distance <= 1 + wrong.len().min(name.len()) / 4);
    match close {
        Some((_, name)) => format!("; did you mean {name:?}?"),
        None if names.is_empty() => String::new(),
        None if names.len() <= 12 => format!("; there are: {}", names.join(", ")),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn what_is_meant_is_found_without_its_suffix_and_in_any_case() {
        let types = ["GzipStore", "ZipStore", "DictStore", "CachingStore"];
        let hint = |wrong| suggest(wrong, types.into_iter());
        for (wrong, meant) in [
            ("Gzip", "GzipStore"),
            ("gzip", "GzipStore"),
            ("zip", "ZipStore"),
            ("GZIPSTORE", "GzipStore"),
            ("Cachng", "CachingStore"),
        ] {
            assert_eq!(hint(wrong), format!("; did you mean {meant:?}?"));
        }
        assert!(hint("Nothing").starts_with("; there are: "));
    }
}
