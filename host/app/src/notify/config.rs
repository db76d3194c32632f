//! Parses the handlers of a notifying store from its config.

use super::message::{Message, action_name};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use storage_contract::env::Action;

/// The longest timeout of a delivery, in seconds.
const MAX_TIMEOUT: f64 = 3_600.0;

/// The most retries of a webhook.
const MAX_RETRIES: u32 = 20;

#[derive(Default)]
pub(super) struct Handlers {
    change: Vec<Handler>,
    put: Vec<Handler>,
    delete: Vec<Handler>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Handler {
    Log(Log),
    Webhook(Webhook),
    Exec(Exec),
    File(File),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Log {
    #[serde(default)]
    pub level: LogLevel,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum LogLevel {
    Debug,
    #[default]
    Info,
    #[serde(alias = "warning")]
    Warn,
    Error,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Webhook {
    pub url: String,
    pub secret: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    #[serde(default = "ten")]
    timeout: f64,
    #[serde(default = "three")]
    pub retries: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Exec {
    pub command: Vec<String>,
    #[serde(default = "ten")]
    timeout: f64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct File {
    pub path: PathBuf,
}

fn ten() -> f64 {
    10.0
}

fn three() -> u32 {
    3
}

impl Webhook {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }

    /// The host name for messages, since the rest of the URL may hold secrets.
    pub(super) fn server(&self) -> String {
        let uri = self.url.parse::<http::Uri>().ok();
        uri.and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_else(|| "?".to_owned())
    }
}

impl Exec {
    pub(super) fn timeout(&self) -> Duration {
        Duration::from_secs_f64(self.timeout)
    }
}

impl LogLevel {
    pub(super) fn write(self, message: &Message) {
        let event = &message.event;
        let (store, action, key) = (&event.store, action_name(event.action), &event.key);
        let text = match &event.failure {
            None => format!("{action} {key:?}"),
            Some(error) => format!("{action} {key:?} failed: {error}"),
        };
        match self {
            LogLevel::Debug => tracing::debug!(target: "storage", store, "{text}"),
            LogLevel::Info => tracing::info!(target: "storage", store, "{text}"),
            LogLevel::Warn => tracing::warn!(target: "storage", store, "{text}"),
            LogLevel::Error => tracing::error!(target: "storage", store, "{text}"),
        }
    }
}

impl Handlers {
    /// Parses a store's config. Relative paths start at `directory`.
    pub(super) fn parse(config: &Value, directory: &Path) -> Result<Self, String> {
        let list = |name: &str| -> Result<Vec<Handler>, String> {
            let Some(given) = config.get(name) else { return Ok(Vec::new()) };
            let Some(given) = given.as_array() else {
                return Err(format!("{name} must be a list of handlers"));
            };
            let one = |(index, value): (usize, &Value)| {
                let handler = Handler::deserialize(value).map_err(|e| e.to_string());
                handler
                    .and_then(|handler| handler.check().map(|()| handler.below(directory)))
                    .map_err(|problem| format!("{name}[{index}]: {problem}"))
            };
            given.iter().enumerate().map(one).collect()
        };
        Ok(Self { change: list("on_change")?, put: list("on_put")?, delete: list("on_delete")? })
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

impl Handler {
    /// Resolves relative paths against `directory`. A program named without a `/` is
    /// looked up in `$PATH`.
    fn below(mut self, directory: &Path) -> Self {
        match &mut self {
            Handler::File(file) => file.path = directory.join(&file.path),
            Handler::Exec(exec) => {
                if let Some(program) = exec.command.first_mut().filter(|name| name.contains('/')) {
                    *program = directory.join(&*program).to_string_lossy().into_owned();
                }
            }
            Handler::Log(_) | Handler::Webhook(_) => {}
        }
        self
    }

    fn check(&self) -> Result<(), String> {
        match self {
            Handler::Log(_) => Ok(()),
            Handler::Webhook(hook) => hook.check(),
            Handler::Exec(exec) => {
                if exec.command.first().is_none_or(String::is_empty) {
                    return Err("exec: command must name a program".to_owned());
                }
                check_timeout("exec", exec.timeout)
            }
            Handler::File(file) if file.path.as_os_str().is_empty() => {
                Err("file: path must not be empty".to_owned())
            }
            Handler::File(_) => Ok(()),
        }
    }
}

impl Webhook {
    fn check(&self) -> Result<(), String> {
        // The URL may hold a secret, so messages don't show it.
        let uri: http::Uri = self.url.parse().map_err(|e| format!("webhook: url: {e}"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) || uri.host().is_none() {
            return Err("webhook: url must begin with http:// or https://".to_owned());
        }
        for (name, value) in &self.headers {
            let known = name.parse::<http::HeaderName>().is_ok();
            if !known || value.parse::<http::HeaderValue>().is_err() {
                return Err(format!("webhook: the header {name:?} can't be sent"));
            }
        }
        if self.secret.as_ref().is_some_and(String::is_empty) {
            return Err("webhook: secret is empty; leave it out to send unsigned".to_owned());
        }
        if self.retries > MAX_RETRIES {
            return Err(format!("webhook: retries is at most {MAX_RETRIES}"));
        }
        check_timeout("webhook", self.timeout)
    }
}

fn check_timeout(what: &str, seconds: f64) -> Result<(), String> {
    if seconds > 0.0 && seconds <= MAX_TIMEOUT {
        return Ok(());
    }
    Err(format!("{what}: timeout is more than 0 and at most {MAX_TIMEOUT} seconds"))
}
