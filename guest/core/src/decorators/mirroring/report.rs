//! Combines the outcomes of the children into one error.

use storage_contract::types::{Error, too_long};

/// The outcome of an operation on one child.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Done,
    Undone,
    Skipped,
    Failed(Error),
    /// It was not asked, because it is down.
    LeftOut(Error),
}

impl Outcome {
    /// The error, if the child did not take part.
    pub(super) fn error(&self) -> Option<&Error> {
        match self {
            Outcome::Failed(error) | Outcome::LeftOut(error) => Some(error),
            Outcome::Done | Outcome::Undone | Outcome::Skipped => None,
        }
    }
}

/// The error of an operation that succeeded on too few children.
///
/// If every child failed with the same error, that is the error. Otherwise the
/// message lists the children. The error is `Unavailable` if a retry could help any
/// of them, else the case that the failures have in common (an invalid key stays an
/// invalid key).
pub(super) fn combine(
    store: &str,
    names: &[String],
    what: &str,
    key: &str,
    outcomes: &[Outcome],
) -> Error {
    let failed = || outcomes.iter().filter_map(Outcome::error);
    let mut failures = failed();
    let all_failed = failed().count() == outcomes.len();
    if let Some(first) = failures.next().filter(|_| all_failed)
        && failures.all(|error| error == first)
    {
        return first.clone();
    }
    let parts: Vec<String> = names
        .iter()
        .zip(outcomes)
        .map(|(name, outcome)| match outcome {
            Outcome::Done => format!("child {name:?}: done"),
            Outcome::Undone => format!("child {name:?}: done and taken back"),
            Outcome::Skipped => format!("child {name:?}: left alone"),
            Outcome::Failed(error) | Outcome::LeftOut(error) => format!("child {name:?}: {error}"),
        })
        .collect();
    let text = format!("store {store:?}: {what} {key:?}: {}", parts.join("; "));
    if failed().any(|error| matches!(error, Error::Unavailable(_))) {
        return Error::Unavailable(text);
    }
    let Some(first) = failed().next() else { return Error::Other(text) };
    if failed().any(|error| error.code() != first.code()) {
        return Error::Other(text);
    }
    match first {
        Error::InvalidKey(_) if failed().all(Error::is_key_too_long) => too_long(&text),
        Error::InvalidKey(_) => Error::InvalidKey(text),
        Error::InvalidData(_) => Error::InvalidData(text),
        Error::Unsupported(_) => Error::Unsupported(text),
        Error::PermissionDenied(_) => Error::PermissionDenied(text),
        Error::LimitExceeded(_) => Error::LimitExceeded(text),
        _ => Error::Other(text),
    }
}
