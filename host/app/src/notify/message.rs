//! An event in the form that handlers receive.

use serde_json::json;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use storage_contract::env::{Action, Event};
use storage_store::request_context;

pub(super) struct Message {
    /// Unique per event; retries repeat it.
    pub id: String,
    pub event: Event,
    /// The event as one line of JSON.
    pub json: String,
}

/// The time since 1970.
pub(super) fn now() -> std::time::Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

pub(super) fn action_name(action: Action) -> &'static str {
    match action {
        Action::Put => "put",
        Action::Delete => "delete",
    }
}

impl Message {
    /// Adds the context of the current task to the event.
    pub(super) fn new(event: Event) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let time = now();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let id = format!("{:x}-{:x}-{count:x}", time.as_nanos(), std::process::id());
        let failure = event
            .failure
            .as_ref()
            .map(|error| json!({ "code": error.code(), "message": error.to_string() }));
        let context = request_context::current();
        let mut json = json!({
            "id": id,
            "time": u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
            "store": event.store,
            "action": action_name(event.action),
            "key": event.key,
            "size": event.size,
            "etag": event.etag,
            "error": failure,
        });
        let fields = [
            ("request_id", context.request_id),
            ("principal", context.principal),
            ("remote_address", context.remote_address),
            ("protocol", context.protocol),
            ("bucket", context.bucket),
            ("trace_parent", context.trace_parent),
        ];
        for (name, value) in fields {
            if let Some(value) = value {
                json[name] = value.into();
            }
        }
        Self { id, event, json: json.to_string() }
    }
}
