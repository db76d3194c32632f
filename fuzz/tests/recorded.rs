//! The heads of requests that real clients sent (`corpus/requests/recorded/`, named
//! `SCRIPT.OPERATION.NUMBER`): each is read as the operation that it was, its signature
//! holds, and holds for nothing else.

use http::header::{DATE, HeaderName};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_fuzz::requests::parsed;
use storage_s3::auth::secret::Secret;
use storage_s3::auth::signed::Signable;
use storage_s3::auth::verify;
use storage_s3::protocol::date;
use storage_s3::protocol::operations::OPERATIONS;
use storage_s3::protocol::request::Request;
use storage_s3::protocol::signing::Signing;

/// The key pair with which they were recorded.
const KEY: &str = "TESTACCESSKEY0000001";
const SECRET: &str = "test-secret-key-of-forty-characters-0001";

struct Recorded {
    file: String,
    operation: String,
    head: String,
}

/// What was recorded. The first byte of a file selects heads among the target's inputs.
fn recorded() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus/requests/recorded");
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let file = path.file_name().expect("a name").to_string_lossy().into_owned();
        let operation = file.split('.').nth(1).expect("a name of three parts");
        let text = fs::read_to_string(&path).expect("text");
        let head = text.strip_prefix('0').expect("a head").to_owned();
        all.push(Recorded { operation: operation.to_owned(), file, head });
    }
    assert!(all.len() > 50, "only {} heads are recorded", all.len());
    all
}

/// When a request was sent.
fn sent(request: &Request) -> SystemTime {
    let header = |name| request.headers.get(name).and_then(|v: &http::HeaderValue| v.to_str().ok());
    let parameter = |name| request.query.one(name).expect("at most one");
    let day = Duration::from_hours(24);
    let date = match request.signing {
        Signing::Unsigned => Some(UNIX_EPOCH),
        Signing::V2Query => parameter("Expires")
            .and_then(|text| text.parse().ok())
            .and_then(|seconds| (UNIX_EPOCH + Duration::from_secs(seconds)).checked_sub(day / 24)),
        Signing::V4Query => parameter("X-Amz-Date").and_then(date::basic),
        Signing::V2Header | Signing::V4Header => {
            let own = header(HeaderName::from_static("x-amz-date"));
            own.and_then(|text| date::basic(text).or_else(|| date::http(text)))
                .or_else(|| header(DATE).and_then(date::http))
        }
    };
    date.unwrap_or_else(|| panic!("no date in {request:?}"))
}

/// Whether a request comes from the owner of the key pair.
fn is_signed(request: &Request, now: SystemTime) -> Result<bool, String> {
    let secret = |key: &str| (key == KEY).then(|| Secret::new(SECRET));
    let sender = verify(&Signable::from(request), secret, true, now);
    sender.map(|sender| sender.access_key.is_some()).map_err(|error| format!("{error:?}"))
}

/// What a request asks for. Listings are one, whatever they list.
fn asks(request: &Request) -> (&str, &str, &str, Vec<Option<&str>>) {
    let name = request.operation.name.trim_end_matches("V2");
    let is_listing = name == "ListObjects";
    let own = request.operation.own_parameters().filter(|_| !is_listing);
    let parameters = own.map(|name| request.query.one(name).ok().flatten()).collect();
    (name, request.bucket(), request.key(), parameters)
}

#[test]
fn what_clients_sent_is_read_as_the_operation_that_it_was() {
    let mut wrong = Vec::new();
    for Recorded { file, operation, head } in recorded() {
        let request = parsed(head.as_bytes()).unwrap_or_else(|| panic!("{file} is refused"));
        assert_eq!(request.operation.name, operation, "{file}");
        let found = is_signed(&request, sent(&request));
        if found != Ok(request.signing != Signing::Unsigned) {
            wrong.push(format!("{file}: {found:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn a_signature_of_a_client_holds_for_no_other_method_path_or_parameter() {
    let methods: std::collections::BTreeSet<&str> =
        OPERATIONS.iter().map(|operation| operation.method.as_str()).collect();
    let mut tried = 0;
    for Recorded { file, head, .. } in recorded() {
        let request = parsed(head.as_bytes()).expect("a request");
        if request.signing == Signing::Unsigned {
            continue;
        }
        let now = sent(&request);
        let (line, rest) = head.split_once("\r\n").expect("lines");
        let (method, target) = line.split_once(' ').expect("words");
        let (target, version) = target.rsplit_once(' ').expect("words");
        let mut others: Vec<(String, String)> = Vec::new();
        for other in methods.iter().filter(|other| **other != method) {
            others.push(((*other).to_owned(), target.to_owned()));
        }
        for at in 1..target.len() {
            let mut other = target.as_bytes().to_vec();
            other[at] ^= 1;
            others.extend(String::from_utf8(other).map(|other| (method.to_owned(), other)));
        }
        let and = if target.contains('?') { '&' } else { '?' };
        for added in
            ["acl", "uploads", "delete", "versioning", "tagging", "prefix=a", "list-type=2"]
        {
            others.push((method.to_owned(), format!("{target}{and}{added}")));
        }
        for (method, target) in others {
            let other = format!("{method} {target} {version}\r\n{rest}");
            let Some(changed) = parsed(other.as_bytes()) else { continue };
            tried += 1;
            // Version 2 covers neither what an operation ignores nor what is listed.
            let is_v2 = matches!(request.signing, Signing::V2Header | Signing::V2Query);
            let is_same = is_v2 && asks(&changed) == asks(&request);
            if !is_same {
                let found = is_signed(&changed, now);
                assert_ne!(found, Ok(true), "{file} holds for {method} {target}");
            }
        }
    }
    assert!(tried > 1000, "only {tried} requests were tried");
}
