//! Request bodies that are drained when dropped.
//!
//! If a server closes a connection while the client still sends, the client's
//! system discards the response and the client sees a broken connection. So the
//! rest of the body is read and discarded while the response is sent, within
//! limits (RFC 9112, section 9.6).
//!
//! The limits on slow clients and large bodies are enforced here, too.

use super::patience::Patience;
use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use http_body_util::BodyStream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use s3s::{S3Error, S3ErrorCode};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

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
    /// How many more bytes may come; `None` is unlimited.
    left: Option<u64>,
}

impl Lingering {
    /// Wraps the body of a request, limited to `left` bytes.
    pub fn request(
        request: Request<Incoming>,
        patience: Patience,
        left: Option<u64>,
    ) -> Request<s3s::Body> {
        let waits = request.headers().contains_key(http::header::EXPECT);
        request.map(|body| {
            s3s::Body::http_body_unsync(Self { body: Some(body), waits, patience, left })
        })
    }

    fn take_in(&mut self, bytes: usize) -> Result<(), Broken> {
        self.patience.moved(bytes);
        let Some(left) = &mut self.left else { return Ok(()) };
        *left = left.checked_sub(bytes as u64).ok_or_else(|| {
            let text = "the object is larger than this server takes".to_owned();
            Broken::from(S3Error::with_message(S3ErrorCode::EntityTooLarge, text))
        })?;
        Ok(())
    }
}

/// The error that ended a body early.
type Broken = Box<dyn std::error::Error + Send + Sync>;

impl Body for Lingering {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        self.waits = false;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                let taken = self.take_in(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(taken.map(|()| frame)))
            }
            Poll::Ready(Some(Err(error))) => Poll::Ready(Some(Err(error.into()))),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.patience.poll_end(cx));
                let text = "the rest of the request did not come in time".to_owned();
                let error = S3Error::with_message(S3ErrorCode::RequestTimeout, text);
                Poll::Ready(Some(Err(error.into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map(Body::size_hint).unwrap_or_default()
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
