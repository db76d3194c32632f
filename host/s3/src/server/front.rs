//! The HTTP layer in front of the S3 protocol.
//!
//! It adds request ids and CORS headers, and answers preflights without a
//! signature, since browsers don't sign them.

use super::buckets::Buckets;
use super::cors::Asked;
use super::{dates, encryption, form, limits, older, unsigned};
use crate::cors_rule::Rule;
use http::header::{
    CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, EXPECT, HeaderName, TRANSFER_ENCODING,
};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use s3s::service::S3Service;
use s3s::{Body, HttpError, S3Error, S3ErrorCode};
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use storage_store::request_context::RequestContext;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const EXPECTED_OWNER: &str = "x-amz-expected-bucket-owner";

/// The S3 service with its HTTP layer.
#[derive(Clone)]
pub struct Front {
    pub service: S3Service,
    pub buckets: Buckets,
    /// The CORS rules for all buckets.
    pub cors: Arc<[Rule]>,
}

impl Front {
    pub async fn answer(
        &self,
        request: Request<Body>,
        id: &str,
    ) -> Result<Response<Body>, HttpError> {
        let bucket = bucket(request.uri().path());
        let allowed = match (Asked::by(request.method(), request.headers()), &bucket) {
            (Some(asked), Some(bucket)) => asked.allowed(&self.rules(bucket).await),
            _ => None,
        };
        // After `Expect: 100-continue`, a refused client never sends its body,
        // so the next request on the connection would be read as that body. A
        // client with an empty body gets the final response where it expects an
        // interim one; botocore then mistakes the next response on the
        // connection.
        let waits = request.headers().contains_key(EXPECT);
        let is_empty = request.headers().get(CONTENT_LENGTH).is_some_and(|n| n == "0");
        let attributes = request.uri().query().is_some_and(|query| {
            query.split('&').any(|pair| pair == "attributes" || pair.starts_with("attributes="))
        });
        let mut response = match request.method() {
            &Method::OPTIONS => preflight(request.headers(), allowed.is_some()),
            _ => match self.refused(&request, bucket.as_deref()).await {
                Some(error) => refuse(error),
                None => match super::region::refused(request.headers()) {
                    Some(answer) => answer,
                    None => self.serve(request).await?,
                },
            },
        };
        response.headers_mut().extend(allowed.unwrap_or_default());
        if attributes && response.status() == StatusCode::OK {
            unquote_etag(&mut response);
        }
        if waits && (is_empty || response.status().as_u16() >= 400) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
        identify(&mut response, id);
        Ok(response)
    }

    /// Prepares a request for the library and calls the S3 service.
    async fn serve(&self, request: Request<Body>) -> Result<Response<Body>, HttpError> {
        let request = match form::prepared(request).await {
            Ok(request) => request,
            Err(error) => return Ok(refuse(error)),
        };
        let mut request = match limits::measured(request).await {
            Ok(request) => request,
            Err(error) => return Ok(refuse(error)),
        };
        older::date(&mut request);
        let policy = request.extensions().get::<form::ReadPolicy>().copied();
        let (request, twin) = match older::with_slash(request).await {
            Ok(both) => both,
            Err(error) => return Ok(refuse(error)),
        };
        let answer = self.service.call(request).await?;
        let mut answer = match twin.filter(|_| older::is_mismatch(&answer)) {
            Some(twin) => self.service.call(twin).await?,
            None => answer,
        };
        form::quote_etag(&mut answer);
        if let Some(policy) = policy {
            policy.deny(&mut answer);
        }
        Ok(answer)
    }

    async fn rules(&self, bucket: &str) -> Vec<Rule> {
        let mut rules =
            self.buckets.state(bucket).await.map(|state| state.cors).unwrap_or_default();
        rules.extend(self.cors.iter().cloned());
        rules
    }

    /// Refuses what the library accepts, or answers unlike S3.
    async fn refused(&self, request: &Request<Body>, bucket: Option<&str>) -> Option<S3Error> {
        let headers = request.headers();
        if headers.get("content-md5").is_some_and(HeaderValue::is_empty) {
            return Some(S3Error::with_message(S3ErrorCode::InvalidDigest, "Content-MD5 is empty"));
        }
        let is_object = request.uri().path().trim_matches('/').contains('/');
        let is_plain = request.uri().query().is_none_or(|query| query == "x-id=PutObject");
        if request.method() == Method::PUT
            && is_object
            && is_plain
            && !headers.contains_key(CONTENT_LENGTH)
            && !headers.contains_key(TRANSFER_ENCODING)
            && !headers.contains_key("x-amz-copy-source")
        {
            return Some(S3Error::new(S3ErrorCode::MissingContentLength));
        }
        if let Err(error) = unsigned::check(request)
            .and_then(|()| encryption::check(request.method(), headers))
            .and_then(|()| dates::check(headers))
            .and_then(|()| dates::check_expiry(request.uri().query().unwrap_or_default()))
        {
            return Some(error);
        }
        self.other_owner(request, bucket).await
    }

