//! Responses.

use super::error::Error;
use bytes::Bytes;
use futures::stream::BoxStream;
use futures::{Stream, StreamExt};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderValue, StatusCode};
use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// A response.
pub type Response = http::Response<Body>;

/// Why a body ends early; the connection breaks with it.
pub type Broken = Box<dyn std::error::Error + Send + Sync>;

/// The body of a response.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// Bytes in memory.
    Whole(Bytes),
    /// Bytes that follow; a header tells how many, if that is known.
    Stream(BoxStream<'static, Result<Bytes, Broken>>),
}

/// The bytes of a document that are handed out at a time. The rest is held until the client
/// has taken them.
const PIECE: usize = 64 * 1024;

impl Body {
    /// A body of bytes that follow.
    pub fn stream(bytes: impl Stream<Item = Result<Bytes, Broken>> + Send + 'static) -> Self {
        Self::Stream(bytes.boxed())
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let next = match &mut *self {
            Self::Empty => None,
            Self::Whole(bytes) => {
                let piece = bytes.split_to(bytes.len().min(PIECE));
                if bytes.is_empty() {
                    *self = Self::Empty;
                }
                Some(Ok(piece))
            }
            Self::Stream(stream) => ready!(stream.poll_next_unpin(cx)),
        };
        Poll::Ready(next.map(|bytes| bytes.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Empty)
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Empty => SizeHint::with_exact(0),
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A response without a body.
pub fn empty(status: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = status;
    response
}

/// A response with a document.
pub fn xml(document: String) -> Response {
    let mut response = Response::new(Body::Whole(document.into()));
    let kind = HeaderValue::from_static("application/xml");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

/// Sets a header. A value that no header can have is left out.
pub fn set(response: &mut Response, name: &'static str, value: impl AsRef<[u8]>) {
    if let Ok(value) = HeaderValue::from_bytes(value.as_ref()) {
        response.headers_mut().insert(name, value);
    }
}

impl Error {
    /// The response to a request with this id whose path, percent-encoded, is `resource`.
    pub fn response(&self, resource: &str, request_id: &str) -> Response {
        let status = self.code().status();
        let mut response = match status {
            // It has no body (RFC 9110, section 15.4.5), and no length of one.
            StatusCode::NOT_MODIFIED => empty(status),
            _ => xml(self.document(resource, request_id)),
        };
        *response.status_mut() = status;
        response.headers_mut().extend(self.headers().clone());
        response
    }
}

/// Removes the body of a response to HEAD, and keeps what its headers say of it.
pub fn without_body(response: &mut Response) {
    let body = std::mem::take(response.body_mut());
    if let Body::Whole(bytes) = body
        && !response.headers().contains_key(CONTENT_LENGTH)
    {
        response.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::error::Code;
    use futures::FutureExt;
    use http_body_util::BodyExt;

    fn sent(response: Response) -> Bytes {
        response.into_body().collect().now_or_never().unwrap().unwrap().to_bytes()
    }

    #[test]
    fn an_error_is_a_document_unless_there_is_no_body() {
        let error = Error::from(Code::NoSuchKey);
        let response = error.response("/b/k", "7");
        assert_eq!((response.status(), response.headers().len()), (StatusCode::NOT_FOUND, 1));
        assert!(sent(response).starts_with(b"<?xml"));
        let unchanged = Error::from(Code::NotModified).response("/b/k", "7");
        assert_eq!((unchanged.status(), unchanged.headers().len()), (StatusCode::NOT_MODIFIED, 0));
        assert!(sent(unchanged).is_empty());
        let mut head = error.response("/b/k", "7");
        without_body(&mut head);
        assert_ne!(head.headers()[CONTENT_LENGTH], "0");
        assert!(sent(head).is_empty());
    }
}
