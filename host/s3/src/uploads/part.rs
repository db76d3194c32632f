//! Parts of uploads.

use super::keys;
use crate::object::checksum::Sum;
use crate::object::incoming::{Arrived, Incoming};
use crate::object::metadata::entry;
use crate::protocol::date::from_millis;
use crate::protocol::error::{Result, error};
use crate::store_error::{internal, of_store};
use base64_simd::STANDARD;
use std::time::SystemTime;
use storage_store::checksum::CHECKSUM;
use storage_store::objects::Objects;
use storage_store::source::Source;
use storage_store::{Error as StoreError, Metadata, ObjectInfo, PutOptions, ReadOptions, Trailer};

/// The S3 limit on parts.
pub const MAX_PARTS: u32 = 10_000;

/// The metadata key of a part's MD5, which its store need not have as its etag.
const MD5: &str = ":md5";

/// A part that arrived completely.
#[derive(Debug, Clone)]
pub struct Part {
    /// Its number.
    pub number: u32,
    /// The MD5 of its bytes, if it was computed.
    pub md5: Option<[u8; 16]>,
    /// Its size in bytes.
    pub size: u64,
    /// Its checksum.
    pub sum: Option<Sum>,
    /// When it arrived.
    pub modified: SystemTime,
    /// The etag in the store, which a part that replaces it does not have.
    stored: Option<String>,
}

impl Part {
    /// The etag that clients see: the MD5, else the checksum in a form that nobody takes
    /// for an MD5.
    pub fn etag(&self) -> String {
        match (self.md5, &self.sum) {
            (Some(md5), _) => hex::encode(md5),
            (None, Some(sum)) => {
                let bytes = STANDARD.decode_to_vec(&sum.value).unwrap_or_default();
                format!("{}-0", hex::encode(bytes))
            }
            (None, None) => String::new(),
        }
    }

    /// The part that the store describes so.
    pub(super) fn of(number: u32, info: &ObjectInfo) -> Option<Self> {
        let md5 = entry(info, MD5).and_then(|md5| hex::decode(md5).ok()?.try_into().ok());
        let sum = entry(info, CHECKSUM).and_then(|text| Sum::kept(text, info.size));
        let modified = from_millis(info.modified.unwrap_or(0));
        Some(Self { number, md5, size: info.size?, sum, modified, stored: info.etag.clone() })
    }

    /// Its key in the store.
    pub fn key(&self, bucket: &str, id: &str) -> String {
        keys::part(bucket, id, self.number)
    }

    /// Its etag in the store, by which it can be told from one that replaces it.
    pub fn stored(&self) -> Option<&str> {
        self.stored.as_deref()
    }

    /// Opens the part. Fails if another one has replaced it.
    pub async fn open(&self, store: &Objects, bucket: &str, id: &str) -> Result<Source> {
        let key = self.key(bucket, id);
        let options = ReadOptions { if_match: self.stored.clone(), ..ReadOptions::default() };
        store.read(&key, options).await.map_err(|error| match error {
            StoreError::NotFound | StoreError::PreconditionFailed => {
                error!(InvalidPart, "part {} was replaced meanwhile", self.number)
            }
            error => internal("a part of an upload can't be read", &error),
        })
    }

    /// Writes the body of a request as a part.
    pub(super) async fn write(
        store: &Objects,
        key: &str,
        number: u32,
        mut body: Incoming,
    ) -> Result<Self> {
        let mut upload = store.write(key, PutOptions::default()).await.map_err(of_store)?;
        while let Some(chunk) = body.next().await? {
            upload.push(chunk).await.map_err(of_store)?;
        }
        let Arrived { md5, ended, sum } = body.finish().await?;
        let size = ended.length();
        let etag = md5.map(hex::encode);
        let mut metadata: Metadata = etag.iter().map(|md5| (MD5.to_owned(), md5.clone())).collect();
        metadata.extend(sum.iter().map(|sum| sum.keep(size)));
        let trailer = Trailer { etag, metadata };
        let info = upload.finish_with(ended, trailer).await.map_err(of_store)?;
        let modified = from_millis(info.modified.unwrap_or(0));
        Ok(Self { number, md5, size, sum, modified, stored: info.etag })
    }
}
