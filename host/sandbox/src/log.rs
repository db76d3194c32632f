//! The observer that logs the messages of decorators.

use crate::state::Observer;
use storage_contract::env::{Event, Level};
use storage_store::request_context::current;

/// Logs through `tracing` (target `storage`), with the request's id and principal if
/// they are known, and passes events to a function.
pub struct Log<F>(pub F);

impl<F: Fn(Event) + Send + Sync + 'static> Observer for Log<F> {
    fn log(&self, level: Level, store: &str, message: &str) {
        let context = current();
        let (request, principal) = (context.request_id.as_deref(), context.principal.as_deref());
        macro_rules! line {
            ($level:ident) => {
                tracing::$level!(target: "storage", store, request, principal, "{message}")
            };
        }
        match level {
            Level::Debug => line!(debug),
            Level::Info => line!(info),
            Level::Warn => line!(warn),
            Level::Error => line!(error),
        }
    }

    fn changed(&self, event: Event) {
        (self.0)(event);
    }
}
