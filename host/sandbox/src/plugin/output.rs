//! A plug-in's output: log lines, standard output, events. Lines are rate-limited,
//! labelled with the plug-in's name, and free of control characters.

use crate::circuit_breaker::Counters;
use crate::state::Observer;
use std::collections::HashSet;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;
use storage_contract::env::{Event, Level};
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

/// Lines that a plug-in may log in a burst.
const BURST: f64 = 200.0;

/// Lines per second after a burst.
const PER_SECOND: f64 = 20.0;

/// The most bytes of one line; the rest is cut.
const MAX_LINE: usize = 2 * 1024;

/// Forwards the output of one plug-in.
pub(crate) struct OutputLog {
    plugin: Arc<str>,
    observer: Arc<dyn Observer>,
    counters: Arc<Counters>,
    budget: Mutex<Budget>,
}

struct Budget {
    lines: f64,
    since: Instant,
    dropped: u64,
}

impl OutputLog {
    pub fn new(
        plugin: Arc<str>,
        observer: Arc<dyn Observer>,
        counters: Arc<Counters>,
    ) -> Arc<Self> {
        let budget = Mutex::new(Budget { lines: BURST, since: Instant::now(), dropped: 0 });
        Arc::new(Self { plugin, observer, counters, budget })
    }

    /// Logs a line under a store's name, if the budget allows.
    pub fn say(&self, level: Level, store: &str, text: &str) {
        let Some(dropped) = self.spend() else { return self.counters.dropped_line() };
        let plugin = &self.plugin;
        if dropped > 0 {
            let text = format!("plug-in {plugin}: {dropped} lines too many were dropped");
            self.observer.log(Level::Warn, store, &text);
        }
        self.observer.log(level, store, &format!("plug-in {plugin}: {}", clean(text, MAX_LINE)));
    }

    /// Takes one line from the budget and returns how many were dropped since the last
    /// one. `None` if the budget is used up.
    fn spend(&self) -> Option<u64> {
        let mut budget = self.budget.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let earned = now.duration_since(budget.since).as_secs_f64() * PER_SECOND;
        budget.lines = (budget.lines + earned).min(BURST);
        budget.since = now;
        if budget.lines < 1.0 {
            budget.dropped += 1;
            return None;
        }
        budget.lines -= 1.0;
        Some(std::mem::take(&mut budget.dropped))
    }
}

/// Guest text, cut to `most` bytes, with control characters escaped.
pub(crate) fn clean(text: &str, most: usize) -> String {
    let end = text.floor_char_boundary(most);
    let cut = if end < text.len() { "…" } else { "" };
    let text = text.get(..end).unwrap_or_default();
    let kept = text.chars().flat_map(|c| match c.is_control() {
        true => c.escape_default().collect::<Vec<_>>(),
        false => vec![c],
    });
    kept.chain(cut.chars()).collect()
}

/// The observer of one chain of a plug-in. It reports only the chain's own stores, so
/// that a plug-in can't trigger the handlers of others.
pub(crate) struct Wary {
    pub voice: Arc<OutputLog>,
    /// The name of the root store.
    pub root: String,
    pub stores: HashSet<String>,
}

impl Observer for Wary {
    fn log(&self, level: Level, store: &str, message: &str) {
        let store = if self.stores.contains(store) { store } else { &self.root };
        self.voice.say(level, store, message);
    }

    fn changed(&self, event: Event) {
        if self.stores.contains(&event.store) {
            self.voice.observer.changed(event);
        }
    }
}

/// Standard output or standard error of one instance, line by line.
#[derive(Clone)]
pub(crate) struct Output {
    voice: Arc<OutputLog>,
    store: Arc<str>,
    level: Level,
    line: Arc<Mutex<Vec<u8>>>,
}

impl Output {
    pub fn new(voice: &Arc<OutputLog>, store: &Arc<str>, level: Level) -> Self {
        Self { voice: voice.clone(), store: store.clone(), level, line: Arc::default() }
    }

