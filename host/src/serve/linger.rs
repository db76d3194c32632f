//! Refused uploads: the client hears the answer.
//!
//! A server that closes a connection while the client still sends makes the
//! client's system drop the answer, and the client sees a broken connection.
//! So what is left of a request's body is taken in and thrown away beside the
//! answer, within limits (RFC 9112, section 9.6).

use bytes::Bytes;
use futures::StreamExt;
use http::Request;
use http_body_util::BodyStream;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

/// How long the rest may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How many bytes of it are taken.
const MOST: usize = 64 * 1024 * 1024;

/// A request's body, whose rest is thrown away when it is dropped.
pub struct Lingering {
    body: Option<Incoming>,
    /// The client sends nothing before it is asked to, by the first poll.
    waits: bool,
}

impl Lingering {
    /// A request with such a body.
    pub fn request(request: Request<Incoming>) -> Request<s3s::Body> {
        let waits = request.headers().contains_key(http::header::EXPECT);
        request.map(|body| s3s::Body::http_body_unsync(Self { body: Some(body), waits }))
    }
}

impl Body for Lingering {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.waits = false;
        match &mut self.body {
            Some(body) => Pin::new(body).poll_frame(cx),
            None => Poll::Ready(None),
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
        runtime.spawn(tokio::time::timeout(PATIENCE, async move {
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
