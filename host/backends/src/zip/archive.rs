//! An archive that this process has open, shared by all its stores: two configured
//! ones, or a store and its replacement at a reload. They all write through its one
//! writer.

use super::archive_path::{ArchivePath, Lock};
use super::commit::Queue;
use super::view::Shared;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};
use storage_store::{Error, Result};

pub(super) struct Archive {
    pub(super) shared: Arc<Shared>,
    /// `None` while another process writes, and after the last store was closed.
    queue: tokio::sync::Mutex<Option<Arc<Queue>>>,
    users: Mutex<usize>,
}

/// The archives open in this process, by side directory.
pub(super) type Archives = HashMap<PathBuf, Weak<Archive>>;

/// Locked while an archive is opened, so that it is opened only once.
pub(super) fn archives() -> MutexGuard<'static, Archives> {
    static ARCHIVES: LazyLock<Mutex<Archives>> = LazyLock::new(Mutex::default);
    ARCHIVES.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Archive {
    /// The archive if it is already open in this process; counts one more store.
    pub(super) fn find(
        archives: &Archives,
        side: &Path,
        durable: bool,
    ) -> Result<Option<Arc<Self>>> {
        let Some(archive) = archives.get(side).and_then(Weak::upgrade) else { return Ok(None) };
        let before = &archive.shared.place.durable;
        if durable && !before.swap(true, Ordering::Relaxed) {
            let queue = archive.queue.blocking_lock().clone();
            queue.map_or(Ok(()), |queue| queue.harden())?;
        }
        *archive.users() += 1;
        Ok(Some(archive))
    }

    /// Opens an archive: for writing with a lock, otherwise only for reading.
    pub(super) fn open(place: ArchivePath, lock: Option<Lock>) -> Result<Arc<Self>> {
        let shared = Arc::new(Shared::open(place)?);
        let queue = lock.map(|lock| Queue::start(shared.clone(), lock)).transpose()?;
        let queue = tokio::sync::Mutex::new(queue.map(Arc::new));
        Ok(Arc::new(Self { shared, queue, users: Mutex::new(1) }))
    }

    /// The queue of the writer thread, which is started now if it could not be
    /// before. Blocks.
    pub(super) fn queue(&self) -> Result<Arc<Queue>> {
        // Closing holds this lock until the lock of the archive is free.
        let mut queue = self.queue.blocking_lock();
        if let Some(queue) = queue.as_ref() {
            return Ok(queue.clone());
        }
        let place = &self.shared.place;
        let lock = place.lock()?.ok_or_else(|| {
            Error::Unavailable(format!(
                "{}: another process has this archive open for writing, and an archive has one \
                 writer at a time; write through that process, or end it",
                place.shown
            ))
        })?;
        let started = Arc::new(Queue::start(self.shared.clone(), lock)?);
        *queue = Some(started.clone());
        Ok(started)
    }

    /// Counts one store less. Returns whether it was the last.
    pub(super) fn leave(&self) -> bool {
        let mut users = self.users();
        *users = users.saturating_sub(1);
        *users == 0
    }

    /// Merges everything into the archive and ends the writer thread.
    pub(super) async fn close(&self) -> Result<()> {
        let mut queue = self.queue.lock().await;
        if *self.users() > 0 {
            // Opened again meanwhile.
            return Ok(());
        }
        match queue.take() {
            Some(queue) => queue.close().await,
            None => Ok(()),
        }
    }

    fn users(&self) -> MutexGuard<'_, usize> {
        self.users.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
