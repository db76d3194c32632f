//! The face of a store for whoever uses it.
//!
//! Every store is small behind [`ObjectStore`]; what all of them would repeat
//! is here once: keys are checked, ranges work over stores that can't read
//! them, sizes are measured where a store can't tell, and what is written
//! carries the MD5 of its bytes as etag.

use crate::beside::{Beside, Lost};
use crate::place::{Trail, meet};
use crate::source::{Ended, Source};
use crate::store::{
    ByteRange, Capabilities, DeleteOptions, Entry, Error, ListOptions, MAX_INLINE_BYTES,
    ObjectInfo, Page, Paging, PutOptions, ReadOptions, Reader, Result, SharedStore, Skipped,
    Trailer, Writer, check_key,
};
use crate::streaming::piece;
use crate::whole::{collect, larger_than};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use md5::{Digest, Md5};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_core::etag::is_of_plain;
use storage_core::source::whole;

/// How many bytes are asked for at once when streaming.
pub const CHUNK: usize = 256 * 1024;

/// A named store, ready for use. Clones are the same store.
#[derive(Clone)]
pub struct Objects {
    name: Arc<str>,
    store: SharedStore,
    trails: Arc<[Trail]>,
    /// Whether the last object that was wanted whole was too large to be asked
    /// for at once.
    large: Arc<AtomicBool>,
    /// Whether what is written is kept exactly as it was elsewhere.
    exact: bool,
}

impl Objects {
    /// Puts the face on a store; `name` appears in messages.
    pub fn new(name: &str, store: SharedStore) -> Self {
        Self {
            name: name.into(),
            store,
            trails: Arc::default(),
            large: Arc::default(),
            exact: false,
        }
    }

    /// The same store, under another name in messages.
    #[must_use]
    pub fn renamed(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same store, for copies of what another has in every respect: no
    /// etag is made, and metadata of the stores' own goes along.
    #[must_use]
    pub(crate) fn exact(&self) -> Self {
        Self { exact: true, ..self.clone() }
    }

    /// Remembers where the objects are kept.
    pub(crate) fn kept(self, trails: Vec<Trail>) -> Self {
        Self { trails: trails.into(), ..self }
    }

    /// Whether some object may lie below `prefix` here and below
    /// `other_prefix` there, or would if it were written.
    pub fn overlaps(&self, prefix: &str, other: &Objects, other_prefix: &str) -> bool {
        match Arc::ptr_eq(&self.store, &other.store) {
            true => prefix.starts_with(other_prefix) || other_prefix.starts_with(prefix),
            false => meet(&self.trails, prefix, &other.trails, other_prefix, false),
        }
    }

    /// Whether `key` here and `other_key` there may be one object.
    pub fn may_alias(&self, key: &str, other: &Objects, other_key: &str) -> bool {
        match Arc::ptr_eq(&self.store, &other.store) {
            true => key == other_key,
            false => meet(&self.trails, key, &other.trails, other_key, true),
        }
    }

    /// The store's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The store behind the face.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// What callers of this face can do: ranges always work here.
    pub fn capabilities(&self) -> Capabilities {
        let own = self.store.capabilities();
        Capabilities { range: own.read, ..own }
    }

    /// The whole object (or the range) in memory; `LimitExceeded` when it is
    /// larger than `max` bytes. It is asked for at once, in one call; those of
    /// more than [`MAX_INLINE_BYTES`] are read as a stream, and so is what
    /// follows one of them where `max` is larger, too, until a small one comes.
    pub async fn get(
        &self,
        key: &str,
        options: ReadOptions,
        max: u64,
    ) -> Result<(ObjectInfo, Bytes)> {
        let range = options.range;
        let small = max <= MAX_INLINE_BYTES;
        let at_once = small || !self.large.load(Ordering::Relaxed);
        if at_once && (range.is_none() || self.store.capabilities().range) {
            check_key(key)?;
            match self.store.get(key, options.clone()).await {
                Ok((_, data)) if data.len() as u64 > max => return Err(larger_than(max)),
                // It may be too large for the store only at once.
                Err(Error::LimitExceeded(_)) => {}
                Err(error) => return Err(error),
                Ok((info, data)) => {
                    let _ended = whole(&info, range, &data)?;
                    return Ok((info, data));
                }
            }
        }
        let mut source = self.read(key, options).await?;
        let size = source.info().size;
        let length = size.and_then(|size| {
            let (start, end) = range.unwrap_or_default().resolve(size).ok()?;
            Some(end - start)
        });
        if !small {
            let large = length.is_none_or(|length| length > MAX_INLINE_BYTES);
            self.large.store(large, Ordering::Relaxed);
        }
        let data = collect(&mut source, length, max).await?;
        Ok((source.info().clone(), data))
    }

    /// Writes a whole object; its etag is the MD5 of `data` unless given.
    pub async fn put(&self, key: &str, data: Bytes, mut options: PutOptions) -> Result<ObjectInfo> {
        if data.len() as u64 > MAX_INLINE_BYTES {
            let ended = Ended::own(data.len() as u64);
            let mut upload = self.write(key, options).await?;
            upload.push(data).await?;
            return upload.finish(ended).await;
        }
        if !self.exact {
            check_put(key, &options)?;
            options.etag.get_or_insert_with(|| hex::encode(Md5::digest(&data)));
        }
        self.store.put(key, data, options).await
    }

    /// Whether there is an object under the key.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        self.store.exists(key).await
    }

