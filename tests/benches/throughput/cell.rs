//! A cell of the table: an operation, a size, and the requests in flight.

use crate::client::Connection;
use crate::contender::Running;
use anyhow::{Result, ensure};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::ScopedJoinHandle;
use std::time::{Duration, Instant};

/// The least duration of a measurement, except for objects so large that one per
/// connection must suffice.
const SPAN: Duration = Duration::from_secs(1);
const LARGE: u64 = 64 * 1024 * 1024;
const MEDIUM: u64 = 1024 * 1024;

/// An object that every connection reads once before it measures.
const FIRST: &str = "first";
const FIRST_SIZE: u64 = 1024;

/// Makes every written object differ from all others.
static SEED: AtomicU64 = AtomicU64::new(1 << 32);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    Put,
    Get,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Cell {
    pub operation: Operation,
    pub size: u64,
    pub in_flight: usize,
}

/// The results of one server.
pub struct Measured {
    /// Bytes per second.
    pub rate: f64,
    /// The latency of each request.
    pub latencies: Vec<Duration>,
    /// Further requests that failed with a server error.
    pub failed: usize,
    /// The processor time that the server took for a request.
    pub processor: Duration,
}

/// The results of one connection.
struct Done {
    begun: Instant,
    ended: Instant,
    latencies: Vec<Duration>,
    failed: usize,
}

impl Cell {
    /// Whether one object per connection must suffice.
    pub fn is_large(size: u64) -> bool {
        size >= LARGE
    }

    /// The number of objects per connection to read, or to write before overwriting
    /// them.
    fn objects(&self) -> u64 {
        match self.operation {
            Operation::Put if Self::is_large(self.size) => 1,
            Operation::Get if Self::is_large(self.size) => 2,
            Operation::Put if self.size >= MEDIUM => 8,
            Operation::Get if self.size >= MEDIUM => 32,
            Operation::Put => 2_000,
            Operation::Get => 100,
        }
    }

    /// Writes the objects to read.
    pub fn prepare(&self, server: &Running) -> Result<()> {
        let mut connection = Connection::open(server.port())?;
        let signer = server.signer()?;
        let head = signer.head("PUT", &server.path(FIRST), FIRST_SIZE)?;
        ensure!(connection.put(&head, 0, FIRST_SIZE)?, "the first object failed");
        for object in 0..self.objects() {
            let path = server.path(&format!("get/{object:06}"));
            let head = signer.head("PUT", &path, self.size)?;
            ensure!(connection.put(&head, object, self.size)?, "what is to be read failed");
        }
        Ok(())
    }

    pub fn measure(&self, server: &Running) -> Result<Measured> {
        let start = Barrier::new(self.in_flight + 1);
        let (before, results) = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..self.in_flight)
                .map(|number| {
                    let start = &start;
                    scope.spawn(move || self.connection(server, number, start))
                })
                .collect();
            start.wait();
            let before = server.processor_time();
            let failed = |_| Err(anyhow::anyhow!("a client failed"));
            let done = |thread: ScopedJoinHandle<_>| thread.join().unwrap_or_else(failed);
            (before, threads.into_iter().map(done).collect::<Vec<Result<Done>>>())
        });
        let mut latencies = Vec::new();
        let (mut first, mut last, mut failed) = (None, None, 0);
        for result in results {
            let Done { begun, ended, latencies: taken, failed: more } = result?;
            failed += more;
            first = Some(first.map_or(begun, |first: Instant| first.min(begun)));
            last = Some(last.map_or(ended, |last: Instant| last.max(ended)));
            latencies.extend(taken);
        }
        let span = last.zip(first).map_or(SPAN, |(last, first)| last - first);
        let rate = (latencies.len() as u64 * self.size) as f64 / span.as_secs_f64();
        let took = server.processor_time()? - before?;
        let processor = took.div_f64((latencies.len() + failed) as f64);
        Ok(Measured { rate, latencies, failed, processor })
    }

    fn connection(&self, server: &Running, number: usize, start: &Barrier) -> Result<Done> {
        // A connection that fails here must not leave the others waiting.
        let ready = self.ready(server, number);
        start.wait();
        let (mut connection, heads) = ready?;
        let begun = Instant::now();
        let (mut latencies, mut failed) = (Vec::new(), 0);
        for (object, head) in heads.iter().enumerate().cycle().skip(number * 7 % heads.len()) {
            let asked = Instant::now();
            let is_done = match self.operation {
                Operation::Put => {
                    let seed = SEED.fetch_add(1, Ordering::Relaxed);
                    connection.put(head, seed, self.size)?
                }
                Operation::Get => {
                    connection.get(head, object as u64, self.size)?;
                    true
                }
            };
            let now = Instant::now();
            match is_done {
                true => latencies.push(now - asked),
                false => failed += 1,
            }
            if Self::is_large(self.size) || now - begun > SPAN {
                break;
            }
        }
        Ok(Done { begun, ended: Instant::now(), latencies, failed })
    }

    fn ready(&self, server: &Running, number: usize) -> Result<(Connection, Vec<String>)> {
        let mut connection = Connection::open(server.port())?;
        let signer = server.signer()?;
        let heads: Result<Vec<String>> = (0..self.objects())
            .map(|object| match self.operation {
                Operation::Get => signer.head("GET", &server.path(&format!("get/{object:06}")), 0),
                Operation::Put => {
                    let key = format!("put/{}/{number:02}/{object:06}", self.in_flight);
                    signer.head("PUT", &server.path(&key), self.size)
                }
            })
            .collect();
        connection.get(&signer.head("GET", &server.path(FIRST), 0)?, 0, FIRST_SIZE)?;
        Ok((connection, heads?))
    }

    /// Removes the large objects that were written.
    pub fn clean(&self, server: &Running) -> Result<()> {
        if self.operation == Operation::Get || !Self::is_large(self.size) {
            return Ok(());
        }
        let mut connection = Connection::open(server.port())?;
        let signer = server.signer()?;
        for number in 0..self.in_flight {
            let path = server.path(&format!("put/{}/{number:02}/000000", self.in_flight));
            connection.delete(&signer.head("DELETE", &path, 0)?)?;
        }
        Ok(())
    }
}
