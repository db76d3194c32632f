//! Compatibility with the signatures of old clients, which S3 accepts.

use super::dates;
use super::limits::MAX_XML;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri};
use s3s::{Body, S3Error, S3ErrorCode, S3Result};

/// The SigV4 date header, the only one that the library reads.
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// Adds `x-amz-date` to a SigV4 request that has its date in `Date` only.
pub fn date(request: &mut Request<Body>) {
    let headers = request.headers_mut();
    let text =
        |name: HeaderName| headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
    let is_v4 = text(AUTHORIZATION).is_some_and(|text| text.starts_with("AWS4-HMAC-"));
    if !is_v4 || headers.contains_key(AMZ_DATE) {
        return;
    }
    let date = text(DATE).and_then(dates::basic);
    headers.extend(date.and_then(|date| Some((AMZ_DATE, date.parse().ok()?))));
}

/// Returns a request and, if an old client could have sent it, a copy with a
/// slash after the bucket: version 2 clients sign that path but send it without
/// the slash. The body, a document, is buffered for both; only one of the two
/// passes authentication.
pub async fn with_slash(
    request: Request<Body>,
) -> S3Result<(Request<Body>, Option<Request<Body>>)> {
    let Some(uri) = slashed(&request) else { return Ok((request, None)) };
    let (parts, mut body) = request.into_parts();
    let bytes = body.store_all_limited(MAX_XML).await.map_err(|error| {
        error
            .downcast::<S3Error>()
            .map_or_else(|_| S3Error::new(S3ErrorCode::MaxMessageLengthExceeded), |error| *error)
    })?;
    let mut twin = Request::new(Body::from(bytes.clone()));
    *twin.method_mut() = parts.method.clone();
    *twin.uri_mut() = uri;
    *twin.headers_mut() = parts.headers.clone();
    *twin.extensions_mut() = parts.extensions.clone();
    Ok((Request::from_parts(parts, Body::from(bytes)), Some(twin)))
}

fn slashed<T>(request: &Request<T>) -> Option<Uri> {
    let signed = request.headers().get(AUTHORIZATION);
    let is_v2 = signed.is_some_and(|text| text.as_bytes().starts_with(b"AWS "));
    let bucket = request.uri().path().strip_prefix('/')?;
    // Only documents are small enough to buffer.
    let is_document = match *request.method() {
        Method::PUT => true,
        Method::POST => request.uri().query().is_some(),
        _ => {
            let length = request.headers().get(CONTENT_LENGTH);
            length.is_none_or(|length| length == "0")
                && !request.headers().contains_key(TRANSFER_ENCODING)
        }
    };
    if !is_v2 || bucket.is_empty() || bucket.contains('/') || !is_document {
        return None;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/{bucket}/{query}")).ok()?);
    Uri::from_parts(parts).ok()
}

/// Whether a response reports a wrong signature.
pub fn is_mismatch(answer: &Response<Body>) -> bool {
    const CODE: &[u8] = b"<Code>SignatureDoesNotMatch</Code>";
    answer.status() == StatusCode::FORBIDDEN
        && answer
            .body()
            .bytes()
            .is_some_and(|text| text.windows(CODE.len()).any(|window| window == CODE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, headers: &[(&str, &str)]) -> Request<Body> {
        let request =
            headers.iter().fold(Request::put(uri), |r, (name, value)| r.header(*name, *value));
        request.body(Body::empty()).unwrap()
    }

    #[tokio::test]
    async fn only_requests_for_a_bucket_by_the_second_version_get_a_twin_with_a_slash() {
        let v2 = ("authorization", "AWS K:s");
        let mut put = request("/b?cors", &[v2]);
        *put.body_mut() = Body::from("<Rules/>".to_owned());
        let (put, twin) = with_slash(put).await.unwrap();
        let twin = twin.unwrap();
        assert_eq!((twin.method(), twin.headers()), (put.method(), put.headers()));
        assert_eq!(
            (put.uri().to_string(), twin.uri().to_string()),
            ("/b?cors".into(), "/b/?cors".into())
        );
        assert_eq!(put.into_body().bytes(), twin.into_body().bytes());
        for (uri, headers) in [
            ("/", &[v2][..]),
            ("/b/", &[v2]),
            ("/b/k", &[v2]),
            ("/b", &[("authorization", "AWS4-HMAC-SHA256 Credential=K")]),
            ("/b", &[]),
        ] {
            assert!(
                with_slash(request(uri, headers)).await.unwrap().1.is_none(),
                "{uri} {headers:?}"
            );
        }
    }

    #[test]
    fn a_body_that_has_no_room_in_memory_stays_where_it_is() {
        for (method, uri, length, has) in [
            ("GET", "/b", "0", true),
            ("GET", "/b", "1", false),
            ("DELETE", "/b", "1", false),
            ("PUT", "/b", "1", true),
            ("POST", "/b?delete", "1", true),
            ("POST", "/b", "1", false),
        ] {
            let request = Request::builder()
                .method(method)
                .uri(uri)
                .header(AUTHORIZATION, "AWS K:s")
                .header(CONTENT_LENGTH, length)
                .body(())
                .unwrap();
            assert_eq!(slashed(&request).is_some(), has, "{method} {uri} {length}");
        }
    }

    #[test]
    fn a_date_stands_in_for_the_header_of_the_fourth_version_and_never_replaces_it() {
        let v4 = ("authorization", "AWS4-HMAC-SHA256 Credential=K");
        let dated = |headers: &[_]| {
            let mut request = request("/b", headers);
            date(&mut request);
            request.headers().get(AMZ_DATE).map(|date| date.to_str().unwrap().to_owned())
        };
        let plain = ("date", "Tue, 27 Mar 2007 19:36:42 GMT");
        for date in [plain, ("date", "Tue, 27 Mar 2007 19:36:42 -0000")] {
            assert_eq!(dated(&[v4, date]).as_deref(), Some("20070327T193642Z"));
        }
        assert_eq!(dated(&[v4, plain, ("x-amz-date", "x")]).as_deref(), Some("x"));
        assert_eq!(dated(&[v4, ("date", "yesterday")]), None);
        assert_eq!(dated(&[plain]), None);
    }
}