    /// Removes the object; `NotFound` when there is none.
    pub async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        check_key(key)?;
        self.store.delete(key, options).await
    }

    /// What is known of the object without reading it.
    pub async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        check_key(key)?;
        self.store.stat(key).await
    }

    /// As [`stat`](Self::stat), and reads the object through where its size
    /// can't be known otherwise (say, compressed by someone else).
    pub async fn measured(&self, key: &str) -> Result<ObjectInfo> {
        let mut info = self.stat(key).await?;
        if info.size.is_none() {
            let reader = self.store.read(key, ReadOptions::default()).await?;
            let mut source = Source::new(reader, None);
            info = source.info().clone();
            while !source.next(CHUNK).await?.is_empty() {}
            info.size = Some(source.end().await?.length());
        }
        Ok(info)
    }

    /// A part of the listing.
    pub async fn list(&self, options: ListOptions) -> Result<Page> {
        self.store.list(options).await
    }

    /// Every object whose key begins with `prefix`.
    pub fn entries(&self, prefix: &str) -> impl Stream<Item = Result<Entry>> + Send + use<> {
        let options = ListOptions { prefix: prefix.to_owned(), ..ListOptions::default() };
        let start =
            (self.store.clone(), Some((options, Paging::default())), Vec::new().into_iter());
        futures::stream::try_unfold(start, |(store, mut rest, mut entries)| async move {
            loop {
                if let Some(entry) = entries.next() {
                    return Ok(Some((entry, (store, rest, entries))));
                }
                let Some((mut options, mut paging)) = rest.take() else { return Ok(None) };
                let page = store.list(options.clone()).await?;
                let more = paging.advance(&page, &mut options)?;
                rest = more.then_some((options, paging));
                entries = page.entries.into_iter();
            }
        })
    }

    /// What is kept below `prefix` beside the objects and is none, which
    /// [`entries`](Self::entries) leaves out: each with its reason.
    pub fn skipped(&self, prefix: &str) -> impl Stream<Item = Result<Skipped>> + Send + use<> {
        let pages = self.skipped_pages(prefix);
        pages.map_ok(|page| futures::stream::iter(page.into_iter().map(Ok))).try_flatten()
    }

    /// The same, in parts as they come.
    pub(crate) fn skipped_pages(
        &self,
        prefix: &str,
    ) -> impl Stream<Item = Result<Vec<Skipped>>> + Send + use<> {
        let options =
            ListOptions { prefix: prefix.to_owned(), skipped: true, ..ListOptions::default() };
        let start = (self.store.clone(), Some(options), Paging::default());
        futures::stream::try_unfold(start, |(store, options, mut paging)| async move {
            let Some(mut options) = options else { return Ok(None) };
            let page = store.list(options.clone()).await?;
            let more = paging.advance(&page, &mut options)?;
            Ok(Some((page.skipped, (store, more.then_some(options), paging))))
        })
    }

    /// Opens the object, or a range of it, for streaming.
    pub async fn read(&self, key: &str, mut options: ReadOptions) -> Result<Source> {
        check_key(key)?;
        let asked = options.range;
        let Some(range) = asked.filter(|_| !self.store.capabilities().range) else {
            return Ok(Source::new(self.store.read(key, options).await?, asked));
        };
        options.range = None;
        let range = match range {
            ByteRange { offset: None, length: Some(_) } => {
                let size = self.measured(key).await?.size.unwrap_or(0);
                let (start, end) = range.resolve(size)?;
                ByteRange::span(start, end - start)
            }
            range => range,
        };
        if range.length == Some(0) {
            return Err(Error::InvalidRange);
        }
        let reader = self.store.read(key, options).await?;
        if let Some(size) = reader.info().size {
            range.resolve(size)?;
        }
        Ok(Source::new(skip_to(reader, range).await?, Some(range)))
    }

    /// Whether [`copy`](Self::copy) may be worth a try: both keys lead to one place.
    pub(crate) fn is_beside(&self, key: &str, to: &Objects, target: &str) -> bool {
        let (here, there) = (lowest(&self.store, key), lowest(&to.store, target));
        matches!((here, there), (Ok((here, _)), Ok((there, _))) if Arc::ptr_eq(&here, &there))
    }

    /// Copies an object to a key of `to`, which may be this store, where both
    /// have their objects in one place that can copy them without their coming
    /// here. `info` is what is known of the object, and `options` what is to be
    /// kept with the new one, with its etag.
    ///
    /// `None`: nothing was done, and the object is to be read and written: the
    /// place can't copy it, or it is another one by now.
    pub async fn copy(
        &self,
        key: &str,
        info: &ObjectInfo,
        to: &Objects,
        target: &str,
        options: PutOptions,
    ) -> Result<Option<ObjectInfo>> {
        check_key(key)?;
        check_put(target, &options)?;
        let Some(etag) = &info.etag else { return Ok(None) };
        let (source, key) = lowest(&self.store, key)?;
        let (store, target) = lowest(&to.store, target)?;
        if !Arc::ptr_eq(&source, &store) {
            return Ok(None);
        }
        store.copy(&key, etag, &target, options).await
    }

    /// Starts a streamed write; its etag will be the MD5 of the bytes unless
    /// given.
    pub async fn write(&self, key: &str, options: PutOptions) -> Result<Upload> {
        if !self.exact {
            check_put(key, &options)?;
        }
        let digest = (options.etag.is_none() && !self.exact).then(|| Beside::new(Md5::new()));
        Ok(Upload { writer: self.store.write(key, options).await?, digest, pushed: 0 })
    }
}

