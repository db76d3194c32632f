//! Signatures of clients that sign as old ones did, and S3 takes.

use super::dates;
use http::header::{AUTHORIZATION, CONTENT_LENGTH, DATE, TRANSFER_ENCODING};
use http::uri::PathAndQuery;
use http::{HeaderName, HeaderValue, Request, Response, StatusCode, Uri};
use s3s::Body;

/// Where SigV4 has its date; the library looks nowhere else.
const AMZ_DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// Gives a request that is signed with SigV4 by the header `Date` alone the
/// header that says the same.
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

/// The same request with a slash after its bucket: old clients sign that by
/// the second version, and send it without. `None`: it is no such request. It
/// has no body, so nothing is done twice.
pub fn with_slash(request: &Request<Body>) -> Option<Request<Body>> {
    let headers = request.headers();
    let is_v2 = headers.get(AUTHORIZATION).is_some_and(|text| text.as_bytes().starts_with(b"AWS "));
    let is_empty = headers.get(CONTENT_LENGTH).is_none_or(|length| length == "0")
        && !headers.contains_key(TRANSFER_ENCODING);
    let bucket = request.uri().path().strip_prefix('/')?;
    if !is_v2 || !is_empty || bucket.is_empty() || bucket.contains('/') {
        return None;
    }
    let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = request.uri().clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(format!("/{bucket}/{query}")).ok()?);
    let mut twin = Request::new(Body::empty());
    *twin.method_mut() = request.method().clone();
    *twin.uri_mut() = Uri::from_parts(parts).ok()?;
    *twin.headers_mut() = headers.clone();
    *twin.extensions_mut() = request.extensions().clone();
    Some(twin)
}

/// Whether an answer says that a signature is not the right one.
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

    #[test]
    fn only_requests_for_a_bucket_without_a_body_by_the_second_version_get_a_slash() {
        let v2 = ("authorization", "AWS K:s");
        let slashed =
            |uri, headers: &[_]| with_slash(&request(uri, headers)).map(|r| r.uri().to_string());
        assert_eq!(slashed("/b?acl", &[v2]).as_deref(), Some("/b/?acl"));
        assert_eq!(slashed("/b", &[v2, ("content-length", "0")]).as_deref(), Some("/b/"));
        for (uri, headers) in [
            ("/", &[v2][..]),
            ("/b/", &[v2]),
            ("/b/k", &[v2]),
            ("/b", &[v2, ("content-length", "1")]),
            ("/b", &[v2, ("transfer-encoding", "chunked")]),
            ("/b", &[("authorization", "AWS4-HMAC-SHA256 Credential=K")]),
            ("/b", &[]),
        ] {
            assert_eq!(slashed(uri, headers), None, "{uri} {headers:?}");
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
