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
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// The longest time to drain a body.
const REST: Duration = Duration::from_secs(10);

/// The most bytes to drain.
const MOST: usize = 64 * 1024 * 1024;

/// Why a request body ended early. The streams of the library through which a handler
/// reads hide the errors that they pass on.
#[derive(Clone, Default)]
pub struct Failure(Arc<OnceLock<(S3ErrorCode, &'static str)>>);

impl Failure {
    /// The error, if the body has ended early.
    pub fn get(&self) -> Option<S3Error> {
        let (code, text) = self.0.get()?;
        Some(S3Error::with_message(code.clone(), *text))
    }

    /// Ends the body with this error, or with the one before.
    pub(super) fn set(&self, code: S3ErrorCode, text: &'static str) -> Broken {
        let (code, text) = self.0.get_or_init(|| (code, text));
        S3Error::with_message(code.clone(), *text).into()
    }
}

/// A request body that is drained when dropped.
pub struct Lingering {
    body: Option<Incoming>,
    /// The client waits for `100 Continue`, which the first poll sends.
    waits: bool,
    patience: Patience,
    /// How many more bytes may come; `None` is unlimited.
    left: Option<u64>,
    failure: Failure,
}

impl Lingering {
    /// Wraps the body of a request, limited to `left` bytes. The request's extensions
    /// have its [`Failure`].
    pub fn request(
        mut request: Request<Incoming>,
        patience: Patience,
        left: Option<u64>,
    ) -> Request<s3s::Body> {
        let waits = request.headers().contains_key(http::header::EXPECT);
        let failure = Failure::default();
        request.extensions_mut().insert(failure.clone());
        request.map(|body| {
            s3s::Body::http_body_unsync(Self { body: Some(body), waits, patience, left, failure })
        })
    }

    fn take_in(&mut self, bytes: usize) -> Result<(), Broken> {
        self.patience.moved(bytes);
        let Some(left) = &mut self.left else { return Ok(()) };
        *left = left.checked_sub(bytes as u64).ok_or_else(|| {
            self.failure
                .set(S3ErrorCode::EntityTooLarge, "the object is larger than this server takes")
        })?;
        Ok(())
    }
}

/// The error that ended a body early.
pub(super) type Broken = Box<dyn std::error::Error + Send + Sync>;

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
            Poll::Ready(Some(Err(error))) => {
                tracing::debug!(%error, "a request broke off");
                let text = "the request broke off before its end";
                Poll::Ready(Some(Err(self.failure.set(S3ErrorCode::IncompleteBody, text))))
            }
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.patience.poll_end(cx));
                let text = "the rest of the request did not come in time";
                Poll::Ready(Some(Err(self.failure.set(S3ErrorCode::RequestTimeout, text))))
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
