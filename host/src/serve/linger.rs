//! Refused uploads: the client hears the answer.
//!
//! A server that closes a connection while the client still sends makes the
//! client's system drop the answer, and the client sees a broken connection.
//! So what is left of a request's body is taken in and thrown away beside the
//! answer, within limits (RFC 9112, section 9.6).
//!
//! Slow clients and bodies of more than they may have end here, too.

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

/// How long the rest may take.
const REST: Duration = Duration::from_secs(10);

/// How many bytes of it are taken.
const MOST: usize = 64 * 1024 * 1024;

/// A request's body, whose rest is thrown away when it is dropped.
pub struct Lingering {
    body: Option<Incoming>,
    /// The client sends nothing before it is asked to, by the first poll.
    waits: bool,
    patience: Patience,
    /// How many bytes may still come; `None`: any number.
    left: Option<u64>,
}

impl Lingering {
    /// A request with such a body, of at most `left` bytes.
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

/// Why a body ended early.
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
