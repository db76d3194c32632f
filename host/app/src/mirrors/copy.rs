//! Copies one object between children unchanged: bytes, media type, metadata and etag.

use bytes::Bytes;
use storage_store::carry::{self, Checksum};
use storage_store::chunk_size::CHUNK;
use storage_store::objects::Objects;
use storage_store::source::Source;
use storage_store::{DeleteOptions, Error, ObjectInfo, PutOptions, ReadOptions};

/// What went wrong, and on which side.
#[derive(Debug)]
pub(super) enum RepairError {
    /// The object changed since it was seen: look again.
    Moved,
    Source(Error),
    Target(Error),
}

/// Copies version `info` of an object to the target and returns its bytes. `seen` is
/// what the target had, or `None`. A target with conditional writes never loses a newer
/// object to this.
pub(super) async fn copy(
    from: &Objects,
    to: &Objects,
    key: &str,
    info: &ObjectInfo,
    seen: Option<&ObjectInfo>,
) -> Result<u64, RepairError> {
    let source = |error| match error {
        Error::NotFound | Error::PreconditionFailed => RepairError::Moved,
        error => RepairError::Source(error),
    };
    let can = to.capabilities();
    let target = |error| match error {
        Error::NotFound | Error::PreconditionFailed | Error::AlreadyExists => RepairError::Moved,
        // The target just found out that it has no conditional writes: retry without.
        Error::Unsupported(_) if can.conditional && !to.capabilities().conditional => {
            RepairError::Moved
        }
        error => RepairError::Target(error),
    };
    let read = ReadOptions { if_match: info.etag.clone(), ..ReadOptions::default() };
    let reader = from.store().read(key, read).await.map_err(source)?;
    let info = reader.info().clone();
    let mut options = PutOptions {
        if_absent: can.conditional && seen.is_none(),
        if_match: seen.and_then(|seen| seen.etag.clone()).filter(|_| can.conditional),
        ..PutOptions::default()
    };
    if can.metadata {
        options.content_type = info.content_type.clone();
        options.metadata = info.metadata.clone();
        options.etag = info.etag.clone();
    }
    let source_bytes = Source::new(reader, None);
    match source_bytes.carry(&to.exact(), key, options, Checksum::AsGiven, |_| ()).await {
        Ok(bytes) => Ok(bytes),
        Err(carry::CopyError::Source(error)) => Err(source(error)),
        Err(carry::CopyError::Target(error)) => Err(target(error)),
    }
}

/// Removes `seen` from the target.
pub(super) async fn remove(to: &Objects, key: &str, seen: &ObjectInfo) -> Result<(), RepairError> {
    let if_match = seen.etag.clone().filter(|_| to.capabilities().conditional);
    let done = match to.store().delete(key, DeleteOptions { if_match }).await {
        Err(Error::Unsupported(_)) => to.store().delete(key, DeleteOptions::default()).await,
        done => done,
    };
    match done {
        Ok(()) | Err(Error::NotFound) => Ok(()),
        Err(Error::PreconditionFailed) => Err(RepairError::Moved),
        Err(error) => Err(RepairError::Target(error)),
    }
}

/// Whether two copies are equal: by size; by etag if the target keeps the etags that it
/// is given; else by media type, metadata and bytes. With `strict`, a target that keeps
/// etags must have the source's.
pub(super) async fn same(
    from: &Objects,
    to: &Objects,
    key: &str,
    ours: &ObjectInfo,
    theirs: &ObjectInfo,
    strict: bool,
) -> Result<bool, RepairError> {
    if let (Some(a), Some(b)) = (ours.size, theirs.size)
        && a != b
    {
        return Ok(false);
    }
    let keeps = to.capabilities().metadata;
    if keeps && ours.etag.is_some() && ours.etag == theirs.etag {
        return Ok(true);
    }
    let kept = ours.content_type == theirs.content_type && ours.metadata == theirs.metadata;
    if keeps && (strict || (from.capabilities().metadata && !kept)) {
        return Ok(false);
    }
    let read =
        |info: &ObjectInfo| ReadOptions { if_match: info.etag.clone(), ..ReadOptions::default() };
    let source = |error| match error {
        Error::NotFound | Error::PreconditionFailed => RepairError::Moved,
        error => RepairError::Source(error),
    };
    let target = |error| match error {
        Error::NotFound | Error::PreconditionFailed => RepairError::Moved,
        error => RepairError::Target(error),
    };
    let a = from.store().read(key, read(ours)).await.map_err(source)?;
    let b = to.store().read(key, read(theirs)).await.map_err(target)?;
    let (mut a, mut b) = (Source::new(a, None), Source::new(b, None));
    let (mut left, mut right) = (Bytes::new(), Bytes::new());
    loop {
        if left.is_empty() {
            left = a.next(CHUNK).await.map_err(source)?;
        }
        if right.is_empty() {
            // A copy that the child can't read is different, and gets replaced.
            right = match b.next(CHUNK).await {
                Err(Error::InvalidData(_)) => return Ok(false),
                next => next.map_err(target)?,
            };
        }
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.split_to(count) != right.split_to(count) {
            return Ok(false);
        }
    }
}
