//! Forms: how keys become paths below a directory, and paths keys.

use super::odd_names;
use super::sidecar::SidecarPlace;
use std::borrow::Cow;
use storage_store::check_key;

/// How the keys of a tree become paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The key is the path.
    Plain,
    /// As [`odd_names`] says.
    Odd,
}

impl Form {
    /// The path of a key.
    pub(super) fn path(self, key: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => key.into(),
            Self::Odd => odd_names::path(key).into(),
        }
    }

    /// The beginning of the paths of all keys that begin with `prefix`.
    pub(super) fn prefix(self, prefix: &str) -> Cow<'_, str> {
        match self {
            Self::Plain => prefix.into(),
            Self::Odd => odd_names::prefix(prefix).into(),
        }
    }

    /// The key of a file; `None` if the file is no object.
    pub(super) fn key(self, path: &str) -> Option<Cow<'_, str>> {
        let key = match self {
            Self::Plain => (!SidecarPlace::is_reserved(path)).then_some(path.into()),
            Self::Odd => odd_names::key(path).map(Cow::from),
        };
        key.filter(|key| check_key(key).is_ok())
    }

    pub(super) fn is_object(self, path: &str) -> bool {
        self.key(path).is_some()
    }

    /// Whether objects may be in this folder.
    pub(super) fn may_enter(self, folder: &str) -> bool {
        self == Self::Odd || !SidecarPlace::is_reserved(folder)
    }
}
