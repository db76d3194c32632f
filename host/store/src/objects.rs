//! The store handle for users.
//!
//! Stores implement the small trait [`ObjectStore`]; [`Objects`] adds what all
//! of them would repeat: it makes ranges work over stores without them, and measures
//! objects whose size a store can't tell.

use crate::chunk_size::{CHUNK, piece};
use crate::collect::{collect, larger_than};
use crate::copying::{LocatedCopy, check_put};
use crate::object_store::{
    ByteRange, Capabilities, DeleteOptions, Entry, Error, ListOptions, MAX_INLINE_BYTES,
    ObjectInfo, Page, Paging, PutOptions, ReadOptions, Reader, Result, SharedStore, Skipped,
    Trailer, Writer, check_key,
};
use crate::source::{Ended, Source};
use crate::trail::{Trail, meet};
use async_trait::async_trait;
use bytes::Bytes;
use futures::{Stream, TryStreamExt};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_contract::etag::is_of_plain;
use storage_contract::source::whole;

/// A named store, ready for use. Clones share the store.
#[derive(Clone)]
pub struct Objects {
    name: Arc<str>,
    store: SharedStore,
    trails: Arc<[Trail]>,
    /// Whether the last object that was read into memory was too large for a single call.
    large: Arc<AtomicBool>,
    /// Whether writes accept metadata that is reserved for stores.
    exact: bool,
}

impl Objects {
    /// Wraps a store; `name` appears in messages.
    pub fn new(name: &str, store: SharedStore) -> Self {
        Self {
            name: name.into(),
            store,
            trails: Arc::default(),
            large: Arc::default(),
            exact: false,
        }
    }

    /// The same store under another name in messages.
    #[must_use]
    pub fn renamed(self, name: &str) -> Self {
        Self { name: name.into(), ..self }
    }

    /// The same store, for exact copies: writes accept metadata that is reserved for
    /// stores.
    #[must_use]
    pub fn exact(&self) -> Self {
        Self { exact: true, ..self.clone() }
    }

    /// Records where the objects are stored.
    pub fn with_trails(self, trails: Vec<Trail>) -> Self {
        Self { trails: trails.into(), ..self }
    }

    /// Whether an object below `prefix` here can be the same as one below
    /// `other_prefix` there, now or once written.
    pub fn overlaps(&self, prefix: &str, other: &Objects, other_prefix: &str) -> bool {
        match Arc::ptr_eq(&self.store, &other.store) {
            true => prefix.starts_with(other_prefix) || other_prefix.starts_with(prefix),
            false => meet(&self.trails, prefix, &other.trails, other_prefix, false),
        }
    }

    /// Whether `key` here and `other_key` there may be the same object.
    pub fn may_alias(&self, key: &str, other: &Objects, other_key: &str) -> bool {
        match Arc::ptr_eq(&self.store, &other.store) {
            true => key == other_key,
            false => meet(&self.trails, key, &other.trails, other_key, true),
        }
    }

    /// Whether metadata that is known only after the bytes makes a backend copy a large
    /// object.
    pub fn copies_for_late_metadata(&self) -> bool {
        self.trails.iter().flatten().any(|step| step.late_copies)
    }

    /// The store's name in the configuration.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The wrapped store.
    pub fn store(&self) -> &SharedStore {
        &self.store
    }

    /// The capabilities of this handle: ranges work whenever reads do.
    pub fn capabilities(&self) -> Capabilities {
        let own = self.store.capabilities();
        Capabilities { range: own.read, ..own }
    }

    /// Reads a whole object, or a range, into memory; `LimitExceeded` if it has
    /// more than `max` bytes. Tries a single call first, and streams objects of
    /// more than [`MAX_INLINE_BYTES`]. After such an object, the next ones are streamed at
    /// once, too, until one is smaller.
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
                // Too large for a single call, and perhaps not for `max`.
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

