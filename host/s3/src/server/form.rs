//! Form uploads (POST Object), rewritten for the library.
//!
//! S3 puts the file name into the key, since the page with the form can't know
//! it; the library neither does so nor passes the name on. The library also
//! wants the policy to name checksums, and accepts some forms that S3 refuses.

use super::{tags, unsigned};
use bytes::Bytes;
use futures::{StreamExt, stream};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyStream, StreamBody};
use hyper::body::Frame;
use s3s::post_policy::PostPolicy;
use s3s::{Body, S3Error, S3Result, s3_error};
use std::ops::Range;

/// The placeholder that S3 replaces with the file name.
const FILE_NAME: &str = "${filename}";

/// Forms with more bytes of fields pass unchanged; the library refuses them.
const MAX_FIELDS: usize = 192 * 1024;

/// How many bytes to buffer before the first attempt to parse a form.
const FIRST_LOOK: usize = 4 * 1024;

/// Rewrites a form upload for the library; other requests pass unchanged.
pub async fn prepared(mut request: Request<Body>) -> S3Result<Request<Body>> {
    if request.method() != Method::POST || !is_form(request.headers()) {
        return Ok(request);
    }
    unsigned::strip(request.headers_mut());
    let Some(boundary) = boundary(request.headers()).map(str::to_owned) else {
        return Ok(request);
    };
    let (mut parts, body) = request.into_parts();
    let mut rest = BodyStream::new(body);
    let mut head = Vec::new();
    let mut failed = None;
    // Parse again only after substantial growth, in case bytes trickle in.
    let mut look = FIRST_LOOK;
    while head.len() <= MAX_FIELDS {
        match rest.next().await {
            Some(Ok(frame)) => head.extend(frame.into_data().unwrap_or_default()),
            Some(Err(error)) => {
                failed = Some(Err(error));
                break;
            }
            None => break,
        }
        if head.len() >= look {
            if Form::read(&head, &boundary).is_some() {
                break;
            }
            look = head.len() * 3 / 2;
        }
    }
    if let Some(form) = Form::read(&head, &boundary) {
        form.check()?;
        if form.value("policy").is_some_and(|policy| PostPolicy::from_base64(policy).is_ok()) {
            parts.extensions.insert(ReadPolicy);
        }
        let tags = form.value("tagging").map(tags::of_form).transpose()?.flatten();
        let tags = tags.and_then(|tags| tags.parse().ok());
        let tags = tags.map(|tags: HeaderValue| (tags::HEADER, tags));
        let (rewritten, headers) = form.rewritten();
        let length = parts.headers.get(CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse().ok());
        let length =
            length.map(|length: usize| (length + rewritten.len()).saturating_sub(head.len()));
        let length = length.map(|length| (CONTENT_LENGTH, HeaderValue::from(length)));
        // Replace existing headers; `extend` would add to them.
        for (name, value) in length.into_iter().chain(tags).chain(headers) {
            parts.headers.insert(name, value);
        }
        head = rewritten;
    }
    let head = stream::iter([Ok(Frame::data(Bytes::from(head)))]);
    let body = StreamBody::new(head.chain(stream::iter(failed)).chain(rest));
    Ok(Request::from_parts(parts, Body::http_body_unsync(body)))
}

/// Marks a form whose policy can be read, so that only its conditions can fail.
#[derive(Debug, Clone, Copy)]
pub struct ReadPolicy;

impl ReadPolicy {
    /// Answers a violated policy as S3 does: the library calls it an invalid document.
    pub fn deny(self, answer: &mut Response<Body>) {
        const CODE: &str = "<Code>InvalidPolicyDocument</Code>";
        let Some(bytes) = answer.body().bytes().filter(|_| answer.status().is_client_error())
        else {
            return;
        };
        let text = String::from_utf8_lossy(&bytes);
        if text.contains(CODE) {
            let text = text.replacen(CODE, "<Code>AccessDenied</Code>", 1);
            *answer.status_mut() = StatusCode::FORBIDDEN;
            answer.headers_mut().remove(CONTENT_LENGTH);
            *answer.body_mut() = Body::from(text);
        }
    }
}

