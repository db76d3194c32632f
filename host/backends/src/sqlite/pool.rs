//! Read connections, and which reads may be done without another thread.

use super::guard::Guarded;
use super::schema::Database;
use rusqlite::Connection;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use storage_store::{Error, Result};

/// The largest number of idle connections to keep.
const IDLE: usize = 8;

/// A read that takes longer than this has probably waited for the disk. After one, reads go to
/// threads that may block, for [`CAUTION`].
const SLOW: Duration = Duration::from_millis(1);
const CAUTION: Duration = Duration::from_secs(1);

/// A pool of read-only connections.
pub(super) struct Pool {
    pub(super) database: Arc<Database>,
    idle: Mutex<Option<Vec<Guarded>>>,
    opened: Instant,
    /// Until when reads are likely to wait, in nanoseconds after `opened`.
    cautious: AtomicU64,
}

impl Pool {
    pub(super) fn new(database: Arc<Database>) -> Self {
        let idle = Mutex::new(Some(Vec::new()));
        Self { database, idle, opened: Instant::now(), cautious: AtomicU64::new(0) }
    }

    /// Runs `work` with a connection from the pool.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
        let connection = self.take()?;
        let result = work(&connection);
        self.give(connection);
        result
    }

    /// Runs `work`, which reads little, on a thread that should not wait. `None` if it
    /// would have to: for a connection to be opened, for a lock, or for triggers and views that
    /// another program made ([`Guarded::hurry`]). It may wait for the disk, once in a while.
    pub(super) fn at_once<T>(
        &self,
        work: impl FnOnce(&Connection) -> Result<T>,
    ) -> Option<Result<T>> {
        let begun = self.opened.elapsed();
        if nanoseconds(begun) < self.cautious.load(Ordering::Relaxed) {
            return None;
        }
        let connection = self.ready().ok().flatten()?;
        connection.hurry();
        if connection.busy_timeout(Duration::ZERO).is_err() {
            return None;
        }
        let result = work(&connection);
        if connection.busy_timeout(self.database.busy_timeout).is_ok() {
            self.give(connection);
        }
        let now = self.opened.elapsed();
        if now.saturating_sub(begun) > SLOW {
            self.cautious.store(nanoseconds(now + CAUTION), Ordering::Relaxed);
        }
        match result {
            // A thread that may wait tries again, and reports it.
            Err(error) if !is_answer(&error) => None,
            result => Some(result),
        }
    }

    /// Takes a connection, or opens one.
    pub(super) fn take(&self) -> Result<Guarded> {
        let connection = self.ready()?.map_or_else(|| self.database.reader(), Ok)?;
        connection.renew();
        Ok(connection)
    }

    fn ready(&self) -> Result<Option<Guarded>> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let closed = || Error::Unavailable(format!("{}: the store is closed", self.database.shown));
        Ok(idle.as_mut().ok_or_else(closed)?.pop())
    }

    pub(super) fn give(&self, connection: Guarded) {
        // An open transaction would pin an old version forever.
        if !connection.is_autocommit() && connection.execute_batch("ROLLBACK").is_err() {
            return;
        }
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = idle.as_mut().filter(|kept| kept.len() < IDLE) {
            kept.push(connection);
        }
    }

    /// Closes the idle connections; those in use close when they are returned.
    pub(super) fn close(&self) {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(idle);
    }
}

/// Whether an error is an answer, and not a failure to get one.
fn is_answer(error: &Error) -> bool {
    matches!(error, Error::NotFound | Error::PreconditionFailed | Error::InvalidRange)
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pool(folder: &tempfile::TempDir) -> Pool {
        let database = Arc::new(Database {
            path: folder.path().join("objects.db"),
            shown: "objects.db".to_owned(),
            busy_timeout: Duration::from_secs(60),
            durable: false,
            check_only: false,
        });
        drop(database.writer(true).unwrap());
        let pool = Pool::new(database);
        assert!(pool.at_once(|_| Ok(())).is_none(), "no connection is open yet");
        pool.with(|_| Ok(())).unwrap();
        pool
    }

    #[test]
    fn what_would_wait_is_left_to_another_thread_and_an_answer_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder);
        let endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) \
                       SELECT count(*) FROM n";
        let read = |connection: &Connection| {
            let read = connection.query_row(endless, [], |row| row.get::<_, i64>(0));
            read.map_err(|error| pool.database.error(None, &error))
        };
        assert!(pool.at_once(read).is_none());
        pool.cautious.store(0, Ordering::Relaxed);
        assert_eq!(pool.at_once(|_| Err::<(), _>(Error::NotFound)), Some(Err(Error::NotFound)));
        for _ in 0..2_000 {
            let read = |connection: &Connection| {
                let statement = connection.prepare_cached("SELECT count(*) FROM objects");
                let count = statement.and_then(|mut s| s.query_row([], |row| row.get::<_, i64>(0)));
                count.map_err(|error| pool.database.error(None, &error))
            };
            let found = pool.at_once(read);
            // A machine with other work to do may make one slow.
            pool.cautious.store(0, Ordering::Relaxed);
            assert_eq!(found, Some(Ok(0)));
        }
    }

    #[test]
    fn after_a_read_that_waited_the_next_ones_go_to_other_threads_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let pool = pool(&folder);
        let slow = pool.at_once(|_| {
            std::thread::sleep(SLOW * 5);
            Ok(())
        });
        assert_eq!(slow, Some(Ok(())));
        assert!(pool.at_once(|_| Ok(())).is_none());
        pool.cautious.store(0, Ordering::Relaxed);
        assert_eq!(pool.at_once(|_| Ok(())), Some(Ok(())));
    }
}
