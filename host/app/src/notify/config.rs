//! Checks the handlers in the config of a notifying store.

use super::message::{Message, action_name};
use serde_json::Value;
use std::path::Path;
use storage_contract::env::Action;
use storage_contract::options::Property;
use storage_core::decorators::notifying::{Config, Handler, LogLevel, Webhook};

#[derive(Default)]
pub(super) struct Handlers {
    change: Vec<Handler>,
    put: Vec<Handler>,
    delete: Vec<Handler>,
}

/// The host name for messages, since the rest of the URL may hold secrets.
pub(super) fn server(hook: &Webhook) -> String {
    let uri = hook.url.parse::<http::Uri>().ok();
    uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
}

pub(super) fn log(level: LogLevel, message: &Message) {
    let event = &message.event;
    let (store, action, key) = (&event.store, action_name(event.action), &event.key);
    let text = match &event.failure {
        None => format!("{action} {key:?}"),
        Some(error) => format!("{action} {key:?} failed: {error}"),
    };
    match level {
        LogLevel::Debug => tracing::debug!(target: "storage", store, "{text}"),
        LogLevel::Info => tracing::info!(target: "storage", store, "{text}"),
        LogLevel::Warn => tracing::warn!(target: "storage", store, "{text}"),
        LogLevel::Error => tracing::error!(target: "storage", store, "{text}"),
    }
}

impl Handlers {
    /// Parses a store's config. Relative paths start at `directory`.
    pub(super) fn parse(config: &Value, directory: &Path) -> Result<Self, String> {
        let Config { on_change, on_put, on_delete } = Config::read(config)?;
        let list = |name: &str, handlers: Vec<Handler>| {
            let one = |(index, handler)| {
                check(&handler).map_err(|problem| format!("{name}: [{index}]: {problem}"))?;
                Ok(below(directory, handler))
            };
            handlers.into_iter().enumerate().map(one).collect::<Result<Vec<_>, String>>()
        };
        Ok(Self {
            change: list("on_change", on_change)?,
            put: list("on_put", on_put)?,
            delete: list("on_delete", on_delete)?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.change.is_empty() && self.put.is_empty() && self.delete.is_empty()
    }

    pub(super) fn wants(&self, action: Action) -> bool {
        self.of(action).next().is_some()
    }

    pub(super) fn of(&self, action: Action) -> impl Iterator<Item = &Handler> {
        let own = match action {
            Action::Put => &self.put,
            Action::Delete => &self.delete,
        };
        self.change.iter().chain(own)
    }
}

/// Resolves relative paths against `directory`. A program named without a `/` is looked up in
/// `$PATH`.
fn below(directory: &Path, mut handler: Handler) -> Handler {
    match &mut handler {
        Handler::File(file) => file.path = directory.join(&file.path),
        Handler::Exec(exec) => {
            if let Some(program) = exec.command.first_mut().filter(|name| name.contains('/')) {
                *program = directory.join(&*program).to_string_lossy().into_owned();
            }
        }
        Handler::Log(_) | Handler::Webhook(_) => {}
    }
    handler
}

fn check(handler: &Handler) -> Result<(), String> {
    match handler {
        Handler::Webhook(hook) => check_webhook(hook),
        Handler::Exec(exec) if exec.command.first().is_none_or(String::is_empty) => {
            Err("exec: command must name a program".to_owned())
        }
        Handler::Exec(_) | Handler::File(_) | Handler::Log(_) => Ok(()),
    }
}

fn check_webhook(hook: &Webhook) -> Result<(), String> {
    // The URL may hold a secret, so messages don't show it.
    let uri: http::Uri = hook.url.parse().map_err(|e| format!("webhook: url: {e}"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
        return Err("webhook: url must begin with http:// or https://".to_owned());
    }
    for (name, value) in &hook.headers {
        let known = name.parse::<http::HeaderName>().is_ok();
        if !known || value.parse::<http::HeaderValue>().is_err() {
            return Err(format!("webhook: the header {name:?} can't be sent"));
        }
    }
    if hook.secret.as_ref().is_some_and(String::is_empty) {
        return Err("webhook: secret is empty; leave it out to send unsigned".to_owned());
    }
    Ok(())
}
