//! Connections with limits. Other programs may have written the database, and its
//! views and triggers run whenever it is used; they must not run forever.

use rusqlite::config::DbConfig;
use rusqlite::limits::Limit;
use rusqlite::{Connection, Result};
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

/// Virtual-machine steps between two calls of the progress handler.
const LOOK: i32 = 10_000;

/// Progress calls allowed for one use of a connection: a hundred million steps,
/// some seconds. A page of a listing takes a few ten thousand steps.
const LOOKS: u32 = 10_000;

/// How deep triggers may nest.
const TRIGGER_DEPTH: i32 = 50;

/// A connection whose statements are sure to end.
pub(super) struct Guarded {
    connection: Connection,
    left: Arc<AtomicU32>,
}

impl Guarded {
    pub(super) fn new(mut connection: Connection) -> Result<Self> {
        // An untrusted schema may call harmless functions only, and must not change
        // tables behind SQLite's back.
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
        connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
        connection.set_limit(Limit::SQLITE_LIMIT_TRIGGER_DEPTH, TRIGGER_DEPTH)?;
        connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
        connection.execute_batch("PRAGMA recursive_triggers = 0; PRAGMA cell_size_check = 1")?;
        let left = Arc::new(AtomicU32::new(LOOKS));
        let counted = left.clone();
        let spent = move || {
            let take = |left: u32| left.checked_sub(1);
            counted.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take).is_err()
        };
        connection.progress_handler(LOOK, Some(spent))?;
        Ok(Self { connection, left })
    }

    /// Resets the step limit for another use.
    pub(super) fn renew(&self) {
        self.left.store(LOOKS, Ordering::Relaxed);
    }

    /// Sets the step limit for a use that is over soon, or given up. The first call of the
    /// handler may be a chance one, since SQLite counts the steps of a prepared statement
    /// over all its uses.
    pub(super) fn hurry(&self) {
        self.left.store(1, Ordering::Relaxed);
    }

    pub(super) fn close(self) -> Result<()> {
        self.connection.close().map_err(|(_, error)| error)
    }
}

impl Deref for Guarded {
    type Target = Connection;

    fn deref(&self) -> &Connection {
        &self.connection
    }
}
