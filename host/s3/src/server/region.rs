//! Rejects signatures with an invalid region name.
//!
//! Any valid region name will do here. s3cmd signs for `US` when it lists the
//! buckets and expects a correction: S3 refuses with the right name, and s3cmd
//! signs again.

use http::{HeaderMap, Response, StatusCode, header};
use s3s::Body;

/// The region that clients without one should use.
const REGION: &str = "us-east-1";

/// The error response to a request signed for an invalid region name.
pub fn refused(headers: &HeaderMap) -> Option<Response<Body>> {
    let region = signed_for(headers.get(header::AUTHORIZATION)?.to_str().ok()?)?;
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    // Only letters, digits and dashes go into the XML below; other invalid
    // names fail later.
    if region.bytes().all(letter) || !region.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    {
        return None;
    }
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Error><Code>AuthorizationHeaderMalformed</Code>\
         <Message>The authorization header is malformed; the region '{region}' is wrong; \
         expecting '{REGION}'</Message><Region>{REGION}</Region></Error>"
    );
    let mut answer = Response::new(Body::from(xml));
    *answer.status_mut() = StatusCode::BAD_REQUEST;
    let kind = header::HeaderValue::from_static("application/xml");
    answer.headers_mut().insert(header::CONTENT_TYPE, kind);
    Some(answer)
}

/// The region in `AWS4-HMAC-SHA256 Credential=KEY/DATE/REGION/s3/aws4_request,
/// …`.
fn signed_for(authorization: &str) -> Option<&str> {
    let rest = authorization.strip_prefix("AWS4-HMAC-SHA256")?;
    let (_, scope) = rest.split_once("Credential=")?;
    let scope = scope.split_once(',').map_or(scope, |(scope, _)| scope);
    scope.trim_end().rsplit('/').nth(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_in_capitals_is_refused_and_others_are_let_through() {
        for (region, refuses) in [
            ("US", true),
            ("us-EAST-1", true),
            ("us-east-1", false),
            ("x", false),
            ("<", false),
            ("", false),
        ] {
            let value = format!(
                "AWS4-HMAC-SHA256 Credential=A/B/20260101/{region}/s3/aws4_request, SignedHeaders=host, Signature=0"
            );
            let mut headers = HeaderMap::new();
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
            let answer = refused(&headers);
            assert_eq!(answer.map(|a| a.status().as_u16()), refuses.then_some(400), "{region}");
        }
        assert!(refused(&HeaderMap::new()).is_none());
    }
}
