//! One version of an encoded object, for who reads parts of it.

use super::feed::Feed;
use super::marks;
use super::stream::wrong_size;
use storage_contract::source::{Source, whole};
use storage_contract::store::Store;
use storage_contract::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};

/// One version of an encoded object in the base.
pub struct Stored<'a> {
    base: &'a dyn Store,
    key: &'a str,
    /// What the base knows of it.
    info: &'a ObjectInfo,
}

/// The last bytes of an encoded object.
pub struct Tail {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The number of bytes that the object has.
    pub stored: u64,
}

impl<'a> Stored<'a> {
    pub(super) fn new(base: &'a dyn Store, key: &'a str, info: &'a ObjectInfo) -> Self {
        Self { base, key, info }
    }

    fn options(&self, range: Option<ByteRange>) -> ReadOptions {
        let if_match = self.info.etag.as_deref().map(marks::unmask);
        ReadOptions { range, if_match, if_none_match: None }
    }

    /// Some of its bytes at once, up to some 64 KiB. `PreconditionFailed` if there is
    /// another version now.
    pub fn bytes(&self, start: u64, length: u64) -> Result<Vec<u8>> {
        let range = Some(ByteRange::span(start, length));
        let found = self.base.get(self.key, &self.options(range));
        let (info, bytes) = found.map_err(out_of_place)?;
        self.compare(&info)?;
        let _ended = whole(&info, range, &bytes)?;
        Ok(bytes)
    }

    /// All its bytes, or some, to decode. `PreconditionFailed` as for
    /// [`bytes`](Self::bytes).
    pub(super) fn feed(&self, range: Option<ByteRange>) -> Result<Feed> {
        let reader = self.base.read(self.key, &self.options(range)).map_err(out_of_place)?;
        self.compare(reader.info())?;
        Ok(Feed::source(Source::new(reader, range)))
    }

    /// A base without preconditions may answer with another version.
    fn compare(&self, info: &ObjectInfo) -> Result<()> {
        match info.etag == self.info.etag {
            true => Ok(()),
            false => Err(Error::PreconditionFailed),
        }
    }
}

/// The callers' range lies within the plain size, so the object does not have that.
fn out_of_place(error: Error) -> Error {
    if error == Error::InvalidRange { wrong_size() } else { error }
}
