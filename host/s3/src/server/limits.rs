//! Admission limits for requests.
//!
//! Requests over a limit are refused at once, with advice to retry: queued
//! requests would occupy memory, too.

use super::linger::Lingering;
use super::patience::Patience;
use crate::options::Limits;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::{S3Error, S3ErrorCode, S3Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use storage_store::chunk_size::OpenStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The largest XML document. 10,000 parts with checksums take 3 MiB; 1,000 keys
/// to delete, with every byte escaped as a reference, take 7 MiB.
pub const MAX_XML: usize = 8 * 1024 * 1024;

/// The largest file in a form upload. `s3s` buffers the file to learn its size
/// before it checks the policy.
const MAX_FORM_FILE: u64 = 16 * 1024 * 1024;

/// The largest object sent without its length. S3 requires a length for every
/// object, but some clients omit it for small ones.
const MAX_UNSIZED: u64 = MAX_FORM_FILE;

/// The limit for one form field; all fields together may have twice as much.
const MAX_FIELD: usize = 64 * 1024;

/// The bytes of buffered bodies (documents and forms) over all requests.
const MAX_HELD: usize = 32 * 1024 * 1024;

/// A parsed document takes about four times the memory of its text.
const PARSED: u64 = 4;

/// The buffering limits of `s3s` for one request.
pub fn protocol(limits: &Limits) -> Arc<StaticConfigProvider> {
    let mut config = S3Config::default();
    config.xml_max_body_size = MAX_XML;
    config.post_object_max_file_size =
        limits.object_size.map_or(MAX_FORM_FILE, |size| size.min(MAX_FORM_FILE));
    config.form_max_field_size = MAX_FIELD;
    config.form_max_fields_size = 2 * MAX_FIELD;
    config.form_max_parts = 100;
    Arc::new(StaticConfigProvider::new(Arc::new(config)))
}

/// Refuses an object assembled from data on this server if it would be too
/// large. `extensions` are those of an admitted request.
pub fn check_size(extensions: &http::Extensions, size: u64) -> S3Result<()> {
    let most = extensions.get::<Limits>().and_then(|limits| limits.object_size);
    match most.filter(|most| size > *most) {
        Some(most) => Err(S3Error::with_message(S3ErrorCode::EntityTooLarge, too_large(most))),
        None => Ok(()),
    }
}

fn too_large(most: u64) -> String {
    format!("an object has at most {most} bytes here")
}

/// Admits requests while there is room.
pub struct Admission {
    limits: Limits,
    requests: Arc<Semaphore>,
    held: Arc<Semaphore>,
}

/// The resources of one request, released on drop.
pub struct Room {
    _stream: OpenStream,
    _request: OwnedSemaphorePermit,
    _held: Option<OwnedSemaphorePermit>,
}

impl Admission {
    pub fn new(limits: Limits) -> Self {
        let requests = Arc::new(Semaphore::new(limits.requests));
        Self { limits, requests, held: Arc::new(Semaphore::new(MAX_HELD)) }
    }

    /// Admits a request and reserves its resources, or returns the error
    /// response.
    pub fn admit(
        &self,
        request: Request<Incoming>,
    ) -> Result<(Request<s3s::Body>, Room), Box<Response<s3s::Body>>> {
        let idle = self.limits.idle;
        let refused = |request: Request<Incoming>, answer| {
            // On drop, this discards what the client still sends.
            drop(Lingering::request(request, Patience::new(idle), None));
            Err(Box::new(answer))
        };
        let Ok(permit) = self.requests.clone().try_acquire_owned() else {
            return refused(request, slow_down());
        };
        let unsized_object = is_unsized(&request);
        let whole = unsized_object || is_kept_whole(&request);
        let held = match whole.then(|| Whole::announced(request.headers(), unsized_object)) {
            Some(Err(refusal)) => return refused(request, *refusal),
            Some(Ok(whole)) => match self.held.clone().try_acquire_many_owned(whole.room) {
                Ok(held) => Some(held),
                Err(_) => return refused(request, slow_down()),
            },
            None => None,
        };
        let cap = self.limits.object_size.filter(|_| !whole && request.method() == Method::PUT);
        let announced = announced(request.headers());
        if let (Some(most), Some(announced)) = (cap, announced)
            && announced.bytes > most
        {
            let text = too_large(most);
            return refused(request, answer(StatusCode::BAD_REQUEST, "EntityTooLarge", &text));
        }
        // Chunk signatures add to the announced size of an upload.
        let cap = cap.map(|most| match announced {
            Some(Announced { chunked: true, .. }) => most + most / 4 + 64 * 1024,
            _ => most,
        });
        let mut request = Lingering::request(request, Patience::new(idle), cap);
        request.extensions_mut().insert(self.limits.clone());
        Ok((request, Room { _stream: OpenStream::count(), _request: permit, _held: held }))
    }
}

/// A body that is buffered in memory.
struct Whole {
    /// The memory to reserve for it, in bytes.
    room: u32,
}

impl Whole {
    fn announced(
        headers: &HeaderMap,
        unsized_object: bool,
    ) -> Result<Self, Box<Response<s3s::Body>>> {
        let form = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|kind| kind.as_bytes().starts_with(b"multipart/"));
        let (most, times, code) = if unsized_object {
            (MAX_UNSIZED, 1, "EntityTooLarge")
        } else if form {
            (MAX_FORM_FILE + 3 * MAX_FIELD as u64, 1, "EntityTooLarge")
        } else {
            (MAX_XML as u64, PARSED, "MaxMessageLengthExceeded")
        };
        let length = announced(headers).map_or(most, |announced| announced.bytes);
        if length > most {
            let text = format!("this has at most {most} bytes here");
            return Err(Box::new(answer(StatusCode::BAD_REQUEST, code, &text)));
        }
        Ok(Self { room: u32::try_from(length * times).unwrap_or(u32::MAX) })
    }
}