/// Quotes the etag in a form's redirect, as in the `ETag` header.
pub fn quote_etag(answer: &mut Response<Body>) {
    if answer.status() != StatusCode::SEE_OTHER {
        return;
    }
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let quoted = location
        .and_then(|location| location.rsplit_once("&etag="))
        .and_then(|(before, etag)| format!("{before}&etag=%22{etag}%22").parse().ok());
    if let Some(quoted) = quoted {
        answer.headers_mut().insert(LOCATION, quoted);
    }
}

fn kind(headers: &HeaderMap) -> Option<&str> {
    headers.get(CONTENT_TYPE)?.to_str().ok()
}

fn is_form(headers: &HeaderMap) -> bool {
    kind(headers)
        .is_some_and(|kind| kind.trim().to_ascii_lowercase().starts_with("multipart/form-data"))
}

fn boundary(headers: &HeaderMap) -> Option<&str> {
    let (_, parameters) = kind(headers)?.split_once(';')?;
    let found = parameters.split(';').find_map(|p| p.trim().strip_prefix("boundary="))?;
    Some(found.trim_matches('"')).filter(|boundary| !boundary.is_empty())
}

/// The beginning of a form, up to its file.
struct Form<'a> {
    head: &'a [u8],
    fields: Vec<Field>,
    file: &'a str,
}

struct Field {
    /// In lower case.
    name: String,
    /// From this boundary to the next.
    whole: Range<usize>,
    value: Range<usize>,
}

impl<'a> Form<'a> {
    /// Returns `None` if the fields are incomplete or this is no form.
    fn read(head: &'a [u8], boundary: &str) -> Option<Self> {
        let mark = format!("--{boundary}");
        let next_mark = format!("\r\n{mark}");
        let mut at = position(head, &mark, 0)?;
        let mut fields = Vec::new();
        loop {
            let start = at + mark.len();
            let end = position(head, "\r\n\r\n", start)?;
            let headers = std::str::from_utf8(head.get(start..end)?).ok()?;
            let line = headers
                .lines()
                .find(|line| line.to_ascii_lowercase().starts_with("content-disposition:"))?;
            let name = quoted(line, " name=\"")?;
            if name.eq_ignore_ascii_case("file") {
                let file = quoted(line, " filename=\"").unwrap_or(name);
                return Some(Self { head, fields, file });
            }
            let value = end + 4;
            let next = position(head, &next_mark, value)?;
            let after = next + 2;
            let name = name.to_ascii_lowercase();
            fields.push(Field { name, whole: at..after, value: value..next });
            at = after;
        }
    }

