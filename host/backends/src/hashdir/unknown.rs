//! Files whose keys a HashdirStore's index does not know, because they are older
//! than the index or another program wrote them. Listings leave them out and report
//! them on request.

use super::hashed::Hashed;
use crate::filesystem::{FileType, Filesystem, Verdict, special};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use storage_store::{ListOptions, Page, Paging, Result, SharedStore};

/// The first eight bytes of a hash: all that is kept of each key in memory while
/// searching for unknown files.
type Start = u64;

/// Finds files that the index does not know.
pub(super) struct Unknown {
    pub(super) files: Filesystem,
    pub(super) layout: Hashed,
    /// The hashes of the indexed keys, kept while a listing goes on.
    known: Mutex<Option<Arc<[Start]>>>,
}

impl Unknown {
    pub(super) fn new(files: Filesystem, layout: Hashed) -> Self {
        Self { files, layout, known: Mutex::default() }
    }

    /// A page of the files that listings leave out. Ignores `options.prefix`,
    /// because their keys are unknown.
    pub(super) async fn list(&self, index: &SharedStore, options: ListOptions) -> Result<Page> {
        let known = self.known(index, options.start_after.is_none()).await?;
        let layout = self.layout;
        let judge = move |path: &[u8], kind| judge(layout, &known, path, kind);
        let page = self.files.list_skipped(options, judge).await?;
        if page.next.is_none() {
            *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
        Ok(page)
    }

    async fn known(&self, index: &SharedStore, anew: bool) -> Result<Arc<[Start]>> {
        let kept = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|_| !anew) {
            return Ok(kept);
        }
        let mut starts = Vec::new();
        let (mut options, mut paging) = (ListOptions::default(), Paging::default());
        loop {
            let page = index.list(options.clone()).await?;
            starts.extend(page.entries.iter().map(|entry| start(&Sha256::digest(&entry.key))));
            if !paging.advance(&page, &mut options)? {
                break;
            }
        }
        starts.sort_unstable();
        let known: Arc<[Start]> = starts.into();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Some(known.clone());
        Ok(known)
    }
}

fn start(hash: &[u8]) -> Start {
    hash.iter().take(8).fold(0, |start, byte| start << 8 | Start::from(*byte))
}

fn judge(layout: Hashed, known: &[Start], path: &[u8], kind: FileType) -> Verdict {
    if kind == FileType::Directory {
        return Verdict::Entered;
    }
    if let Some(special) = special(kind) {
        return Verdict::Skipped(special.to_owned());
    }
    let digits: Vec<u8> = path.iter().copied().filter(|byte| *byte != b'/').collect();
    let hash = hex::decode(&digits).ok().filter(|hash| hash.len() == 32);
    let Some(hash) = hash.filter(|hash| layout.place(hash).as_bytes() == path) else {
        return Verdict::Skipped("its path is not that of any key".to_owned());
    };
    match known.binary_search(&start(&hash)) {
        Ok(_) => Verdict::Passed,
        Err(_) => Verdict::Skipped("the index does not know its key".to_owned()),
    }
}
