//! The HTTP client for all servers: plain sockets, presigned requests, persistent
//! connections, one thread each. It must be cheap, since it shares the processors with
//! the server.

use anyhow::{Context, Result, bail, ensure};
use std::io::{IoSlice, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Contents are generated and checked in blocks of this size.
pub const BLOCK: usize = 1024 * 1024;

/// Each block has a mark at every multiple of this, so that no two blocks are equal and
/// a deduplicating server saves nothing.
const MARKED: usize = 64 * 1024;
const MARK: usize = 16;

/// Incompressible bytes, the same in every run.
pub struct Content(Vec<u8>);

impl Content {
    pub fn new() -> Self {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        let words = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        Self(words.take(BLOCK / 8).flatten().collect())
    }

    /// Block number `block` of the object `seed`.
    fn block(&mut self, seed: u64, block: u64) -> &[u8] {
        for at in (0..BLOCK).step_by(MARKED) {
            self.0[at..at + MARK].copy_from_slice(&mark(seed, block, at));
        }
        &self.0
    }
}

fn mark(seed: u64, block: u64, at: usize) -> [u8; MARK] {
    let mut mark = [0; MARK];
    mark[..8].copy_from_slice(&seed.to_le_bytes());
    mark[8..].copy_from_slice(&(block << 32 | at as u64).to_le_bytes());
    mark
}

/// A connection to one server.
pub struct Connection {
    port: u16,
    stream: TcpStream,
    /// The server announced that it closes the connection: the next request opens
    /// another, as for any client.
    is_over: bool,
    content: Content,
    buffer: Vec<u8>,
}

impl Connection {
    pub fn open(port: u16) -> Result<Self> {
        let (stream, content) = (connect(port)?, Content::new());
        Ok(Self { port, stream, is_over: false, content, buffer: vec![0; 256 * 1024] })
    }

    /// Reconnects if the server closed the connection.
    fn again(&mut self) -> Result<()> {
        if self.is_over {
            self.stream = connect(self.port)?;
            self.is_over = false;
        }
        Ok(())
    }

    /// Writes the object `seed` of `size` bytes. Returns whether the server accepted
    /// it, and `false` for a server error (5xx).
    pub fn put(&mut self, head: &str, seed: u64, size: u64) -> Result<bool> {
        self.again()?;
        let mut head = head.as_bytes();
        for block in 0..size.div_ceil(BLOCK as u64) {
            let length = (size - block * BLOCK as u64).min(BLOCK as u64) as usize;
            let bytes = &self.content.block(seed, block)[..length];
            write_both(&mut self.stream, head, bytes)?;
            head = b"";
        }
        self.end("PUT")
    }

    /// Removes an object.
    pub fn delete(&mut self, head: &str) -> Result<()> {
        self.again()?;
        self.stream.write_all(head.as_bytes())?;
        ensure!(self.end("DELETE")?, "DELETE failed");
        Ok(())
    }

    /// Reads the object `seed` of `size` bytes and checks its length and marks.
    pub fn get(&mut self, head: &str, seed: u64, size: u64) -> Result<()> {
        self.again()?;
        self.stream.write_all(head.as_bytes())?;
        let (is_ok, body, filled, length) = self.head()?;
        ensure!(is_ok, "GET failed: {}", String::from_utf8_lossy(&self.buffer[..filled]));
        ensure!(length == Some(size), "GET was answered with {length:?} bytes, not {size}");
        let mut at = look(&self.buffer[body..filled], seed, 0)?;
        while at < size {
            let most = self.buffer.len().min(usize::try_from(size - at)?);
            let more = self.stream.read(&mut self.buffer[..most])?;
            ensure!(more > 0, "the answer ended {} bytes early", size - at);
            at = look(&self.buffer[..more], seed, at)?;
        }
        ensure!(at == size, "more bytes than announced");
        Ok(())
    }

    /// Reads an answer and discards its body; returns whether it was a success.
    fn end(&mut self, what: &str) -> Result<bool> {
        let (is_ok, body, filled, length) = self.head()?;
        let mut left = length.unwrap_or(0) - (filled - body) as u64;
        while left > 0 {
            let more = self.stream.read(&mut self.buffer)?;
            ensure!(more > 0, "the answer to {what} ended early");
            left -= more as u64;
        }
        Ok(is_ok)
    }

    /// Reads the head of an answer. Returns whether it is a success rather than a
    /// server error, the offsets in the buffer where the body begins and the received
    /// bytes end, and the body's length.
    fn head(&mut self) -> Result<(bool, usize, usize, Option<u64>)> {
        let mut filled = 0;
        let end = loop {
            let more = self.stream.read(&mut self.buffer[filled..])?;
            ensure!(more > 0, "the connection was closed");
            filled += more;
            let head = &self.buffer[..filled.min(16 * 1024)];
            if let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let head = std::str::from_utf8(&self.buffer[..end])?;
        let status = head.split(' ').nth(1).context("no status")?;
        let is_ok = status.starts_with('2');
        if !is_ok && !status.starts_with('5') {
            bail!("{}", String::from_utf8_lossy(&self.buffer[..filled]));
        }
        let field = |wanted: &str| {
            let mut fields = head.lines().filter_map(|line| line.split_once(':'));
            let found = fields.find(|(name, _)| name.eq_ignore_ascii_case(wanted));
            found.map(|(_, value)| value.trim())
        };
        let length = field("content-length").and_then(|length| length.parse().ok());
        let is_over = field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
        self.is_over = is_over;
        Ok((is_ok, end, filled, length))
    }
}

fn connect(port: u16) -> Result<TcpStream> {
    let stream = TcpStream::connect(("127.0.0.1", port))?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(600)))?;
    Ok(stream)
}

fn write_both(stream: &mut TcpStream, head: &[u8], body: &[u8]) -> Result<()> {
    let mut written = 0;
    while written < head.len() {
        written += stream.write_vectored(&[IoSlice::new(&head[written..]), IoSlice::new(body)])?;
    }
    stream.write_all(&body[written - head.len()..])?;
    Ok(())
}

/// Checks the marks in `bytes`, which start at offset `at`, and returns the offset of
/// their end.
fn look(bytes: &[u8], seed: u64, at: u64) -> Result<u64> {
    let end = at + bytes.len() as u64;
    let mut next = at.next_multiple_of(MARKED as u64);
    while next < end {
        let from = (next - at) as usize;
        let found = &bytes[from..bytes.len().min(from + MARK)];
        let block = next / BLOCK as u64;
        let expected = mark(seed, block, (next % BLOCK as u64) as usize);
        ensure!(*found == expected[..found.len()], "wrong bytes at {next}");
        next += MARKED as u64;
    }
    Ok(end)
}
