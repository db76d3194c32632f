//! SafeFilesystemStore: any key as one file name, in Base32 (RFC 4648 section
//! 6, with `_` where it pads), all in one directory.

use super::blocking::blocking;
use super::filesystem::{Filesystem, Flat, Naming, Renamed};
use super::{Backend, OpenArgs};
use crate::store::{
    Capabilities, Error, ListOptions, Page, Result, SharedStore, check_key, key_too_long,
};
use async_trait::async_trait;
use data_encoding::{Encoding, Specification};
use serde::Deserialize;
use std::path::PathBuf;
use std::sync::Arc;

/// The type, for the registry.
pub static BACKEND: Backend = Backend {
    name: "SafeFilesystemStore",
    aliases: &["AsyncSafeFilesystemStore"],
    config_schema: r#"{
        "type": "object",
        "properties": {
            "root_path": {
                "type": "string",
                "description": "The directory of the objects; made when missing."
            },
            "durable": {
                "type": "boolean",
                "description": "Whether a write is on disk (fsync) before it is acknowledged.",
                "default": true
            }
        },
        "required": ["root_path"],
        "additionalProperties": false
    }"#,
    doc: "Objects as files of one directory; the name is the key in Base32.",
    place: Some("root_path"),
    files: &[],
    open: |args| Box::pin(blocking(move || open(&args))),
};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    root_path: PathBuf,
    #[serde(default = "super::yes")]
    durable: bool,
}

fn open(args: &OpenArgs) -> Result<SharedStore> {
    let config = Config::deserialize(&args.config).map_err(|e| args.bad(&e.to_string()))?;
    let files = Filesystem::open(args, &config.root_path, config.durable)?;
    let mut base32 = Specification::new();
    base32.symbols.push_str("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567");
    base32.padding = Some('_');
    let base32 = base32.encoding().map_err(|e| Error::Other(e.to_string()))?;
    Ok(Arc::new(Renamed { files, naming: Base32 { base32, flat: Arc::default() } }))
}

/// The longest key: eight characters for five bytes, in a name of at most 255.
const MAX_KEY_BYTES: usize = 155;

struct Base32 {
    base32: Encoding,
    flat: Arc<Flat>,
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
        files.list_flat(&self.flat, options, move |name| key(&base32, name)).await
    }
}

/// The key of a file; `None` for a name that no key has. (The decoder takes
/// only what the encoder writes, so no two names are one key.)
fn key(base32: &Encoding, name: &str) -> Option<String> {
    let key = String::from_utf8(base32.decode(name.as_bytes()).ok()?).ok()?;
    (check_key(&key).is_ok() && key.len() <= MAX_KEY_BYTES).then_some(key)
}
