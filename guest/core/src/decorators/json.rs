//! `JsonStore`: JSON texts, stored as Python's `json.dumps` writes them.
//!
//! Any JSON text is accepted, and anything else that `json.loads` accepts (`NaN`,
//! `Infinity`, lone surrogates). The stored form is unique, byte for byte: ASCII,
//! `", "` and `": "` as separators, the last of several equal names. Readers get
//! the stored text, so ranges work. The etag stays that of the text sent, so it is
//! the MD5 of the stored text only if the two are equal.
//!
//! Writing a document holds it in memory, up to `max_size` bytes.

mod parse;
#[cfg(test)]
mod tests;

use crate::forward::forward;
use std::rc::Rc;
use storage_contract::kind::{BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::{SharedStore, Store, Writer};
use storage_contract::types::{
    Access, CHECKSUM, Error, Location, ObjectInfo, PutOptions, RESERVED_METADATA, Result, Trailer,
    check_write,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "JsonStore",
    aliases: &["AsyncJsonStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Stores JSON in one form, that of Python's json.dumps",
    build: |args| {
        let Config { max_size } = args.config()?;
        Ok(Rc::new(Json { base: args.base(), max_size }))
    },
};

options! {
    struct Config {
        /// The most bytes of a document, which is held in memory while it is written
        #[schema(format: "bytes", minimum: 1)]
        max_size: u64 = 67108864,
    }
}

struct Json {
    base: SharedStore,
    max_size: u64,
}

fn check_size(size: usize, max_size: u64) -> Result<()> {
    if size as u64 > max_size {
        return Err(Error::LimitExceeded(format!(
            "the document has more than the max_size of {max_size} bytes"
        )));
    }
    Ok(())
}

/// Drops the sizes that decorators above stored, and the checksum: they belong to the text
/// sent.
fn forget_sizes(options: &mut PutOptions) {
    let is_of_text = |name: &str| name.starts_with(RESERVED_METADATA) || name == CHECKSUM;
    options.metadata.retain(|(name, _)| !is_of_text(name));
}

#[deny(clippy::missing_trait_methods)]
impl Store for Json {
    forward!(capabilities, get, exists, delete, stat, list, read);

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        check_size(data.len(), self.max_size)?;
        let stored = parse::dumps(data)?;
        let mut options = options.clone();
        if stored != data {
            forget_sizes(&mut options);
        }
        self.base.put(key, &stored, &options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        if options.if_absent || options.if_match.is_some() {
            // Fail early where possible; the final write checks again.
            let current = match self.base.stat(key) {
                Ok(info) => Some(info),
                Err(Error::NotFound) => None,
                Err(error) => return Err(error),
            };
            check_write(options, current.as_ref())?;
        }
        Ok(Box::new(JsonWriter {
            base: self.base.clone(),
            key: key.to_owned(),
            options: options.clone(),
            max_size: self.max_size,
            data: Vec::new(),
        }))
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read | Access::Delete => self.base.locate(key, access),
            Access::Write => Ok(None),
        }
    }
}

struct JsonWriter {
    base: SharedStore,
    key: String,
    options: PutOptions,
    max_size: u64,
    data: Vec<u8>,
}

impl Writer for JsonWriter {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        check_size(self.data.len() + chunk.len(), self.max_size)?;
        self.data.extend_from_slice(chunk);
        Ok(())
    }

    fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        const PIECE: usize = 256 * 1024;
        self.options.absorb(trailer);
        let stored = parse::dumps(&self.data)?;
        if stored != self.data {
            forget_sizes(&mut self.options);
        }
        let mut writer = self.base.write(&self.key, &self.options)?;
        for piece in stored.chunks(PIECE) {
            writer.push(piece)?;
        }
        writer.finish(Trailer::default())
    }
}
