//! Delivers the events of notifying stores to log lines, webhooks, commands and files.
//!
//! Events wait in a bounded queue for one worker, so operations never wait for a
//! delivery. Events that do not fit are counted, logged and lost: this is notification,
//! not replication.

mod config;
mod exec;
mod message;
mod stop;
#[cfg(test)]
mod tests;
mod webhook;

use config::Handlers;
use message::Message;
use std::collections::HashMap;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use stop::Stop;
use storage_contract::env::Event;
use storage_core::decorators::notifying::Handler;
use storage_store::{Error, Result};

/// The most events in the queue.
const QUEUE: usize = 4_096;

/// How long [`Notifier::close`] keeps delivering.
const DRAIN: Duration = Duration::from_secs(10);

/// Delivers events to the handlers of their stores.
pub struct Notifier {
    stores: Arc<HashMap<String, Handlers>>,
    queue: Mutex<Option<SyncSender<Box<Message>>>>,
    worker: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<Stop>,
    lost: Arc<AtomicU64>,
}

impl Notifier {
    /// Takes the name and config of every notifying store. Reads `on_change`, `on_put`
    /// and `on_delete`; relative paths in them start at `directory`.
    pub fn new<'a>(
        stores: impl IntoIterator<Item = (&'a str, &'a serde_json::Value)>,
        directory: &Path,
    ) -> Result<Self> {
        Self::with_queue(stores, directory, QUEUE)
    }

    fn with_queue<'a>(
        stores: impl IntoIterator<Item = (&'a str, &'a serde_json::Value)>,
        directory: &Path,
        length: usize,
    ) -> Result<Self> {
        let mut all = HashMap::new();
        for (name, config) in stores {
            let handlers = Handlers::parse(config, directory)
                .map_err(|problem| Error::InvalidConfig(format!("store {name:?}: {problem}")))?;
            if !handlers.is_empty() {
                all.insert(name.to_owned(), handlers);
            }
        }
        let stores = Arc::new(all);
        let (stop, lost) = (Arc::new(Stop::default()), Arc::new(AtomicU64::new(0)));
        let (mut queue, mut worker) = (None, None);
        if !stores.is_empty() {
            let (sender, receiver) = sync_channel(length);
            let (stores, stop, lost) = (stores.clone(), stop.clone(), lost.clone());
            let work = move || deliver_all(&receiver, &stores, &stop, &lost);
            let started = std::thread::Builder::new().name("notify".to_owned()).spawn(work);
            let started = started
                .map_err(|e| Error::Unavailable(format!("no thread for notifications: {e}")))?;
            (queue, worker) = (Some(sender), Some(started));
        }
        Ok(Self { stores, queue: Mutex::new(queue), worker: Mutex::new(worker), stop, lost })
    }

    /// Queues an event for delivery. Never blocks and never fails.
    pub fn changed(&self, event: Event) {
        if !self.stores.get(&event.store).is_some_and(|handlers| handlers.wants(event.action)) {
            return;
        }
        let store = event.store.clone();
        let message = Box::new(Message::new(event));
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let why = match queue.as_ref().map(|queue| queue.try_send(message)) {
            Some(Ok(())) => return,
            Some(Err(TrySendError::Full(_))) => {
                "notifications come faster than they can be delivered"
            }
            Some(Err(TrySendError::Disconnected(_))) | None => "the store is closed",
        };
        let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
        // A full queue stays full for a while, so log this only now and then.
        if lost.is_power_of_two() {
            tracing::warn!(target: "storage", store, lost, "{why}; some notifications are lost");
        }
    }

    /// Events lost because the queue was full or closed, or at shutdown.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    /// Delivers queued events for up to 10 seconds and stops. Later events are lost.
    pub async fn close(&self) {
        self.close_within(DRAIN).await;
    }

    async fn close_within(&self, time: Duration) {
        self.stop.by(Instant::now() + time);
        drop(self.queue.lock().unwrap_or_else(PoisonError::into_inner).take());
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(worker) = worker else { return };
        // The worker observes the deadline itself. Allow it a second more, but don't
        // wait for a name lookup that hangs.
        let ended = tokio::task::spawn_blocking(move || worker.join().is_ok());
        let ended = tokio::time::timeout(time + Duration::from_secs(1), ended).await;
        if !matches!(ended, Ok(Ok(true))) {
            tracing::warn!(target: "storage", "notifications did not end in time");
        }
        let lost = self.lost();
        if lost > 0 {
            tracing::warn!(target: "storage", lost, "notifications were lost");
        }
    }
}

fn deliver_all(
    queue: &Receiver<Box<Message>>,
    stores: &HashMap<String, Handlers>,
    stop: &Stop,
    lost: &AtomicU64,
) {
    let client = webhook::Client::new();
    for message in queue {
        if stop.at_most(Duration::MAX).is_zero() {
            lost.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        let Some(handlers) = stores.get(&message.event.store) else { continue };
        for handler in handlers.of(message.event.action) {
            let done = match handler {
                Handler::Log(log) => {
                    config::log(log.0.level, &message);
                    Ok(())
                }
                Handler::Webhook(hook) => client.send(hook, &message, stop),
                Handler::Exec(exec) => exec::run(exec, &message, stop),
                Handler::File(file) => append(&file.path, &message),
            };
            if let Err(problem) = done {
                let event = &message.event;
                tracing::warn!(
                    target: "storage", store = event.store, key = event.key,
                    "a notification was not delivered: {problem}"
                );
            }
        }
    }
}

fn append(path: &Path, message: &Message) -> Result<(), String> {
    let problem = |e: std::io::Error| format!("{}: {e}", path.display());
    // A pipe without a reader is an error, not a wait.
    let no_wait = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = std::fs::OpenOptions::new();
    let options = options.create(true).append(true).custom_flags(no_wait);
    let mut file = options.open(path).map_err(problem)?;
    // A single write, so that lines of several processes don't mix.
    file.write_all(format!("{}\n", message.json).as_bytes()).map_err(problem)
}