    fn value(&self, name: &str) -> Option<&'a str> {
        let field = self.fields.iter().find(|field| field.name == name)?;
        std::str::from_utf8(self.head.get(field.value.clone())?).ok()
    }

    fn policy(&self) -> Option<String> {
        let policy = base64_simd::STANDARD.decode_to_vec(self.value("policy")?).ok()?;
        String::from_utf8(policy).ok()
    }

    /// Refuses what S3 refuses and the library accepts: duplicate fields, a
    /// policy or user without a signature, and a policy with an invalid
    /// expiration.
    fn check(&self) -> S3Result<()> {
        // With duplicates, the policy could check one and the upload use the
        // other.
        let mut names: Vec<_> = self
            .fields
            .iter()
            .map(|field| if field.name == "acl" { "x-amz-acl" } else { field.name.as_str() })
            .collect();
        names.sort_unstable();
        if let Some(twice) = names.windows(2).find(|pair| pair.first() == pair.last()) {
            return Err(s3_error!(InvalidArgument, "the form has one of {twice:?} too many"));
        }
        let has = |name: &str| self.fields.iter().any(|field| field.name == name);
        let wants = ["policy", "awsaccesskeyid", "x-amz-credential"].iter().any(|name| has(name));
        if wants && !["signature", "x-amz-signature"].iter().any(|name| has(name)) {
            return Err(s3_error!(InvalidArgument, "a form with a policy needs a signature"));
        }
        let policy = self.policy().and_then(|policy| serde_json::from_str(&policy).ok());
        let policy: serde_json::Value = policy.unwrap_or_default();
        match policy.get("expiration").and_then(serde_json::Value::as_str) {
            Some(text) if !text.contains('T') => Err(bad_expiration(text)),
            _ => Ok(()),
        }
    }

    /// The form with the file name in its key, and headers to add. Checksums
    /// that the policy does not name move to headers, where they are still
    /// checked. ACL fields are copied to headers; the library reads `acl` under
    /// another name.
    fn rewritten(&self) -> (Vec<u8>, Vec<(HeaderName, HeaderValue)>) {
        // Some clients send a path.
        let file = self.file.rsplit(['/', '\\']).next().unwrap_or(self.file);
        let policy = self.policy().unwrap_or_default();
        let (mut bytes, mut headers) = (Vec::with_capacity(self.head.len()), Vec::new());
        let mut copied = 0;
        let mut copy = |bytes: &mut Vec<u8>, until: usize, from: usize| {
            bytes.extend(self.head.get(copied..until).unwrap_or_default());
            copied = from;
        };
        for Field { name, whole, value } in &self.fields {
            let text = self.head.get(value.clone()).and_then(|text| std::str::from_utf8(text).ok());
            let Some(text) = text else { continue };
            if name == "acl"
                && let Ok(value) = text.parse()
            {
                headers.push((HeaderName::from_static("x-amz-acl"), value));
            } else if (name == "x-amz-acl" || name.starts_with("x-amz-grant-"))
                && let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), text.parse())
            {
                headers.push((name, value));
            } else if name == "key" && text.contains(FILE_NAME) {
                copy(&mut bytes, value.start, value.end);
                bytes.extend(text.replace(FILE_NAME, file).bytes());
            } else if name.starts_with("x-amz-checksum-")
                && !policy.contains(name)
                && let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), text.parse())
            {
                copy(&mut bytes, whole.start, whole.end);
                headers.push((name, value));
            }
        }
        copy(&mut bytes, self.head.len(), self.head.len());
        (bytes, headers)
    }
}

fn bad_expiration(text: &str) -> S3Error {
    let text = format!("the policy's expiration {text:?} is not a time like 2030-01-31T12:00:00Z");
    s3_error!(InvalidPolicyDocument, "{text}")
}

fn quoted<'a>(line: &'a str, start: &str) -> Option<&'a str> {
    Some(line.split_once(start)?.1.split_once('"')?.0)
}

