//! Delivers events as HTTP requests.
//!
//! With a secret, `X-Storage-Signature: sha256=…` is the HMAC-SHA256 of
//! `{X-Storage-Timestamp}.{body}` in hex. A receiver that rejects old timestamps is
//! safe from replayed requests.

use super::config::server;
use super::message::{Message, now};
use super::stop::Stop;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::time::Duration;
use storage_core::decorators::notifying::Webhook;

/// The delay before the first retry; it doubles for each further one.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest delay between two attempts.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

pub(super) struct Client {
    agent: ureq::Agent,
}

enum Failure {
    /// A retry may succeed.
    Passing(String),
    Final(String),
}

impl Client {
    pub(super) fn new() -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            // Signed events must not follow redirects to other servers.
            .max_redirects(0)
            .user_agent(concat!("storage-host/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.into() }
    }

    pub(super) fn send(
        &self,
        hook: &Webhook,
        message: &Message,
        stop: &Stop,
    ) -> Result<(), String> {
        let mut wait = FIRST_WAIT;
        for attempt in 0..=hook.retries {
            let problem = match self.attempt(hook, message, stop.at_most(hook.timeout)) {
                Ok(()) => return Ok(()),
                Err(Failure::Final(problem)) => return Err(problem),
                Err(Failure::Passing(problem)) => problem,
            };
            if attempt == hook.retries || !stop.pause(jitter(wait)) {
                return Err(format!("{problem} (tried {} times)", attempt + 1));
            }
            wait = wait.saturating_mul(2).min(LONGEST_WAIT);
        }
        Ok(())
    }

    fn attempt(&self, hook: &Webhook, message: &Message, time: Duration) -> Result<(), Failure> {
        let server = server(hook);
        if time.is_zero() {
            return Err(Failure::Final(format!("webhook {server}: no time left")));
        }
        let timestamp = now().as_secs().to_string();
        let mut request = self
            .agent
            .post(&hook.url)
            .config()
            .timeout_global(Some(time))
            .build()
            .header("Content-Type", "application/json")
            .header("X-Storage-Event", &message.id)
            .header("X-Storage-Timestamp", &timestamp);
        for (name, value) in &hook.headers {
            request = request.header(name, value);
        }
        if let Some(secret) = &hook.secret {
            let signature = sign(secret, &timestamp, &message.json);
            request = request.header("X-Storage-Signature", format!("sha256={signature}"));
        }
        match request.send(message.json.as_bytes()) {
            Ok(answer) => {
                let status = answer.status();
                let problem = format!("webhook {server} answered {status}");
                match status.as_u16() {
                    200..=299 => Ok(()),
                    408 | 429 | 500.. => Err(Failure::Passing(problem)),
                    _ => Err(Failure::Final(problem)),
                }
            }
            Err(ureq::Error::BadUri(_) | ureq::Error::Http(_)) => {
                Err(Failure::Final(format!("webhook {server}: the request can't be made")))
            }
            Err(error) => Err(Failure::Passing(format!("webhook {server}: {error}"))),
        }
    }
}

pub(super) fn sign(secret: &str, timestamp: &str, body: &str) -> String {
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

/// A random part of `wait`, at least half of it, so that many senders don't retry at
/// once.
fn jitter(wait: Duration) -> Duration {
    // Seeded by the system for every instance.
    let random = RandomState::new().build_hasher().finish();
    let part = f64::from(u32::try_from(random >> 32).unwrap_or(0)) / f64::from(u32::MAX);
    wait.mul_f64(0.5 + part / 2.0)
}
