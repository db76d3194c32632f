//! The observer that logs the messages of decorators.

use crate::Observer;
use storage_core::env::{Event, Level};

/// Logs through `tracing` (target `storage`) and passes events to a function.
pub struct Log<F>(pub F);

impl<F: Fn(Event) + Send + Sync + 'static> Observer for Log<F> {
    fn log(&self, level: Level, store: &str, message: &str) {
        match level {
            Level::Debug => tracing::debug!(target: "storage", store, "{message}"),
            Level::Info => tracing::info!(target: "storage", store, "{message}"),
            Level::Warn => tracing::warn!(target: "storage", store, "{message}"),
            Level::Error => tracing::error!(target: "storage", store, "{message}"),
        }
    }

    fn changed(&self, event: Event) {
        (self.0)(event);
    }
}