/// The MD5 of an object's bytes, where its etag is that.
pub(crate) fn md5(info: &ObjectInfo) -> Option<&str> {
    if is_of_plain(info) {
        return None;
    }
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    info.etag.as_deref().filter(|etag| etag.len() == 32 && etag.bytes().all(hex))
}

/// Where the object of a key is, byte for byte, and its key there.
fn lowest(store: &SharedStore, key: &str) -> Result<(SharedStore, String)> {
    let mut found = (store.clone(), key.to_owned());
    while let Some(below) = found.0.beneath(&found.1)? {
        found = below;
    }
    Ok(found)
}

fn check_put(key: &str, options: &PutOptions) -> Result<()> {
    check_key(key)?;
    let reserved = storage_core::RESERVED_METADATA;
    match options.metadata.iter().find(|(name, _)| name.starts_with(reserved)) {
        Some((name, _)) => Err(Error::InvalidData(format!(
            "the metadata name {name:?} is reserved: names that begin with {reserved:?} are the stores' own"
        ))),
        None => Ok(()),
    }
}

/// Reads to the start of a range whose start is known, over a store that
/// can't seek.
async fn skip_to(mut reader: Box<dyn Reader>, range: ByteRange) -> Result<Box<dyn Reader>> {
    let mut skip = range.offset.unwrap_or(0);
    let mut held = Bytes::new();
    while held.is_empty() {
        let mut chunk = reader.next(CHUNK).await?;
        if chunk.is_empty() {
            return Err(Error::InvalidRange);
        }
        let cut = usize::try_from(skip).unwrap_or(usize::MAX).min(chunk.len());
        skip -= cut as u64;
        held = chunk.split_off(cut);
    }
    let left = range.length.unwrap_or(u64::MAX);
    let size = reader.info().size;
    let stop = range.offset.unwrap_or(0).saturating_add(left);
    let last = match size {
        Some(size) if stop < size => Last::Elsewhere,
        Some(_) => Last::Here,
        None => Last::Unknown,
    };
    Ok(Box::new(Part { reader, held, left, last }))
}

