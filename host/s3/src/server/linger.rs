//! Request bodies that are drained when dropped.
//!
//! If a server closes a connection while the client still sends, the client's system
//! discards the response and the client sees a broken connection. So the rest of the body
//! is read and discarded while the response is sent, within limits (RFC 9112, section
//! 9.6).
//!
//! The limits on slow clients are enforced here, too.

use super::access_log::Received;
use super::patience::Patience;
use crate::protocol::error::{Code, Error, Result, error};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use http_body_util::BodyStream;
use hyper::body::{Body, Incoming};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

/// The longest time to drain a body.
const REST: Duration = Duration::from_secs(10);

/// The most bytes to drain.
const MOST: usize = 64 * 1024 * 1024;

/// A request body that is drained when dropped.
pub struct Lingering {
    body: Option<Incoming>,
    /// The client waits for `100 Continue`, which the first poll sends.
    waits: bool,
    patience: Patience,
    received: Arc<Received>,
    /// Since when the client is waited for.
    since: Option<Instant>,
}

impl Lingering {
    /// Wraps the body of a request; `waits` if its client waits for `100 Continue`.
    pub fn new(body: Incoming, waits: bool, patience: Patience, received: Arc<Received>) -> Self {
        Self { body: Some(body), waits, patience, received, since: None }
    }
}

impl Stream for Lingering {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        self.waits = false;
        loop {
            let Some(body) = &mut self.body else { return Poll::Ready(None) };
            match Pin::new(body).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers of HTTP are not used by S3.
                    if let Ok(data) = frame.into_data() {
                        self.patience.moved(data.len());
                        let waited = self.since.take().map(|since| since.elapsed());
                        self.received.add(data.len(), waited.unwrap_or_default());
                        return Poll::Ready(Some(Ok(data)));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    tracing::debug!(%error, "a request broke off");
                    let text = "the request broke off before its end";
                    return Poll::Ready(Some(Err(error!(IncompleteBody, "{text}"))));
                }
                Poll::Ready(None) => return Poll::Ready(None),
                Poll::Pending => {
                    self.since.get_or_insert_with(Instant::now);
                    ready!(self.patience.poll_end(cx));
                    return Poll::Ready(Some(Err(Error::from(Code::RequestTimeout))));
                }
            }
        }
    }
}

impl Drop for Lingering {
    fn drop(&mut self) {
        let Some(body) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        if self.waits {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(tokio::time::timeout(REST, async move {
            let mut frames = BodyStream::new(body);
            let mut taken = 0;
            while taken < MOST
                && let Some(Ok(frame)) = frames.next().await
            {
                taken += frame.data_ref().map_or(0, Bytes::len);
            }
        }));
    }
}
