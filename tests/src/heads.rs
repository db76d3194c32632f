//! Records the heads of the requests that clients send, as inputs of the fuzz target
//! `requests`: one file for each form of a request (its operation, and the names of its
//! parameters and headers), named `SCRIPT.OPERATION.NUMBER`. Delete those that a script
//! sends to see them refused.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use storage_s3::protocol::request::Request;

/// The variable with the folder to record to.
pub const FOLDER: &str = "STORAGE_TEST_RECORD";

/// What the inputs of the target that are heads begin with.
const IS_HEAD: char = '0';

/// The requests of one connection.
type Sent = Arc<Mutex<Vec<u8>>>;

/// A listener that passes connections on to a server, and keeps what is sent to it.
pub struct Tap {
    port: u16,
    connections: Arc<Mutex<Vec<Sent>>>,
}

impl Tap {
    /// Listens for connections to the server at a port.
    pub fn start(server: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let connections: Arc<Mutex<Vec<Sent>>> = Arc::default();
        let all = connections.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { continue };
                let sent = Sent::default();
                all.lock().unwrap_or_else(PoisonError::into_inner).push(sent.clone());
                let answers = server.try_clone().and_then(|from| Ok((from, client.try_clone()?)));
                let Ok((from, to)) = answers else { continue };
                std::thread::spawn(move || pass(from, to, None));
                std::thread::spawn(move || pass(client, server, Some(&sent)));
            }
        });
        Ok(Self { port, connections })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Writes the heads that a script's clients have sent to a folder.
    pub fn save(&self, folder: &Path, script: &str) -> Result<()> {
        fs::create_dir_all(folder)?;
        let script = script.split('.').next().unwrap_or_default();
        let mut forms = BTreeSet::new();
        for sent in self.connections.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            let mut rest = sent.as_slice();
            while let Some((head, after)) = next(rest)? {
                rest = after;
                // Some clients ask for what is no request of S3, to see what happens.
                let Some((operation, form)) = form(head) else { continue };
                if forms.insert((operation, form)) {
                    let number = forms.iter().filter(|(known, _)| *known == operation).count();
                    let file = folder.join(format!("{script}.{operation}.{number}"));
                    fs::write(file, format!("{IS_HEAD}{head}"))?;
                }
            }
        }
        Ok(())
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream, keep: Option<&Sent>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let bytes = buffer.get(..count).unwrap_or_default();
        if let Some(sent) = keep {
            sent.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        }
        if to.write_all(bytes).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// The operation of a request, and what else makes two of them alike.
fn form(head: &str) -> Option<(&'static str, String)> {
    let mut lines = head.split("\r\n");
    let mut words = lines.next()?.splitn(3, ' ');
    let mut request = ::http::Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    let headers: BTreeSet<&str> = head.headers.keys().map(|name| name.as_str()).collect();
    let query = head.uri.query().unwrap_or_default().split('&');
    let parameters: BTreeSet<_> = query.map(|pair| pair.split('=').next()).collect();
    let form = format!("{parameters:?} {headers:?}");
    let request = Request::parse(head, &[]).ok()?;
    Some((request.operation.name, form))
}

/// Splits the first request from what a connection carried: its head, and what follows
/// its body.
fn next(bytes: &[u8]) -> Result<Option<(&str, &[u8])>> {
    let Some(end) = memchr::memmem::find(bytes, b"\r\n\r\n") else { return Ok(None) };
    let (head, rest) = bytes.split_at(end + 4);
    let head = std::str::from_utf8(head).context("a head that is not text")?;
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim()).next()
    };
    let length = match field("content-length") {
        Some(length) => length.parse()?,
        None if field("transfer-encoding").is_some() => chunked(rest)?,
        None => 0,
    };
    Ok(Some((head, rest.get(length..).unwrap_or_default())))
}

/// The length of a body in the transfer coding `chunked`.
fn chunked(bytes: &[u8]) -> Result<usize> {
    let mut at = 0;
    loop {
        let rest = bytes.get(at..).unwrap_or_default();
        let line = memchr::memmem::find(rest, b"\r\n").context("a body that ends in a chunk")?;
        let size = std::str::from_utf8(rest.get(..line).unwrap_or_default())?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default(), 16)?;
        at += line + 2 + size + 2;
        if size == 0 {
            return Ok(at);
        }
    }
}