    /// Writes a whole object atomically. Its etag, unless given, is one that costs its
    /// store nothing, and no digest of the bytes.
    pub async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        if data.len() as u64 > MAX_INLINE_BYTES {
            let ended = Ended::own(data.len() as u64);
            let mut upload = self.write(key, options).await?;
            upload.push(data).await?;
            return upload.finish(ended).await;
        }
        if !self.exact {
            check_put(key, &options)?;
        }
        self.store.put(key, data, options).await
    }

    /// Whether the object exists.
    pub async fn exists(&self, key: &str) -> Result<bool> {
        check_key(key)?;
        self.store.exists(key).await
    }

    /// Deletes the object; `NotFound` if there is none.
    pub async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        check_key(key)?;
        self.store.delete(key, options).await
    }

    /// The object's metadata, without reading its bytes.
    pub async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        check_key(key)?;
        self.store.stat(key).await
    }

    /// Like [`stat`](Self::stat), but reads the whole object if that is the
    /// only way to learn its size (for example, when something else compressed
    /// it).
    pub async fn stat_with_size(&self, key: &str) -> Result<ObjectInfo> {
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

    /// A page of the listing.
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

    /// The entries below `prefix` that are not objects and that
    /// [`entries`](Self::entries) leaves out, each with the reason.
    pub fn skipped(&self, prefix: &str) -> impl Stream<Item = Result<Skipped>> + Send + use<> {
        let pages = self.skipped_pages(prefix);
        pages.map_ok(|page| futures::stream::iter(page.into_iter().map(Ok))).try_flatten()
    }

    /// Like [`skipped`](Self::skipped), in pages.
    pub fn skipped_pages(
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
                let size = self.stat_with_size(key).await?.size.unwrap_or(0);
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

    /// Locates a copy of the object `key` to the key `target` of `to`. `None` unless both
    /// are in one backend, which then copies without transferring the bytes here. `to` may
    /// be this store.
    pub async fn locate_copy(&self, key: &str, to: &Objects, target: &str) -> Option<LocatedCopy> {
        LocatedCopy::find(&self.store, &[key], &to.store, target).await
    }

    /// The same for several objects, which become one.
    pub async fn locate_join(
        &self,
        keys: &[&str],
        to: &Objects,
        target: &str,
    ) -> Option<LocatedCopy> {
        LocatedCopy::find(&self.store, keys, &to.store, target).await
    }

    /// Starts a streamed write, with an etag as that of [`put`](Self::put).
    pub async fn write(&self, key: &str, options: PutOptions) -> Result<Upload> {
        if !self.exact {
            check_put(key, &options)?;
        }
        Ok(Upload { writer: self.store.write(key, options).await?, pushed: 0 })
    }
}

/// The MD5 of an object's bytes, if its etag is one.
pub fn md5(info: &ObjectInfo) -> Option<&str> {
    if is_of_plain(info) {
        return None;
    }
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    info.etag.as_deref().filter(|etag| etag.len() == 32 && etag.bytes().all(hex))
}

/// Reads up to the start of a range with a known offset, over a store without
/// ranges.
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

/// Whether a part includes the object's last byte.
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
            // If the object ends here, too, only its reader knows whether it
            // ended well.
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
    pushed: u64,
}

impl Upload {
    /// Appends bytes.
    pub async fn push(&mut self, mut chunk: Bytes) -> Result<()> {
        while !chunk.is_empty() {
            let piece = chunk.split_to(chunk.len().min(piece()));
            self.pushed = self.pushed.saturating_add(piece.len() as u64);
            self.writer.push(piece).await?;
        }
        Ok(())
    }

    /// Publishes the object atomically. `ended` proves that its bytes ended
    /// well: those of a [`Source`], or [the caller's own](Ended::own).
    pub async fn finish(self, ended: Ended) -> Result<ObjectInfo> {
        self.finish_with(ended, Trailer::default()).await
    }

    /// Like [`finish`](Self::finish), with an etag and metadata that were not known
    /// before.
    pub async fn finish_with(self, ended: Ended, trailer: Trailer) -> Result<ObjectInfo> {
        let (pushed, length) = (self.pushed, ended.length());
        if pushed != length {
            let text = format!("{pushed} bytes were written of {length}; nothing was published");
            return Err(Error::InvalidData(text));
        }
        self.writer.finish(trailer).await
    }
}
