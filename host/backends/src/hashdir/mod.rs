//! HashdirStore: objects as files in folders named by the SHA-256 of their keys:
//! `82/54/c3/29a9…`. A hash can't be turned back into its key, so the store can
//! list its objects only if it keeps an [`index`].

mod hashed;
mod index;
mod unknown;

use super::backend::{Backend, Medium, OpenArgs};
use super::blocking::blocking;
use super::filesystem::key_mapped::KeyMapped;
use super::filesystem::{Filesystem, OddKeys};
use super::sqlite;
use hashed::Hashed;
use index::Indexed;
use serde_json::json;
use std::path::PathBuf;
use std::sync::Arc;
use storage_contract::options;
use storage_contract::options::Options;
use storage_store::{Result, SharedStore};
use unknown::Unknown;

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "HashdirStore",
    aliases: &["AsyncHashdirStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects as files in folders named after the hash of their keys.",
    medium: Medium::Folder { property: "root_path", keys: false },
    files: &[],
    open: |args| Box::pin(open(args)),
};

options! {
    struct Config {
        /// The directory of the objects; made when missing.
        root_path: PathBuf,
        /// Characters of the hash in the name of each folder.
        #[schema(minimum: 1, maximum: 63)]
        width: usize = 2,
        /// How many folders deep; width times depth is at most 63.
        #[schema(minimum: 0, maximum: 63)]
        depth: usize = 3,
        /// Whether to keep the keys, in a database beside the objects, so that they can be
        /// listed.
        index: bool = false,
        /// Whether a write is on disk (fsync) before it is acknowledged.
        durable: bool = true,
    }
}

async fn open(args: OpenArgs) -> Result<SharedStore> {
    let config: Config = args.parse()?;
    let (width, depth) = (config.width, config.depth);
    if width * depth > 63 {
        return Err(args.bad(&format!(
            "width {width} and depth {depth}: width times depth is at most 63, since a hash has \
             64 characters"
        )));
    }
    let opened = blocking(move || {
        let files = Filesystem::open(&args, &config.root_path, config.durable, OddKeys::Refuse)?;
        let place = files.side_directory().join("keys.db");
        Ok((args, files, config, place))
    });
    let (args, files, config, place) = opened.await?;
    let layout = Hashed { width, depth };
    let store = KeyMapped { files: files.clone(), naming: layout };
    if !config.index {
        return Ok(Arc::new(store));
    }
    let config = json!({"db_path": place, "durable": config.durable});
    // The index holds no objects, so create it even if the store is only read: the
    // Python library leaves none.
    let create = !args.is_check();
    let index = (sqlite::BACKEND.open)(OpenArgs { config, create, ..args }).await?;
    let unknown = Unknown::new(files, layout);
    Ok(Arc::new(Indexed { store: Arc::new(store), index, unknown }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filesystem::key_mapped::Naming;

    #[test]
    fn the_path_is_the_hash_in_pieces() {
        let path = |width, depth| Hashed { width, depth }.path("hello").unwrap();
        assert_eq!(
            path(2, 3),
            "2c/f2/4d/ba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
        );
        assert_eq!(path(1, 1), "2/cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        assert_eq!(path(5, 0).len(), 64);
        assert_eq!(path(63, 1).split_once('/').unwrap().1, "4");
    }
}
