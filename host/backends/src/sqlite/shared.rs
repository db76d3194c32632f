//! What the store and its writers share.

use super::commit::Queue;
use super::pool::Pool;
use std::sync::Arc;
use storage_store::{Error, Result};

/// What the store and its writers share.
pub(super) struct Shared {
    pub(super) pool: Arc<Pool>,
    /// `None` if the store was opened only to check it.
    pub(super) queue: Option<Queue>,
}

impl Shared {
    pub(super) fn queue(&self) -> Result<&Queue> {
        self.queue
            .as_ref()
            .ok_or_else(|| Error::Unsupported("the store was opened to look only".to_owned()))
    }
}
