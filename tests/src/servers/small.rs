//! A minimal S3 server in memory with configurable handling of preconditions. It
//! records its requests and checks no signatures.

use anyhow::Result;
use md5::{Digest, Md5};
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What the server does with `If-Match` and `If-None-Match`.
#[derive(Clone, Copy, Debug)]
pub enum Preconditions {
    /// Checks and writes atomically.
    InOneStep,
    /// Checks, waits this long, and writes.
    Before(Duration),
    /// Ignores them.
    Ignored,
}

type Parts = BTreeMap<u32, Vec<u8>>;

#[derive(Default)]
struct State {
    objects: BTreeMap<String, (Vec<u8>, String)>,
    uploads: BTreeMap<String, (String, Parts)>,
    requests: Vec<String>,
    failing: bool,
}

/// A running server, which lasts as long as the process.
pub struct Small {
    port: u16,
    state: Arc<Mutex<State>>,
}

struct Request {
    method: String,
    key: String,
    query: BTreeMap<String, String>,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Small {
    /// Starts a server on a free port.
    pub fn start(preconditions: Preconditions) -> Result<Self> {
        Self::start_on(super::free_port()?, preconditions)
    }

    /// Starts a server on this port.
    pub fn start_on(port: u16, preconditions: Preconditions) -> Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = state.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = shared.clone();
                std::thread::spawn(move || serve(&stream, &state, preconditions));
            }
        });
        Ok(Self { port, state })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The config of a store over it.
    pub fn config(&self) -> Value {
        config(self.port)
    }

    /// Stores an object directly.
    pub fn put(&self, key: &str, data: &[u8]) {
        lock(&self.state).objects.insert(key.to_owned(), (data.to_vec(), md5(data)));
    }

    /// Begins a multipart upload directly.
    pub fn begin(&self, key: &str) {
        let mut state = lock(&self.state);
        let id = format!("begun-{}", state.uploads.len());
        state.uploads.insert(id, (key.to_owned(), Parts::new()));
    }

    /// Makes all requests fail from now on, or stops that.
    pub fn fail(&self, failing: bool) {
        lock(&self.state).failing = failing;
    }

    /// The keys of its objects.
    pub fn keys(&self) -> Vec<String> {
        lock(&self.state).objects.keys().cloned().collect()
    }

    /// The number of uploads that were neither completed nor aborted.
    pub fn uploads(&self) -> usize {
        lock(&self.state).uploads.len()
    }

    /// The requests since the last call: methods (`ABORT` for an aborted upload) and
    /// keys.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.state).requests)
    }
}

/// The config of a store over such a server on this port.
pub fn config(port: u16) -> Value {
    super::config(port, "us-east-1", "bucket", "key", "secret")
}

fn lock(state: &Mutex<State>) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn md5(data: &[u8]) -> String {
    hex::encode(Md5::digest(data))
}

fn serve(stream: &TcpStream, state: &Mutex<State>, preconditions: Preconditions) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let request = read(&mut reader)?;
        let failing = {
            let mut state = lock(state);
            let aborts = request.method == "DELETE" && request.query.contains_key("uploadId");
            let method = if aborts { "ABORT" } else { request.method.as_str() };
            state.requests.push(format!("{method} {}", request.key));
            state.failing
        };
        let (status, headers, body) = match failing {
            true => (503, String::new(), Vec::new()),
            false => answer(&request, state, preconditions),
        };
        let length = body.len();
        let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\n{headers}\r\n");
        let mut to = stream;
        to.write_all(head.as_bytes()).ok()?;
        if request.method != "HEAD" {
            to.write_all(&body).ok()?;
        }
    }
}

fn read(reader: &mut BufReader<&TcpStream>) -> Option<Request> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let mut first = lines.first()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let key = path.splitn(3, '/').nth(2).unwrap_or_default();
    let query = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (name.to_owned(), decode(value))
    });
    let headers: BTreeMap<String, String> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.get("content-length").and_then(|text| text.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, key: decode(key), query: query.collect(), headers, body })
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex: String = match byte {
            b'%' => rest.by_ref().take(2).map(char::from).collect(),
            _ => String::new(),
        };
        bytes.push(u8::from_str_radix(&hex, 16).unwrap_or(byte));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

type Answer = (u16, String, Vec<u8>);