    /// Checks the bucket owner that a client expects.
    async fn other_owner(&self, request: &Request<Body>, bucket: Option<&str>) -> Option<S3Error> {
        let expected = request.headers().get(EXPECTED_OWNER)?;
        // The operation itself reports a missing bucket.
        let state = self.buckets.state(bucket?).await.ok()?;
        let owner = super::users::owner(state.owner.as_deref());
        let is_owner = owner.id.is_some_and(|id| expected.as_bytes() == id.as_bytes());
        (!is_owner).then(|| {
            S3Error::with_message(S3ErrorCode::AccessDenied, "the bucket has another owner")
        })
    }
}

/// The bucket name in a path, which may be percent-encoded.
fn bucket(path: &str) -> Option<String> {
    let path = percent_encoding::percent_decode_str(path).decode_utf8().ok()?;
    let name = path.strip_prefix('/')?.split('/').next()?;
    crate::bucket_name::problem(name).is_none().then(|| name.to_owned())
}

fn preflight(headers: &HeaderMap, allowed: bool) -> Response<Body> {
    let asks =
        headers.contains_key("origin") && headers.contains_key("access-control-request-method");
    let (code, status, message) = match (asks, allowed) {
        (true, true) => return Response::new(Body::empty()),
        (true, false) => (
            "AccessForbidden",
            StatusCode::FORBIDDEN,
            "no CORS rule of this bucket allows this request",
        ),
        (false, _) => (
            "BadRequest",
            StatusCode::BAD_REQUEST,
            "a preflight has the headers Origin and Access-Control-Request-Method",
        ),
    };
    let mut error = S3Error::with_message(S3ErrorCode::Custom(code.into()), message);
    error.set_status_code(status);
    refuse(error)
}

fn refuse(error: S3Error) -> Response<Body> {
    error.to_http_response().unwrap_or_else(|_| {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    })
}

/// Removes the quotes of the etag: GetObjectAttributes, alone, returns it
/// without.
fn unquote_etag(response: &mut Response<Body>) {
    let Some(text) = response.body().bytes() else { return };
    let Ok(text) = std::str::from_utf8(&text) else { return };
    let Some((before, rest)) = text.split_once("<ETag>") else { return };
    let Some((etag, after)) = rest.split_once("</ETag>") else { return };
    let etag = etag.replace("&quot;", "").replace('"', "");
    let text = format!("{before}<ETag>{etag}</ETag>{after}");
    response.headers_mut().remove(CONTENT_LENGTH);
    *response.body_mut() = Body::from(text);
}

/// What decorators learn of a request before it is authenticated.
pub(super) fn context(request: &Request<Body>, peer: IpAddr, id: &str) -> RequestContext {
    let trace_parent = request.headers().get("traceparent");
    RequestContext {
        request_id: Some(id.to_owned()),
        principal: None,
        remote_address: Some(peer.to_canonical().to_string()),
        protocol: Some("s3".to_owned()),
        bucket: None,
        trace_parent: trace_parent.and_then(|text| text.to_str().ok()).map(str::to_owned),
    }
}

/// A new request id.
pub(super) fn request_id() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: std::sync::LazyLock<u32> = std::sync::LazyLock::new(|| {
        let mut random = [0; 4];
        let _ = rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty());
        u32::from_ne_bytes(random)
    });
    format!("{:08X}{:08X}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Adds the request id to the headers, and to the body of an error.
pub(super) fn identify(response: &mut Response<Body>, id: &str) {
    response.headers_mut().extend(HeaderValue::from_str(id).ok().map(|id| (REQUEST_ID, id)));
    let is_xml = |kind: &HeaderValue| kind.as_bytes().starts_with(b"application/xml");
    if response.status().as_u16() < 400 || !response.headers().get(CONTENT_TYPE).is_some_and(is_xml)
    {
        return;
    }
    const END: &str = "</Error>";
    if let Some(text) = response.body().bytes()
        && let Some(start) = text.strip_suffix(END.as_bytes())
    {
        let text = [start, b"<RequestId>", id.as_bytes(), b"</RequestId>", END.as_bytes()].concat();
        response.headers_mut().remove(CONTENT_LENGTH);
        *response.body_mut() = Body::from(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bucket_in_a_path_is_that_of_the_decoded_path() {
        for path in ["/main", "/main/", "/main/k", "/%6Dain/k", "/main%2Fk", "/%6d%61in"] {
            assert_eq!(bucket(path).as_deref(), Some("main"), "{path}");
        }
        for path in ["", "/", "//main", "/%FF", "/no%2"] {
            assert_eq!(bucket(path), None, "{path}");
        }
    }
}