fn position(bytes: &[u8], wanted: &str, from: usize) -> Option<usize> {
    let rest = bytes.get(from..)?;
    rest.windows(wanted.len()).position(|window| window == wanted.as_bytes()).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;

    fn form(key: &str, file: &str) -> String {
        format!(
            "--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n${{filename}}\r\n\
             --x\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\n{key}\r\n\
             --x\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{file}\"\r\n\
             Content-Type: text/plain\r\n\r\n{}${{filename}}\r\n--x--\r\n",
            "bytes ".repeat(100_000)
        )
    }

    fn request(text: &str, pieces: usize) -> Request<Body> {
        let pieces: Vec<_> = text.as_bytes().chunks(pieces).map(Bytes::copy_from_slice).collect();
        let frames = pieces.into_iter().map(|piece| Ok::<_, s3s::StdError>(Frame::data(piece)));
        let body = Body::http_body_unsync(StreamBody::new(stream::iter(frames)));
        Request::post("/b")
            .header(CONTENT_TYPE, "multipart/form-data; boundary=x")
            .header(CONTENT_LENGTH, text.len())
            .body(body)
            .unwrap()
    }

    async fn sent(text: &str, pieces: usize) -> (String, HeaderMap) {
        let (parts, body) = prepared(request(text, pieces)).await.unwrap().into_parts();
        let bytes = BodyExt::collect(body).await.unwrap().to_bytes();
        (String::from_utf8(bytes.to_vec()).unwrap(), parts.headers)
    }

    #[tokio::test]
    async fn the_key_of_a_form_gets_the_name_of_its_file_and_nothing_else_changes() {
        for (key, file, wanted) in [
            ("up/${filename}", "é.txt", "up/é.txt"),
            ("${filename}", "C:\\a\\b/c.txt", "c.txt"),
            ("", "c.txt", ""),
            ("plain", "c.txt", "plain"),
        ] {
            for pieces in [7, 5000, 10_000_000] {
                let (text, headers) = sent(&form(key, file), pieces).await;
                assert!(text == form(wanted, file), "{key} {file} {pieces}");
                assert_eq!(headers[CONTENT_LENGTH], text.len().to_string());
            }
        }
    }

    #[tokio::test]
    async fn a_checksum_becomes_a_header_unless_the_policy_has_a_condition_on_it() {
        let policy = |condition: &str| {
            let policy =
                format!(r#"{{"expiration": "2030-01-31T12:00:00Z", "conditions": [{condition}]}}"#);
            let policy = base64_simd::STANDARD.encode_to_string(policy);
            format!(
                "--x\r\nContent-Disposition: form-data; name=\"policy\"\r\n\r\n{policy}\r\n\
                     --x\r\nContent-Disposition: form-data; name=\"signature\"\r\n\r\ns\r\n"
            )
        };
        let sum = "--x\r\nContent-Disposition: form-data; name=\"X-Amz-Checksum-Crc32\"\r\n\r\nAAAAAA==\r\n";
        let (text, headers) = sent(&(policy("") + sum + &form("k", "f")), 5000).await;
        assert!(text == policy("") + &form("k", "f"));
        assert_eq!(headers["x-amz-checksum-crc32"], "AAAAAA==");
        let named = policy(r#"{"x-amz-checksum-crc32": "AAAAAA=="}"#) + sum + &form("k", "f");
        let (text, headers) = sent(&named, 5000).await;
        assert!(text == named);
        assert!(!headers.contains_key("x-amz-checksum-crc32"));
    }

    #[tokio::test]
    async fn a_form_that_names_a_sender_without_a_signature_is_refused() {
        for name in ["policy", "AWSAccessKeyId", "x-amz-credential"] {
            let text =
                format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\nx\r\n");
            let refused = prepared(request(&(text + &form("k", "f")), 5000)).await.unwrap_err();
            assert_eq!(refused.code().as_str(), "InvalidArgument", "{name}");
        }
    }

    #[tokio::test]
    async fn an_acl_of_a_form_is_its_field_and_never_a_header_beside_it() {
        let field = "--x\r\nContent-Disposition: form-data; name=\"acl\"\r\n\r\npublic-read\r\n";
        let text = field.to_owned() + &form("k", "f");
        assert_eq!(sent(&text, 5000).await.1["x-amz-acl"], "public-read");
        for kind in ["multipart/form-data; boundary=x", "Multipart/Form-Data; Boundary=x"] {
            let mut request = request(&form("k", "f"), 5000);
            request.headers_mut().insert(CONTENT_TYPE, kind.parse().unwrap());
            request.headers_mut().insert("x-amz-acl", "public-read".parse().unwrap());
            request.headers_mut().insert("authorization", "AWS4-HMAC-SHA256 x".parse().unwrap());
            let prepared = prepared(request).await.unwrap();
            assert!(!prepared.headers().contains_key("x-amz-acl"), "{kind}");
        }
    }

    #[tokio::test]
    async fn a_form_with_two_values_for_one_thing_is_refused() {
        let field = |name: &str, value: &str| {
            format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
        };
        for (first, second) in [("acl", "ACL"), ("x-amz-acl", "acl"), ("key", "other")] {
            let text = field(first, "public-read") + &field(second, "private") + &form("k", "f");
            let refused = prepared(request(&text, 5000)).await.unwrap_err();
            assert_eq!(refused.code().as_str(), "InvalidArgument", "{first} {second}");
        }
    }

    #[tokio::test]
    async fn what_is_no_form_goes_on_as_it_is() {
        for text in ["", "--x", "--x\r\nContent-Disposition: form-data\r\n\r\n${filename}\r\n--x"] {
            assert_eq!(sent(text, 3).await.0, text);
        }
        let other = Request::put("/b/k").body(Body::from("${filename}".to_owned())).unwrap();
        assert_eq!(prepared(other).await.unwrap().into_body().bytes().unwrap(), "${filename}");
    }
}
