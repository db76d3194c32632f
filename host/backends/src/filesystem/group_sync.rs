//! Folder syncs shared by concurrent writers.

use rustix::io::Errno;
use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Lets concurrent writers share one sync of a folder. A writer that arrives during
/// a sync waits for the next one, which one of the waiting writers runs for all.
#[derive(Default)]
pub(super) struct GroupSync {
    folders: Mutex<HashMap<String, Folder>>,
    changed: Condvar,
}

#[derive(Default)]
struct Folder {
    /// The number of syncs begun; if `running`, the last one is still running.
    begun: u64,
    running: bool,
    /// The last failed sync: its number and error.
    failed: Option<(u64, Errno)>,
    /// Writers that use this entry.
    users: usize,
}

impl GroupSync {
    /// Returns when a sync of the folder that began after this call has ended.
    pub(super) fn sync(
        &self,
        folder: &str,
        work: impl FnOnce() -> Result<(), Errno>,
    ) -> Result<(), Errno> {
        let mut folders = self.lock();
        let entry = folders.entry(folder.to_owned()).or_default();
        entry.users += 1;
        // The running sync may have missed our change.
        let mine = entry.begun + 1;
        let result = loop {
            let Some(entry) = folders.get_mut(folder) else { break Err(Errno::INVAL) };
            if entry.begun > mine || (entry.begun == mine && !entry.running) {
                break match entry.failed {
                    // After a later failure, ours can't be trusted either.
                    Some((at, error)) if at >= mine => Err(error),
                    _ => Ok(()),
                };
            }
            if entry.running {
                folders = self.changed.wait(folders).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            entry.running = true;
            entry.begun = mine;
            drop(folders);
            let result = work();
            folders = self.lock();
            if let Some(entry) = folders.get_mut(folder) {
                entry.running = false;
                if let Err(error) = result {
                    entry.failed = Some((mine, error));
                }
            }
            self.changed.notify_all();
            break result;
        };
        if let Some(entry) = folders.get_mut(folder) {
            entry.users -= 1;
            if entry.users == 0 {
                folders.remove(folder);
            }
        }
        result
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Folder>> {
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    #[test]
    fn writers_that_come_during_a_sync_share_the_next_one() {
        let group_sync = GroupSync::default();
        let count = AtomicUsize::new(0);
        let (started, wait) = channel();
        let (go, gate) = channel::<()>();
        std::thread::scope(|scope| {
            let (group_sync, count) = (&group_sync, &count);
            scope.spawn(move || {
                group_sync.sync("a", || {
                    started.send(()).unwrap();
                    gate.recv().unwrap();
                    Ok(())
                })
            });
            wait.recv().unwrap();
            let others: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(move || {
                        group_sync.sync("a", || {
                            count.fetch_add(1, Ordering::SeqCst);
                            Ok(())
                        })
                    })
                })
                .collect();
            // Wait until all of them wait for the running sync.
            while group_sync.lock().get("a").is_none_or(|folder| folder.users < 9) {
                std::thread::yield_now();
            }
            go.send(()).unwrap();
            for other in others {
                assert_eq!(other.join().unwrap(), Ok(()));
            }
        });
        assert_eq!(count.load(Ordering::SeqCst), 1);
        assert!(group_sync.lock().is_empty());
    }

    #[test]
    fn a_sync_that_fails_fails_for_everybody_who_shared_it() {
        let group_sync = GroupSync::default();
        assert_eq!(group_sync.sync("a", || Err(Errno::IO)), Err(Errno::IO));
        assert_eq!(group_sync.sync("a", || Ok(())), Ok(()));
    }
}