fn answer(request: &Request, state: &Mutex<State>, preconditions: Preconditions) -> Answer {
    let plain = |status| (status, String::new(), Vec::new());
    let Request { key, query, body, .. } = request;
    let id = query.get("uploadId").cloned().unwrap_or_default();
    match (request.method.as_str(), key.as_str()) {
        ("GET", "") if query.contains_key("uploads") => uploads(query, &lock(state)),
        ("GET", "") => list(query, &lock(state)),
        ("PUT", _) if query.contains_key("partNumber") => {
            let number = query.get("partNumber").and_then(|n| n.parse().ok()).unwrap_or(0);
            let mut state = lock(state);
            let Some((_, parts)) = state.uploads.get_mut(&id) else { return plain(404) };
            parts.insert(number, body.clone());
            (200, format!("etag: \"{}\"\r\n", md5(body)), Vec::new())
        }
        ("PUT", _) => match write(request, state, preconditions, body, &md5(body)) {
            true => (200, format!("etag: \"{}\"\r\n", md5(body)), Vec::new()),
            false => plain(412),
        },
        ("POST", _) if query.contains_key("uploads") => {
            let mut state = lock(state);
            let id = format!("{}-{}", state.uploads.len(), state.requests.len());
            state.uploads.insert(id.clone(), (key.clone(), Parts::new()));
            let root = "InitiateMultipartUploadResult";
            (200, String::new(), format!("<{root}><UploadId>{id}</UploadId></{root}>").into())
        }
        ("POST", _) => {
            let Some((_, parts)) = lock(state).uploads.get(&id).cloned() else { return plain(404) };
            let digests: Vec<u8> = parts.values().flat_map(Md5::digest).collect();
            let etag = format!("{}-{}", md5(&digests), parts.len());
            let whole: Vec<u8> = parts.into_values().flatten().collect();
            if !write(request, state, preconditions, &whole, &etag) {
                return plain(412);
            }
            lock(state).uploads.remove(&id);
            let root = "CompleteMultipartUploadResult";
            (200, String::new(), format!("<{root}><ETag>\"{etag}\"</ETag></{root}>").into())
        }
        ("DELETE", _) if !id.is_empty() => {
            lock(state).uploads.remove(&id);
            plain(204)
        }
        ("DELETE", _) => {
            lock(state).objects.remove(key);
            plain(204)
        }
        _ => match lock(state).objects.get(key) {
            Some((data, etag)) => (200, format!("etag: \"{etag}\"\r\n"), data.clone()),
            None => plain(404),
        },
    }
}

/// Writes an object if its preconditions hold; returns whether it did.
fn write(
    request: &Request,
    state: &Mutex<State>,
    preconditions: Preconditions,
    data: &[u8],
    etag: &str,
) -> bool {
    let holds = |state: &State| {
        let there = state.objects.get(&request.key).map(|(_, etag)| format!("\"{etag}\""));
        let matches = request.headers.get("if-match").is_none_or(|m| there.as_ref() == Some(m));
        matches && (!request.headers.contains_key("if-none-match") || there.is_none())
    };
    let object = (data.to_vec(), etag.to_owned());
    let mut held = lock(state);
    if !matches!(preconditions, Preconditions::Ignored) && !holds(&held) {
        return false;
    }
    if let Preconditions::Before(gap) = preconditions {
        drop(held);
        std::thread::sleep(gap);
        held = lock(state);
    }
    held.objects.insert(request.key.clone(), object);
    true
}

/// A key as XML shows it: unchanged, unless the request asked for encoding.
fn shown(query: &BTreeMap<String, String>, key: &str) -> String {
    match query.get("encoding-type").map(String::as_str) {
        Some("url") => key.bytes().map(|byte| format!("%{byte:02X}")).collect(),
        _ => key.to_owned(),
    }
}

fn encoding(query: &BTreeMap<String, String>) -> &'static str {
    match query.contains_key("encoding-type") {
        true => "<EncodingType>url</EncodingType>",
        false => "",
    }
}

fn list(query: &BTreeMap<String, String>, state: &State) -> Answer {
    let contents = state.objects.iter().map(|(key, (data, etag))| {
        format!(
            "<Contents><Key>{}</Key><Size>{}</Size><ETag>\"{etag}\"</ETag></Contents>",
            shown(query, key),
            data.len()
        )
    });
    let (encoding, contents) = (encoding(query), contents.collect::<String>());
    let root = "ListBucketResult";
    (200, String::new(), format!("<{root}>{encoding}{contents}</{root}>").into())
}

fn uploads(query: &BTreeMap<String, String>, state: &State) -> Answer {
    let uploads = state.uploads.iter().map(|(id, (key, _))| {
        let begun = "2020-01-01T00:00:00.000Z";
        format!(
            "<Upload><Key>{}</Key><UploadId>{id}</UploadId><Initiated>{begun}</Initiated></Upload>",
            shown(query, key)
        )
    });
    let (encoding, uploads) = (encoding(query), uploads.collect::<String>());
    let root = "ListMultipartUploadsResult";
    (200, String::new(), format!("<{root}>{encoding}{uploads}</{root}>").into())
}
