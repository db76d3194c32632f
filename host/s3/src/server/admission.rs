//! Admits requests while there is room. Those over the limit are refused at once, with
//! advice to retry: queued requests would occupy memory, too.

use super::access_log::Line;
use super::busy::Counted;
use crate::protocol::response::{Body, Broken};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;
use storage_store::chunk_size::OpenStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The room for requests.
pub struct Admission {
    requests: Arc<Semaphore>,
}

/// The room of one request, released on drop.
pub struct Room {
    _stream: OpenStream,
    _request: OwnedSemaphorePermit,
}

impl Admission {
    /// Room for so many requests at a time.
    pub fn new(requests: usize) -> Self {
        Self { requests: Arc::new(Semaphore::new(requests)) }
    }

    /// Room for one more, if there is some.
    pub fn admit(&self) -> Option<Room> {
        let permit = self.requests.clone().try_acquire_owned().ok()?;
        Some(Room { _stream: OpenStream::count(), _request: permit })
    }
}

/// The body of a response, which holds the room of its request until its end.
pub struct AdmittedBody {
    body: Body,
    room: Option<Room>,
    sending: Option<Sending>,
    _counted: Option<Counted>,
    line: Option<Line>,
    /// Since when the store is waited for.
    waits: Option<Instant>,
}

/// Told when a body is asked for more, and how many bytes it waits for its client to take.
pub type Sending = Box<dyn Fn(Option<usize>) + Send>;

impl AdmittedBody {
    /// A body in this room. `sending` is told how many bytes the client has to take
    /// before more are asked for, and `None` when they are.
    /// `line` is written when the body has ended.
    /// `counted` is dropped with it.
    pub fn new(
        body: Body,
        room: Option<Room>,
        (sending, counted): (Option<Sending>, Option<Counted>),
        line: Line,
    ) -> Self {
        Self { body, room, sending, _counted: counted, line: Some(line), waits: None }
    }

    fn tell(&self, bytes: Option<usize>) {
        if let Some(sending) = &self.sending {
            sending(bytes);
        }
    }
}

impl http_body::Body for AdmittedBody {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.tell(None);
        let start = *self.waits.get_or_insert_with(Instant::now);
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if frame.is_ready() {
            self.waits = None;
        }
        match &frame {
            Poll::Ready(Some(Ok(frame))) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                if let Some(line) = &mut self.line {
                    line.sends(bytes, start.elapsed());
                }
                self.tell(Some(bytes));
                // A client that does not take the last bytes holds up nobody else.
                if http_body::Body::is_end_stream(&self.body) {
                    self.room = None;
                }
            }
            Poll::Ready(ended) => {
                if let (Some(_), Some(line)) = (ended, &mut self.line) {
                    line.breaks();
                }
                self.room = None;
                self.line = None;
            }
            Poll::Pending => {}
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        http_body::Body::is_end_stream(&self.body)
    }

    fn size_hint(&self) -> SizeHint {
        http_body::Body::size_hint(&self.body)
    }
}

impl Drop for AdmittedBody {
    fn drop(&mut self) {
        self.tell(None);
    }
}