/// Where the object's last byte is, seen from a part.
enum Last {
    Here,
    Elsewhere,
    Unknown,
}

struct Part {
    reader: Box<dyn Reader>,
    held: Bytes,
    left: u64,
    last: Last,
}

#[async_trait]
impl Reader for Part {
    fn info(&self) -> &ObjectInfo {
        self.reader.info()
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        let max = max.min(usize::try_from(self.left).unwrap_or(usize::MAX));
        if max == 0 {
            // Where the object ends here, too, only its reader knows how.
            return match std::mem::replace(&mut self.last, Last::Elsewhere) {
                Last::Here if self.held.is_empty() => self.reader.next(1).await,
                Last::Here => Ok(std::mem::take(&mut self.held)),
                Last::Unknown if self.held.is_empty() => {
                    self.reader.next(1).await.map(|_| Bytes::new())
                }
                Last::Unknown | Last::Elsewhere => Ok(Bytes::new()),
            };
        }
        let chunk = if self.held.is_empty() {
            self.reader.next(max).await?
        } else {
            self.held.split_to(max.min(self.held.len()))
        };
        self.left -= chunk.len() as u64;
        Ok(chunk)
    }
}

/// A streamed write through [`Objects`]. Dropping it publishes nothing.
pub struct Upload {
    writer: Box<dyn Writer>,
    digest: Option<Beside<Md5>>,
    pushed: u64,
}

impl Upload {
    /// Leaves the digest to the caller, who ends with
    /// [`finish_with`](Self::finish_with).
    #[must_use]
    pub fn undigested(self) -> Self {
        Self { digest: None, ..self }
    }

    /// Appends bytes.
    pub async fn push(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(piece()));
            if let Some(digest) = &mut self.digest {
                digest.add(piece.clone()).await.map_err(lost)?;
            }
            self.pushed = self.pushed.saturating_add(piece.len() as u64);
            self.writer.push(piece).await?;
        }
        Ok(())
    }

    /// Publishes the object, whose bytes ended well: those of a
    /// [`Source`], or [the caller's own](Ended::own).
    pub async fn finish(self, ended: Ended) -> Result<ObjectInfo> {
        self.finish_with(ended, Trailer::default()).await
    }

    /// Publishes the object with what the caller knows of it only now: its
    /// etag (else the MD5 of the bytes), and more metadata.
    pub async fn finish_with(self, ended: Ended, mut trailer: Trailer) -> Result<ObjectInfo> {
        let (pushed, length) = (self.pushed, ended.length());
        if pushed != length {
            let text = format!("{pushed} bytes were written of {length}; nothing was published");
            return Err(Error::InvalidData(text));
        }
        if trailer.etag.is_none()
            && let Some(digest) = self.digest
        {
            let md5 = digest.finish().await.map_err(lost)?;
            trailer.etag = Some(hex::encode(md5.finalize()));
        }
        self.writer.finish(trailer).await
    }
}

fn lost(lost: Lost) -> Error {
    Error::Other(format!("{lost}; nothing was written"))
}