#[derive(Clone, Copy)]
struct Announced {
    bytes: u64,
    chunked: bool,
}

/// The object's length in bytes, as the client announced it.
fn announced(headers: &HeaderMap) -> Option<Announced> {
    let number = |name: &str| headers.get(name)?.to_str().ok()?.parse().ok();
    match number("x-amz-decoded-content-length") {
        Some(bytes) => Some(Announced { bytes, chunked: true }),
        None => number("content-length").map(|bytes| Announced { bytes, chunked: false }),
    }
}

/// Whether a body is buffered: documents and forms are, objects are not.
fn is_kept_whole<T>(request: &Request<T>) -> bool {
    let object = request.uri().path().trim_start_matches('/').contains('/');
    let of_object = |pair: &str| {
        let name = pair.split('=').next().unwrap_or_default().to_ascii_lowercase();
        matches!(name.as_str(), "" | "partnumber" | "uploadid" | "x-id")
            || name.starts_with("x-amz-")
    };
    match *request.method() {
        Method::POST => true,
        Method::PUT => {
            !object || !request.uri().query().unwrap_or_default().split('&').all(of_object)
        }
        _ => false,
    }
}

/// Whether this request sends an object or part without its length.
fn is_unsized<T>(request: &Request<T>) -> bool {
    let headers = request.headers();
    request.method() == Method::PUT
        && headers.contains_key(header::TRANSFER_ENCODING)
        && announced(headers).is_none()
        && !is_kept_whole(request)
}

/// Buffers an object sent without its length, to set the length. Admission has
/// reserved the memory.
pub async fn measured(request: Request<s3s::Body>) -> S3Result<Request<s3s::Body>> {
    if !is_unsized(&request) {
        return Ok(request);
    }
    let most = request.extensions().get::<Limits>().and_then(|limits| limits.object_size);
    let (mut parts, mut body) = request.into_parts();
    let room = usize::try_from(MAX_UNSIZED).unwrap_or(usize::MAX);
    let bytes = body.store_all_limited(room).await.map_err(|error| {
        error.downcast::<S3Error>().map_or_else(
            |_| {
                let text = format!("an object of more than {MAX_UNSIZED} bytes needs its length");
                S3Error::with_message(S3ErrorCode::MissingContentLength, text)
            },
            |error| *error,
        )
    })?;
    if let Some(most) = most.filter(|most| bytes.len() as u64 > *most) {
        return Err(S3Error::with_message(S3ErrorCode::EntityTooLarge, too_large(most)));
    }
    parts.headers.remove(header::TRANSFER_ENCODING);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    Ok(Request::from_parts(parts, s3s::Body::from(bytes)))
}

fn slow_down() -> Response<s3s::Body> {
    let text = "as many requests are under way as this server takes; try again";
    let mut answer = answer(StatusCode::SERVICE_UNAVAILABLE, "SlowDown", text);
    answer.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    answer
}

/// An error response. It must contain no part of the request, since nothing is
/// escaped.
fn answer(status: StatusCode, code: &str, message: &str) -> Response<s3s::Body> {
    let text = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut answer = Response::new(s3s::Body::from(text));
    *answer.status_mut() = status;
    let xml = HeaderValue::from_static("application/xml");
    answer.headers_mut().insert(header::CONTENT_TYPE, xml);
    answer
}

/// A response body that holds its request's resources until its end.
pub struct Held {
    body: s3s::Body,
    room: Option<Room>,
}

impl Held {
    pub fn answer(answer: Response<s3s::Body>, room: Option<Room>) -> Response<Self> {
        answer.map(|body| Self { body, room })
    }
}

impl Body for Held {
    type Data = Bytes;
    type Error = <s3s::Body as Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(cx);
        if matches!(frame, Poll::Ready(None)) {
            self.room = None;
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(method: &str, uri: &str) -> Request<()> {
        Request::builder().method(method).uri(uri).body(()).unwrap_or_default()
    }

    #[test]
    fn documents_and_forms_are_kept_whole_and_objects_are_not() {
        for (method, uri, whole) in [
            ("PUT", "/b/k", false),
            ("PUT", "/b/k?partNumber=1&uploadId=2", false),
            ("PUT", "/b/k?x-id=PutObject&X-Amz-Signature=0", false),
            ("GET", "/b/k", false),
            ("PUT", "/b/k?tagging", true),
            ("PUT", "/b?cors", true),
            ("PUT", "/b", true),
            ("POST", "/b?delete", true),
            ("POST", "/b", true),
        ] {
            assert_eq!(is_kept_whole(&request(method, uri)), whole, "{method} {uri}");
        }
    }
}
