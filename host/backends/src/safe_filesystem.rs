//! SafeFilesystemStore: every object is a file in one directory, named by its key
//! in Base32 (RFC 4648 section 6, padded with `_`).

use super::backend::{Backend, Medium, OpenArgs};
use super::blocking::blocking;
use super::filesystem::key_mapped::{KeyMapped, Naming};
use super::filesystem::{FileType, Filesystem, FlatListing, OddKeys, Verdict, special};
use async_trait::async_trait;
use data_encoding::{Encoding, Specification};
use std::path::PathBuf;
use std::sync::Arc;
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::skipped::why_no_key;
use storage_store::{
    Capabilities, Error, ListOptions, Page, Result, SharedStore, check_key, key_too_long,
};

/// The store type.
pub static BACKEND: Backend = Backend {
    name: "SafeFilesystemStore",
    aliases: &["AsyncSafeFilesystemStore"],
    config_schema: Config::JSON_SCHEMA,
    doc: "Objects as files of one directory; the name is the key in Base32.",
    medium: Medium::Folder { property: "root_path", keys: false },
    files: &[],
    open: |args| Box::pin(blocking(move || open(&args))),
};

options! {
    struct Config {
        /// The directory of the objects; made when missing.
        root_path: PathBuf,
        /// Whether a write is on disk (fsync) before it is acknowledged.
        durable: bool = true,
    }
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let config: Config = args.parse()?;
    let files = Filesystem::open(args, &config.root_path, config.durable, OddKeys::Refuse)?;
    let mut base32 = Specification::new();
    base32.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    base32.padding = Some('_');
    let base32 = base32.encoding().map_err(|e| Error::Other(e.to_string()))?;
    Ok(Arc::new(KeyMapped { files, naming: Base32 { base32, flat: Arc::default() } }))
}

/// The longest key: Base32 turns five bytes into eight characters, and a file name
/// has at most 255.
const MAX_KEY_BYTES: usize = 155;

struct Base32 {
    base32: Encoding,
    flat: Arc<FlatListing>,
}

#[async_trait]
impl Naming for Base32 {
    fn capabilities(&self, files: Capabilities) -> Capabilities {
        files
    }

    fn path(&self, key: &str) -> Result<String> {
        check_key(key)?;
        if key.len() > MAX_KEY_BYTES {
            return Err(key_too_long(key, MAX_KEY_BYTES, "a key in Base32, which is a file name,"));
        }
        Ok(self.base32.encode(key.as_bytes()))
    }

    async fn list(&self, files: &Filesystem, options: ListOptions) -> Result<Page> {
        let base32 = self.base32.clone();
        if options.skipped {
            let prefix = options.prefix.clone();
            return files
                .list_skipped(options, move |path, kind| judge(&base32, &prefix, path, kind))
                .await;
        }
        files.list_flat(&self.flat, options, move |name| key(&base32, name)).await
    }
}

/// The key of a file; `None` if the name encodes no key. (The decoder accepts only
/// what the encoder writes, so two names never share a key.)
fn key(base32: &Encoding, name: &str) -> Option<String> {
    let key = base32.decode(name.as_bytes()).ok()?;
    match why_none(&key) {
        None => String::from_utf8(key).ok(),
        Some(_) => None,
    }
}

/// Why these bytes can't be a key.
fn why_none(key: &[u8]) -> Option<String> {
    let too_long = key.len() > MAX_KEY_BYTES;
    why_no_key(key)
        .or_else(|| too_long.then(|| format!("its key has more than {MAX_KEY_BYTES} bytes")))
}

/// Decides whether an entry of the root is an object.
fn judge(base32: &Encoding, prefix: &str, name: &[u8], kind: FileType) -> Verdict {
    let (key, reason) = match (special(kind), kind) {
        (Some(special), _) => (None, Some(special.to_owned())),
        (None, FileType::Directory) => (None, Some("a folder".to_owned())),
        (None, _) => match base32.decode(name) {
            Err(_) => (None, Some("its name is not a key in Base32".to_owned())),
            Ok(key) => {
                let reason = why_none(&key);
                (Some(key), reason)
            }
        },
    };
    // An entry without a key may belong to any prefix.
    let wanted = key.is_none_or(|key| key.starts_with(prefix.as_bytes()));
    reason.filter(|_| wanted).map_or(Verdict::Passed, Verdict::Skipped)
}
