//! A registry with scripted answers, which records its requests.

use anyhow::Result;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bytes of an endless answer before it stops.
const ENDLESS: usize = 8 << 20;
const BLOCK: usize = 64 << 10;

/// One answer.
#[derive(Clone)]
pub struct Answer {
    status: u16,
    headers: String,
    body: Vec<u8>,
    length: Option<usize>,
    endless: bool,
}

impl Answer {
    /// An answer with only a status.
    pub fn status(status: u16) -> Self {
        Self { status, headers: String::new(), body: Vec::new(), length: None, endless: false }
    }

    /// A success with these bytes.
    pub fn ok(body: &[u8]) -> Self {
        Self { body: body.to_vec(), ..Self::status(200) }
    }

    /// A redirect.
    pub fn moved(location: &str) -> Self {
        Self::status(307).with("Location", location)
    }

    /// Adds a header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers += &format!("{name}: {value}\r\n");
        self
    }

    /// Announces this length instead of the real one.
    pub fn claims(mut self, length: usize) -> Self {
        self.length = Some(length);
        self
    }

    /// Repeats the body for as long as the client reads.
    pub fn endless(mut self) -> Self {
        self.endless = true;
        self
    }

    fn send(&self, to: &mut TcpStream) -> std::io::Result<()> {
        let length = match self.endless {
            true => String::new(),
            false => format!("Content-Length: {}\r\n", self.length.unwrap_or(self.body.len())),
        };
        let Self { status, headers, body, .. } = self;
        write!(to, "HTTP/1.1 {status} X\r\nConnection: close\r\n{length}{headers}\r\n")?;
        to.write_all(body)?;
        let block = body.repeat(if self.endless { BLOCK / body.len().max(1) } else { 0 });
        let mut sent = 0;
        while self.endless && sent < ENDLESS {
            to.write_all(&block)?;
            sent += BLOCK;
        }
        Ok(())
    }
}

/// A running registry.
pub struct Lying {
    port: u16,
    heads: Arc<Mutex<Vec<String>>>,
}

/// The registry's answers.
struct Answers {
    manifest: Answer,
    blob: Answer,
    /// Whether a token is required.
    guarded: bool,
}

const TOKEN: &str = "token-of-the-tests";

impl Lying {
    /// Starts a registry that answers everybody.
    pub fn start(manifest: Answer, blob: Answer) -> Result<Self> {
        Self::serve(Answers { manifest, blob, guarded: false })
    }

    /// Starts a registry that requires a token, which it issues to everybody.
    pub fn guarded(manifest: Answer, blob: Answer) -> Result<Self> {
        Self::serve(Answers { manifest, blob, guarded: true })
    }

    fn serve(answers: Answers) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let heads = Arc::new(Mutex::new(Vec::new()));
        let kept = heads.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let head = head(&mut stream).unwrap_or_default();
                let answer = answers.to(&head, port);
                kept.lock().unwrap_or_else(PoisonError::into_inner).push(head);
                // A client that hangs up has seen enough.
                let _ = answer.send(&mut stream);
            }
        });
        Ok(Self { port, heads })
    }

    /// The registry's part of a reference.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The heads of all requests so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Answers {
    fn to(&self, head: &str, port: u16) -> Answer {
        let path = head.split(' ').nth(1).unwrap_or_default();
        if path.starts_with("/token?") {
            return Answer::ok(format!("{{\"token\": \"{TOKEN}\"}}").as_bytes());
        }
        if self.guarded && !head.contains(&format!("Bearer {TOKEN}")) {
            let wanted =
                format!("Bearer realm=\"http://127.0.0.1:{port}/token\",service=\"tests\"");
            return Answer::status(401).with("WWW-Authenticate", &wanted);
        }
        match path.contains("/blobs/") {
            true => self.blob.clone(),
            false => self.manifest.clone(),
        }
    }
}

fn head(stream: &mut TcpStream) -> std::io::Result<String> {
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte)? == 1 {
        head.push(byte[0]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
