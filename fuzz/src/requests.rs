//! Requests as the endpoint reads them: heads with their signatures, bodies in chunks,
//! forms and documents. What is read does not depend on the pieces in which it arrives, and
//! no change to a signed request is taken for it.

use bytes::Bytes;
use futures::{FutureExt, StreamExt, stream};
use http::Method;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_s3::auth::chunked::Decoder;
use storage_s3::auth::secret::Secret;
use storage_s3::auth::signed::{Payload, Signable};
use storage_s3::auth::verify;
use storage_s3::protocol::form_data;
use storage_s3::protocol::request::Request;
use storage_s3::protocol::xml::{read::read, write::document};

/// The first byte selects what the rest is.
pub fn run(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    match first % 4 {
        0 => head(rest),
        1 => chunks(rest),
        2 => fields(rest),
        _ => text(rest),
    }
}

/// The key pair and the time of the examples in the S3 API reference.
const KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_369_353_600)
}

/// Reads lines as the head of a request.
pub fn parsed(data: &[u8]) -> Option<Request> {
    let text = std::str::from_utf8(data).ok()?;
    let mut lines = text.split("\r\n");
    let mut words = lines.next()?.splitn(3, ' ');
    let mut request = http::Request::builder().method(words.next()?).uri(words.next()?);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    let (head, ()) = request.body(()).ok()?.into_parts();
    Request::parse(head, &["s3.example.org".to_owned()]).ok()
}

fn head(data: &[u8]) {
    let Some(request) = parsed(data) else { return };
    if let Some(bucket) = request.target.bucket() {
        assert_eq!(storage_s3::bucket_name::problem(bucket), None);
    }
    assert_eq!(request.method, request.operation.method);
    assert_eq!(request.target.level(), request.operation.level);
    let secret = |key: &str| (key == KEY).then(|| Secret::new(SECRET));
    let Ok(sender) = verify(&Signable::from(&request), secret, true, now()) else { return };
    if sender.access_key.is_some() {
        // The corpus has two signed requests, both of them for this object.
        assert_eq!(request.method, Method::GET);
        assert_eq!((request.bucket(), request.key()), ("test.txt", ""));
        assert_eq!(request.operation.name, "ListObjects");
    }
}

type Fields = Vec<(String, String)>;

fn decoded(data: &[u8], pieces: usize) -> Option<(Vec<u8>, Fields)> {
    let mut decoder = Decoder::new(&Payload::Chunked).expect("it is in chunks");
    let mut found = Vec::new();
    for piece in data.chunks(pieces) {
        let mut piece = Bytes::copy_from_slice(piece);
        while !piece.is_empty() {
            found.extend(decoder.decode(&mut piece).ok()?);
        }
    }
    Some((found, decoder.finish().ok()?))
}

fn chunks(data: &[u8]) {
    let whole = decoded(data, usize::MAX);
    for pieces in [1, 3] {
        assert_eq!(decoded(data, pieces), whole, "in pieces of {pieces}");
    }
}

fn form_of(data: &[u8], pieces: usize) -> Option<(Fields, String, Vec<u8>)> {
    let pieces: Vec<_> = data.chunks(pieces).map(|p| Ok(Bytes::copy_from_slice(p))).collect();
    let read = async {
        let (form, mut file) = form_data::read(stream::iter(pieces).boxed(), "x").await.ok()?;
        let mut bytes = Vec::new();
        while let Some(chunk) = file.next().await {
            bytes.extend(chunk.ok()?);
        }
        let fields = form.fields().map(|(name, value)| (name.to_owned(), value.to_owned()));
        Some((fields.collect(), form.file_name.clone(), bytes))
    };
    read.now_or_never().expect("nothing is waited for")
}

fn fields(data: &[u8]) {
    let whole = form_of(data, usize::MAX);
    for pieces in [1, 3] {
        assert_eq!(form_of(data, pieces), whole, "in pieces of {pieces}");
    }
}

/// A document is taken or refused, and a text that is written is read again.
fn text(data: &[u8]) {
    let _ = read(data, "Delete");
    let text = String::from_utf8_lossy(data);
    let is_xml = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..);
    let text: String = text.chars().filter(|c| is_xml(*c)).collect();
    let written = document("Delete", |root| root.text("Key", &text));
    let root = read(written.as_bytes(), "Delete").expect("what was written");
    assert_eq!(root.text_of("Key").expect("one"), Some(text.as_str()));
}
