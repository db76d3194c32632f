//! Store identities, compared when a configuration is reloaded. A store stays
//! open if its definition (with variables expanded) and its bases are
//! unchanged.

use crate::config::{PluginDef, PluginOptions, StoreDef};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use storage_backends::{Backend, Medium};
use storage_sandbox::coordinator::Namespace;
use storage_store::files;

/// Equal only for the same store. Reveals no secrets.
pub(crate) type Identity = u128;

/// The device and inode that a path leads to. If they change (a changed link, a
/// mounted disk), the same definition means another store.
pub(crate) type Target = Option<(u64, u64)>;

/// More than any secret or any system's certificates need.
const MAX_FILE: u64 = 16 << 20;

/// Hashes the parts of a definition, each with its length.
struct Hasher(Sha256);

impl Hasher {
    fn new(what: &str, def: &StoreDef) -> Self {
        Self(Sha256::new()).text(what).text(&def.name).text(&def.kind)
    }

    fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
        self
    }

    fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    fn config(self, def: &StoreDef) -> Self {
        // Sorted, so that the order in the file does not matter.
        let mut config = Value::Object(def.config.clone());
        config.sort_all_objects();
        self.text(&config.to_string())
    }

    fn all(self, identities: impl IntoIterator<Item = Identity>) -> Self {
        identities.into_iter().fold(self, |all, one| all.bytes(&one.to_le_bytes()))
    }

    fn end(self) -> Identity {
        let digest = self.0.finalize();
        let first = digest.first_chunk::<16>().copied().unwrap_or_default();
        Identity::from_le_bytes(first)
    }
}

/// The identity of a backend before it opens. Relative paths start at
/// `directory`.
pub(crate) fn of_backend(
    def: &StoreDef,
    backend: &Backend,
    directory: &Path,
    check_only: bool,
) -> Identity {
    let start = Hasher::new("backend", def).config(def).bytes(&[u8::from(check_only)]);
    let start = start.bytes(directory.as_os_str().as_encoded_bytes());
    let files = backend.files.iter().filter_map(|name| def.config.get(*name)?.as_str());
    // Opening the store reports a file that can't be read.
    let content = |file| files::read(&directory.join(file), MAX_FILE).unwrap_or_default();
    files.fold(start, |all, file| all.bytes(&content(file))).end()
}

/// The identity of an open backend: one that was closed and opened again may
/// have lost its content.
pub(crate) fn of_open(identity: Identity, number: u64) -> Identity {
    Hasher(Sha256::new()).all([identity, number.into()]).end()
}

/// The identity of a decorator with these bases.
pub(crate) fn of_decorator(
    def: &StoreDef,
    plugin: Option<(&PluginDef, &str)>,
    directory: &Path,
    bases: impl IntoIterator<Item = Identity>,
) -> Identity {
    let start = Hasher::new("decorator", def).config(def);
    // Handlers may name files and programs by relative paths.
    let start = start.bytes(directory.as_os_str().as_encoded_bytes());
    let start = match plugin {
        None => start,
        Some((def, sha256)) => {
            let PluginOptions { limits, config_env, .. } = &def.options;
            start.text(sha256).text(&format!("{limits:?} {config_env:?}"))
        }
    };
    start.all(bases).end()
}

/// The identity of a NotifyingStore's handlers.
pub(crate) fn of_handlers(def: &StoreDef) -> Identity {
    Hasher::new("handlers", def).config(def).end()
}

/// The scope of a decorator's shared values. They survive a change of its
/// definition as long as they stay true. A cache's copies depend on its two
/// stores, whatever its `ttl`. What a mirror's children missed depends neither
/// on its policy nor on their order or definitions: as in a journal, children
/// are identified by name.
pub(crate) fn scope(def: &StoreDef, own: Identity, bases: &[Identity]) -> Namespace {
    let start = Hasher::new("scope", def);
    match def.kind.as_str() {
        CACHE => start.all(bases.iter().copied()).end(),
        "MirroringStore" => start.all(bases.iter().skip(def.under().len()).copied()).end(),
        _ => start.all([own]).end(),
    }
}

/// The store type whose values describe another store's content.
pub(crate) const CACHE: &str = "CachingStore";

/// The current target of a backend's path, if a reload must notice its change.
pub(crate) fn target(def: &StoreDef, backend: &Backend, directory: &Path) -> Target {
    if matches!(backend.medium, Medium::File { replaced: true, .. }) {
        return None;
    }
    let path = def.config.get(backend.medium.path()?)?.as_str()?;
    let found = std::fs::metadata(directory.join(path)).ok()?;
    Some((found.dev(), found.ino()))
}

#[cfg(test)]
mod tests;
