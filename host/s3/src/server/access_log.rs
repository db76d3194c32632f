//! The access log: a line for each request, when its response has ended.

use crate::options::{LogFormat, LogOptions};
use crate::protocol::date;
use crate::protocol::error::Code;
use anyhow::Context;
use serde_json::json;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::{Duration, Instant, SystemTime};

/// How many lines may wait for a slow file. More are left out, and counted.
const WAITING: usize = 10_000;

/// The log. A thread of its own writes it, so that no request waits for a slow disk or a
/// reader of a pipe.
pub struct AccessLog {
    format: LogFormat,
    lines: SyncSender<String>,
    lost: AtomicU64,
}

/// What is told of a request.
#[derive(Debug, Default)]
pub struct Facts {
    pub id: String,
    pub address: Option<IpAddr>,
    pub method: String,
    /// As it was sent.
    pub path: String,
    /// The access key, once its signature was verified.
    pub principal: Option<String>,
    pub bucket: Option<String>,
    pub key: Option<String>,
    pub operation: Option<&'static str>,
    pub status: u16,
    /// The code of an error.
    pub error: Option<&'static str>,
}

/// What the body of a request tells of itself while it arrives.
#[derive(Debug, Default)]
pub struct Received {
    bytes: AtomicU64,
    /// For how long the client was waited for, in microseconds.
    waited: AtomicU64,
}

impl Received {
    /// Bytes arrived, after so long a wait.
    pub fn add(&self, bytes: usize, waited: Duration) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.waited.fetch_add(micros(waited), Ordering::Relaxed);
    }
}

/// The line of a request; it is written on drop, when the response has ended or the client
/// is gone.
pub struct Line {
    log: Option<Arc<AccessLog>>,
    pub facts: Facts,
    received: Arc<Received>,
    start: Instant,
    at: SystemTime,
    /// How long the stores took, as far as that is known.
    store: Duration,
    sent: u64,
}

impl AccessLog {
    /// Opens the log.
    pub fn open(options: &LogOptions) -> anyhow::Result<Self> {
        let mut out: Box<dyn Write + Send> = match &options.file {
            None => Box::new(io::stderr()),
            Some(path) => {
                let file = OpenOptions::new().create(true).append(true).open(path);
                let shown = path.display();
                Box::new(file.with_context(|| format!("serve.log: {shown} can't be written"))?)
            }
        };
        let (lines, waiting) = sync_channel::<String>(WAITING);
        std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            for line in waiting {
                if let Err(error) = out.write_all(line.as_bytes()) {
                    tracing::debug!(%error, "a line of the access log is lost");
                }
            }
        })?;
        Ok(Self { format: options.format, lines, lost: AtomicU64::new(0) })
    }

    fn write(&self, line: String) {
        if self.lines.try_send(line).is_err() {
            let lost = self.lost.fetch_add(1, Ordering::Relaxed) + 1;
            if lost.is_power_of_two() {
                tracing::warn!(target: "storage", "{lost} lines of the access log are lost");
            }
        }
    }
}

/// The status of a request whose client did not wait for the response, as other servers
/// have it.
const GONE: u16 = 499;

/// The most characters of a path in a line.
const MAX_PATH: usize = 2_000;

impl Line {
    /// Begins the line of a request, for `log` if there is one.
    pub fn new(log: Option<Arc<AccessLog>>, facts: Facts, received: Arc<Received>) -> Self {
        let (start, at) = (Instant::now(), SystemTime::now());
        let facts = Facts { status: GONE, ..facts };
        Self { log, facts, received, start, at, store: Duration::ZERO, sent: 0 }
    }

    /// The response is there, and its body may follow.
    pub fn answered(&mut self) {
        let waited = Duration::from_micros(self.received.waited.load(Ordering::Relaxed));
        self.store = self.start.elapsed().saturating_sub(waited);
    }

