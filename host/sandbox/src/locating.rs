//! For which operations a chain is asked where to do them.

use std::sync::atomic::{AtomicBool, Ordering};
use storage_store::Access;

/// Remembers, for each access, that a chain wants the operations to come to it. Asking it
/// again would be in vain, and coming to it is never wrong.
#[derive(Default)]
pub(super) struct Locating {
    read: AtomicBool,
    write: AtomicBool,
    delete: AtomicBool,
}

impl Locating {
    /// A chain that is never asked.
    pub fn never() -> Self {
        let no = || AtomicBool::new(true);
        Self { read: no(), write: no(), delete: no() }
    }

    /// Whether asking may help.
    pub fn helps(&self, access: Access) -> bool {
        !self.in_vain(access).load(Ordering::Relaxed)
    }

    /// The chain was asked in vain.
    pub fn stop(&self, access: Access) {
        self.in_vain(access).store(true, Ordering::Relaxed);
    }

    fn in_vain(&self, access: Access) -> &AtomicBool {
        match access {
            Access::Read => &self.read,
            Access::Write => &self.write,
            Access::Delete => &self.delete,
        }
    }
}
