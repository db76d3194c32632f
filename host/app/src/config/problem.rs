//! Configuration problems and their places in the file.

use super::position::Position;
use std::fmt;

/// A problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The place in the file.
    pub place: Position,
    /// What is wrong, and how to fix it, if known.
    pub message: String,
}

/// How many problems to report. Nobody reads more, and each may cost a search
/// for the intended name.
const MAX_PROBLEMS: usize = 100;

/// How many names to compare with a wrong one, and up to which length in bytes.
const MAX_COMPARED: usize = 1_000;
const MAX_NAME: usize = 256;

/// The first problems found, and the number of further ones.
#[derive(Debug, Default)]
pub(super) struct Problems {
    told: Vec<Problem>,
    more: usize,
}

impl Problems {
    /// Adds a problem, or only counts it if there are enough.
    pub fn push(&mut self, problem: Problem) {
        match self.told.len() < MAX_PROBLEMS {
            true => self.told.push(problem),
            false => self.more += 1,
        }
    }

    /// Adds all problems of `other`.
    pub fn extend(&mut self, other: Problems) {
        self.more += other.more;
        other.told.into_iter().for_each(|problem| self.push(problem));
    }

    /// The number of problems, reported or not.
    pub fn len(&self) -> usize {
        self.told.len() + self.more
    }

    /// Whether there are no problems.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The problems to report.
    pub fn told(&self) -> &[Problem] {
        &self.told
    }

    /// The reported problems added after the first `before`.
    pub fn since(&mut self, before: usize) -> impl Iterator<Item = &mut Problem> {
        self.told.iter_mut().skip(before)
    }

    /// Like [`suggest`], but empty if the problem will not be reported.
    pub fn hint<'a>(&self, wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
        match self.told.len() < MAX_PROBLEMS {
            true => suggest(wrong, names),
            false => String::new(),
        }
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self { told: vec![problem], more: 0 }
    }
}

/// The problems of a configuration, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file's name.
    pub file: String,
    /// At least one problem, and no more than a person reads.
    pub problems: Vec<Problem>,
    /// The number of further problems.
    pub more: usize,
}

impl ConfigError {
    pub(super) fn new(file: &str, problems: impl Into<Problems>) -> Self {
        let Problems { told: mut problems, more } = problems.into();
        problems.sort_by_key(|problem| problem.place);
        problems.dedup();
        Self { file: file.to_owned(), problems, more }
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
        match self.more {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more problems", self.file),
        }
    }
}

impl std::error::Error for ConfigError {}

/// `; did you mean "x"?` if one of `names` is close to `wrong`; otherwise the
/// names themselves if they are few.
pub(crate) fn suggest<'a>(wrong: &str, names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match closest(wrong, &names) {
        Some(name) => format!("; did you mean {name:?}?"),
        None if names.is_empty() => String::new(),
        None if names.len() <= 12 => format!("; there are: {}", names.join(", ")),
        None => String::new(),
    }
}

/// The name that is probably meant by `wrong`.
pub(crate) fn closest<'a>(wrong: &str, names: &[&'a str]) -> Option<&'a str> {
    let lower = wrong.to_lowercase();
    // `Gzip` means GzipStore, though more letters are missing than present.
    let short = |name: &str| name.strip_suffix("store").unwrap_or(name).to_owned();
    let distance = |name: &str| {
        let name = name.to_lowercase();
        let whole = strsim::damerau_levenshtein(&lower, &name);
        let least = whole.min(strsim::damerau_levenshtein(&lower, &short(&name)));
        // `Mirror` means MirroringStore, and `Cache` CachingStore.
        let same = lower.chars().zip(name.chars()).take_while(|(a, b)| a == b).count();
        if same >= 3 && same + 1 >= lower.chars().count() { least.min(1) } else { least }
    };
    let near = |length: usize| length.abs_diff(wrong.len()) <= wrong.len() / 2 + 2;
    names
        .iter()
        // A cheap filter: names of very different length are no typing mistake.
        .filter(|name| {
            wrong.len() <= MAX_NAME
                && [0, "store".len()].iter().any(|less| near(name.len().saturating_sub(*less)))
        })
        .take(MAX_COMPARED)
        .map(|name| (distance(name), name))
        .min()
        // A short name with no letter in common is a different name.
        .filter(|(distance, name)| *distance < wrong.len().max(name.len()))
        .filter(|(distance, name)| *distance <= 1 + wrong.len().min(name.len()) / 4)
        .map(|(_, name)| *name)
}

#[cfg(test)]
mod tests {
    use super::suggest;

    #[test]
    fn what_is_meant_is_found_without_its_suffix_and_in_any_case() {
        let types = ["GzipStore", "ZipStore", "DictStore", "CachingStore", "MirroringStore"];
        let hint = |wrong| suggest(wrong, types.into_iter());
        for (wrong, meant) in [
            ("Gzip", "GzipStore"),
            ("gzip", "GzipStore"),
            ("zip", "ZipStore"),
            ("GZIPSTORE", "GzipStore"),
            ("Cachng", "CachingStore"),
            ("Cache", "CachingStore"),
            ("mirror", "MirroringStore"),
        ] {
            assert_eq!(hint(wrong), format!("; did you mean {meant:?}?"));
        }
        assert!(hint("Nothing").starts_with("; there are: "));
    }
}