    fn take(&self, bytes: &[u8]) {
        let mut line = self.line.lock().unwrap_or_else(PoisonError::into_inner);
        for piece in bytes.split_inclusive(|byte| *byte == b'\n') {
            let room = MAX_LINE.saturating_sub(line.len());
            let (text, ended) = match piece.strip_suffix(b"\n") {
                Some(text) => (text, true),
                None => (piece, false),
            };
            line.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
            if ended {
                self.say(&line);
                line.clear();
            }
        }
    }

    fn say(&self, line: &[u8]) {
        if !line.is_empty() {
            self.voice.say(self.level, &self.store, &String::from_utf8_lossy(line));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // A panic's last line may lack a newline.
        if Arc::strong_count(&self.line) == 1 {
            let line =
                std::mem::take(&mut *self.line.lock().unwrap_or_else(PoisonError::into_inner));
            self.say(&line);
        }
    }
}

impl IsTerminal for Output {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Output {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }

    fn p2_stream(&self) -> Box<dyn wasmtime_wasi::p2::OutputStream> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Output {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        self.take(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[async_trait::async_trait]
impl wasmtime_wasi::p2::Pollable for Output {
    async fn ready(&mut self) {}
}

impl wasmtime_wasi::p2::OutputStream for Output {
    fn write(&mut self, bytes: bytes::Bytes) -> Result<(), wasmtime_wasi::p2::StreamError> {
        self.take(&bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), wasmtime_wasi::p2::StreamError> {
        Ok(())
    }

    fn check_write(&mut self) -> Result<usize, wasmtime_wasi::p2::StreamError> {
        Ok(64 * 1024)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Observer for Heard {
        fn log(&self, _: Level, store: &str, message: &str) {
            self.0.lock().unwrap().push(format!("{store}: {message}"));
        }
        fn changed(&self, event: Event) {
            self.0.lock().unwrap().push(format!("{} changed", event.store));
        }
    }

    fn voice() -> (Arc<Heard>, Arc<Counters>, Arc<OutputLog>) {
        let (heard, counters) = (Arc::new(Heard::default()), Arc::new(Counters::default()));
        let voice = OutputLog::new("p".into(), heard.clone(), counters.clone());
        (heard, counters, voice)
    }

    #[test]
    fn a_flood_of_lines_is_dropped_and_counted() {
        let (heard, counters, voice) = voice();
        for i in 0..100_000 {
            voice.say(Level::Info, "s", &format!("line {i}"));
        }
        let said = heard.0.lock().unwrap().len() as u64;
        assert!(said >= 200, "{said}");
        let dropped = counters.read().dropped_lines;
        assert!(dropped > 50_000, "{dropped}");
    }

    #[test]
    fn a_line_can_not_look_like_two_or_move_the_cursor() {
        assert_eq!(clean("a\nb\u{1b}[2J", 100), "a\\nb\\u{1b}[2J");
        assert_eq!(clean("ééé", 3), "é…");
    }

    #[test]
    fn output_becomes_lines_and_long_ones_are_cut() {
        let (heard, _, voice) = voice();
        let output = Output::new(&voice, &"s".into(), Level::Info);
        output.take(b"one\ntw");
        output.take(b"o\n\n");
        output.take(&[b'x'; 100_000]);
        drop(output);
        let heard = heard.0.lock().unwrap();
        assert_eq!(heard[..2], ["s: plug-in p: one", "s: plug-in p: two"]);
        assert_eq!(heard[2].len(), "s: plug-in p: ".len() + MAX_LINE);
        assert_eq!(heard.len(), 3);
    }

    #[test]
    fn it_speaks_in_the_names_of_its_own_stores_alone() {
        let (heard, _, voice) = voice();
        let stores = HashSet::from(["mine".to_owned()]);
        let untrusted = Wary { voice, root: "mine".to_owned(), stores };
        let event = |store: &str| Event {
            store: store.to_owned(),
            action: storage_contract::env::Action::Put,
            key: "k".to_owned(),
            size: None,
            etag: None,
            failure: None,
        };
        untrusted.changed(event("another"));
        untrusted.changed(event("mine"));
        untrusted.log(Level::Info, "another", "hello");
        assert_eq!(heard.0.lock().unwrap()[..], ["mine changed", "mine: plug-in p: hello"]);
    }
}