    /// So many bytes are being sent, after the store was waited for.
    pub fn sends(&mut self, bytes: usize, waited: Duration) {
        self.sent += bytes as u64;
        self.store += waited;
    }

    /// The body broke off: the store failed after the response had begun.
    pub fn breaks(&mut self) {
        self.facts.error = Some(Code::InternalError.name());
    }

    fn text(&self) -> String {
        let Facts { id, address, method, path, principal, operation, status, error, .. } =
            &self.facts;
        let word = |text: &Option<String>| match text {
            Some(text) => text.replace(|c: char| c.is_control() || c == ' ', "?"),
            None => "-".to_owned(),
        };
        let odd = |c: char| c.is_control() || matches!(c, '"' | ' ' | '\u{2028}' | '\u{2029}');
        let path: String = path.chars().take(MAX_PATH).collect();
        let path = path.replace(odd, "?");
        let address = address.map_or_else(|| "-".to_owned(), |address| address.to_string());
        format!(
            "{} {id} {} {address} \"{method} {path}\" {} {status} {} {} {} {} {}\n",
            time(self.at),
            word(principal),
            operation.unwrap_or("-"),
            error.unwrap_or("-"),
            self.received.bytes.load(Ordering::Relaxed),
            self.sent,
            micros(self.start.elapsed()),
            micros(self.store),
        )
    }

    fn json(&self) -> String {
        let facts = &self.facts;
        let line = json!({
            "time": time(self.at),
            "request_id": facts.id,
            "principal": facts.principal,
            "address": facts.address,
            "method": facts.method,
            "bucket": facts.bucket,
            "key": facts.key,
            "operation": facts.operation,
            "status": facts.status,
            "error": facts.error,
            "bytes_received": self.received.bytes.load(Ordering::Relaxed),
            "bytes_sent": self.sent,
            "duration_us": micros(self.start.elapsed()),
            "store_us": micros(self.store),
        });
        format!("{line}\n")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let Some(log) = &self.log else { return };
        log.write(match log.format {
            LogFormat::Text => self.text(),
            LogFormat::Json => self.json(),
        });
    }
}

/// A time with milliseconds.
fn time(at: SystemTime) -> String {
    let since = at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let millis = since.subsec_millis();
    date::to_iso(at).replace(".000Z", &format!(".{millis:03}Z"))
}

fn micros(long: Duration) -> u64 {
    u64::try_from(long.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(format: LogFormat) -> String {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("log");
        let options = LogOptions { format, file: Some(file.clone()) };
        let log = Arc::new(AccessLog::open(&options).unwrap());
        let facts = Facts {
            id: "7".to_owned(),
            method: "GET".to_owned(),
            path: "/b/a%0Ab".to_owned(),
            principal: Some("A B".to_owned()),
            bucket: Some("b".to_owned()),
            key: Some("a\nb".to_owned()),
            error: Some("NoSuchKey"),
            ..Facts::default()
        };
        let received = Arc::<Received>::default();
        received.add(5, Duration::from_secs(3_600));
        let mut line = Line::new(Some(log.clone()), facts, received);
        line.facts.status = 404;
        line.answered();
        line.sends(7, Duration::from_micros(9));
        drop((line, log));
        loop {
            let text = std::fs::read_to_string(&file).unwrap();
            if text.ends_with('\n') {
                return text;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_request_is_one_line_whatever_its_key() {
        let text = written(LogFormat::Text);
        assert_eq!(text.lines().count(), 1, "{text}");
        let wanted = " 7 A?B - \"GET /b/a%0Ab\" - 404 NoSuchKey 5 7 ";
        assert!(text.contains(wanted) && text.ends_with(" 9\n"), "{text}");
        let text = written(LogFormat::Json);
        assert_eq!(text.lines().count(), 1, "{text}");
        let line: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((line["key"].as_str(), line["bytes_sent"].as_u64()), (Some("a\nb"), Some(7)));
        assert_eq!(line["store_us"], 9, "the wait for the client is not the store's");
    }
}
