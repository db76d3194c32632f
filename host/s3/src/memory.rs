//! Memory for documents, which are held whole. The fields of forms are not counted: they
//! arrive before it is known who sends them, and the limit on requests bounds them.

use crate::protocol::error::{Code, Error, Result};
use http::HeaderValue;
use http::header::RETRY_AFTER;
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The bytes over all requests.
const ALL: usize = 32 * 1024 * 1024;

/// A parsed document takes about four times the memory of its text.
const PARSED: usize = 4;

/// The memory of all requests.
#[derive(Clone)]
pub struct Memory(Arc<Semaphore>);

impl Default for Memory {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(ALL)))
    }
}

/// The memory of one request, released on drop. It grows by what arrives, never by what is
/// announced.
pub struct MemoryReservation {
    memory: Memory,
    held: Option<OwnedSemaphorePermit>,
}

impl Memory {
    /// None of it yet.
    pub fn holder(&self) -> MemoryReservation {
        MemoryReservation { memory: self.clone(), held: None }
    }
}

impl MemoryReservation {
    /// Takes memory for so many bytes of a document.
    pub fn take(&mut self, bytes: usize) -> Result<()> {
        let wanted = u32::try_from(bytes.saturating_mul(PARSED)).unwrap_or(u32::MAX);
        let more = self.memory.0.clone().try_acquire_many_owned(wanted);
        let more = more.map_err(|_| slow_down())?;
        match &mut self.held {
            Some(held) => held.merge(more),
            None => self.held = Some(more),
        }
        Ok(())
    }
}

/// The error for a request for which there is no room at the moment.
pub fn slow_down() -> Error {
    Error::from(Code::SlowDown).header(RETRY_AFTER, HeaderValue::from_static("1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_taken_by_what_arrives_and_given_back() {
        let memory = Memory::default();
        let mut first = memory.holder();
        for _ in 0..8 {
            first.take(1024 * 1024).unwrap();
        }
        let mut second = memory.holder();
        assert_eq!(second.take(1).unwrap_err().code(), Code::SlowDown);
        drop(first);
        second.take(1).unwrap();
    }
}
