//! An object's metadata as headers, and back.
//!
//! A listing shows no metadata. So an object that needs some in listings (a custom
//! etag, `storage-…` entries) is written as a multipart upload, even if it has one
//! part: its etag ends in `-N`, and that suffix tells a listing to ask for the
//! rest. On any other object such entries are ignored, so that a copy made
//! elsewhere can't show one thing in a listing and another in a stat. Listings
//! always ask about empty objects: not every server accepts an empty part.

use super::checksum::{Crc, Digest, Kept, Sent};
use super::client::Checks;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::operation::head_object::HeadObjectOutput;
use aws_sdk_s3::primitives::DateTime;
use aws_sdk_s3::types::ServerSideEncryption;
use std::collections::HashMap;
use storage_contract::etag::is_md5;
use storage_contract::types::RESERVED_METADATA;
use storage_store::{Error, Metadata, ObjectInfo, PutOptions, Result};

/// The etag to show.
const ETAG: &str = "storage-etag";
/// The CRC-32 of the object's bytes.
const CRC32: &str = "storage-crc32";
/// The MD5 of the object's bytes.
const MD5: &str = "storage-md5";
/// The size in bytes of each part but the last.
const PART_SIZE: &str = "storage-part-size";

/// The type that S3 reports for objects written without one.
const NO_TYPE: &str = "binary/octet-stream";

/// Prefix and suffix of a value that a header can't hold as it is.
const ENCODED: (&str, &str) = ("=?UTF-8?B?", "?=");

/// An object as a server reported it.
pub(super) struct Found {
    pub info: ObjectInfo,
    /// The server's own etag, without quotes.
    pub etag: String,
    /// Whether that etag is the MD5 of the bytes, going by its form and the encryption.
    pub is_plain: bool,
    pub digest: Digest,
}

/// Strips the quotes and the weak prefix from an etag header.
pub(super) fn unquoted(etag: &str) -> &str {
    etag.trim_start_matches("W/").trim_matches('"')
}

pub(super) fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

/// Whether an etag has the form of a multipart upload's.
fn is_multipart(etag: &str) -> bool {
    let number = etag.rsplit_once('-').map(|(_, number)| number);
    number.is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a listed object has metadata that only a HEAD request shows.
pub(super) fn has_more(etag: &str, size: u64) -> bool {
    size == 0 || is_multipart(etag)
}

/// Whether an object can be written in one piece and still be listed correctly.
/// `is_own`: whether this etag is the MD5 of the bytes.
pub(super) fn is_plain(
    options: &PutOptions,
    length: usize,
    is_own: impl FnOnce(&str) -> bool,
) -> bool {
    let own = options.metadata.iter().any(|(name, _)| name.starts_with(RESERVED_METADATA));
    length == 0 || (!own && options.etag.as_deref().is_none_or(is_own))
}

/// The MD5 of the bytes, if the etag is one and belongs to them. Only hashing the
/// bytes can tell: decorators may have changed them. Decorators that leave an entry
/// of their own are known to; JsonStore and plug-ins may leave none.
pub(super) fn claimed(options: &PutOptions) -> Option<&str> {
    options.etag.as_deref().filter(|_| is_plain(options, 1, is_md5))
}

/// Whole seconds, as in headers; some servers list finer times.
pub(super) fn millis(time: Option<&DateTime>) -> Option<u64> {
    u64::try_from(time?.secs()).ok()?.checked_mul(1000)
}

/// The content type to send. If there is none, send S3's default, not the SDK's.
pub(super) fn content_type(options: &PutOptions) -> String {
    options.content_type.clone().unwrap_or_else(|| NO_TYPE.to_owned())
}

fn shown_type(content_type: Option<&str>) -> Option<String> {
    content_type.filter(|kind| *kind != NO_TYPE).map(str::to_owned)
}

/// What a later stat will return for an object that was written with `options` and
/// got this etag from the server.
pub(super) fn written(options: &PutOptions, size: u64, etag: &str) -> ObjectInfo {
    let mut metadata = options.metadata.clone();
    metadata.sort();
    ObjectInfo {
        size: Some(size),
        etag: Some(match &options.etag {
            Some(own) if has_more(etag, size) => own.clone(),
            _ => etag.to_owned(),
        }),
        // Only the server knows, and answers to writes don't include it.
        modified: None,
        content_type: shown_type(options.content_type.as_deref()),
        metadata,
    }
}

/// User metadata as headers, with our own entries.
pub(super) struct Headers(pub HashMap<String, String>);

impl Headers {
    /// `own`: whether readers will look at our own entries.
    pub(super) fn new(options: &PutOptions, own: bool, kept: &Kept) -> Result<Self> {
        let mut headers = HashMap::new();
        for (name, value) in &options.metadata {
            headers.insert(encode_name(name)?, encode(value));
        }
        if let Some(etag) = options.etag.as_deref().filter(|_| own) {
            headers.insert(ETAG.to_owned(), encode(etag));
        }
        match kept {
            Kept::Nothing => {}
            Kept::Crc(crc) => _ = headers.insert(CRC32.to_owned(), crc.text()),
            Kept::Md5(md5) => _ = headers.insert(MD5.to_owned(), md5.clone()),
            Kept::PartSize(size) => _ = headers.insert(PART_SIZE.to_owned(), size.to_string()),
        }
        Ok(Self(headers))
    }
}

/// Whether the byte may be in a metadata name, encoded or not.
fn is_of_names(byte: u8) -> bool {
    byte.is_ascii_graphic() && !byte.is_ascii_uppercase()
}

fn stands_for_itself(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-_.".contains(&byte)
}

/// Encodes a name for use in a header's name. Characters that some servers refuse
/// (`:` for example) become `-xHH-` with their code in hex.
fn encode_name(name: &str) -> Result<String> {
    let (mut encoded, bytes) = (String::new(), name.as_bytes());
    for (at, byte) in bytes.iter().enumerate() {
        let like_a_code = matches!(bytes.get(at..at + 4), Some([b'-', b'x', high, low])
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit());
        match byte {
            _ if stands_for_itself(*byte) && !like_a_code => encoded.push(char::from(*byte)),
            _ if is_of_names(*byte) => encoded += &format!("-x{byte:02x}-"),
            _ => encoded.clear(),
        }
        if encoded.is_empty() {
            break;
        }
    }
    if encoded.is_empty() {
        return Err(Error::InvalidData(format!(
            "the metadata name {name:?} can't be kept in a bucket: names are lower-case ASCII \
             without spaces"
        )));
    }
    Ok(encoded)
}

fn decode_name(encoded: &str) -> String {
    let (mut name, mut rest) = (String::new(), encoded);
    while let Some(next) = rest.chars().next() {
        let code = rest.strip_prefix("-x").and_then(|code| code.get(..3));
        let byte = code.and_then(|code| u8::from_str_radix(code.strip_suffix('-')?, 16).ok());
        match byte.filter(|b| *b == b'-' || (is_of_names(*b) && !stands_for_itself(*b))) {
            Some(byte) => {
                name.push(char::from(byte));
                rest = rest.get(5..).unwrap_or_default();
            }
            None => {
                name.push(next);
                rest = rest.get(next.len_utf8()..).unwrap_or_default();
            }
        }
    }
    name
}

/// Plain ASCII stays as it is; anything else becomes an encoded word (RFC 2047),
/// which is how S3 shows values that a header can't hold.
fn encode(value: &str) -> String {
    let plain = value.bytes().all(|b| (b' '..=b'~').contains(&b))
        && !value.starts_with([' ', '='])
        && !value.ends_with(' ')
        && !value.contains("  ");
    match plain {
        true => value.to_owned(),
        false => {
            let text = base64_simd::STANDARD.encode_to_string(value);
            format!("{}{text}{}", ENCODED.0, ENCODED.1)
        }
    }
}

fn decode(value: &str) -> String {
    let word = value.strip_prefix("=?").and_then(|rest| rest.strip_suffix("?="));
    let decoded = word.and_then(|word| {
        let (charset, rest) = word.split_once('?')?;
        let (encoding, text) = rest.split_once('?')?;
        if !charset.eq_ignore_ascii_case("utf-8") || text.contains('?') {
            return None;
        }
        let bytes = match encoding {
            "B" | "b" => base64_simd::STANDARD.decode_to_vec(text).ok()?,
            "Q" | "q" => {
                let text = text.replace('_', " ").replace('%', "%25").replace('=', "%");
                percent_encoding::percent_decode_str(&text).collect()
            }
            _ => return None,
        };
        String::from_utf8(bytes).ok()
    });
    decoded.unwrap_or_else(|| value.to_owned())
}

/// The fields that answers to GET and HEAD share.
struct Answer<'a> {
    etag: Option<&'a str>,
    size: Option<u64>,
    modified: Option<&'a DateTime>,
    content_type: Option<&'a str>,
    metadata: Option<&'a HashMap<String, String>>,
    /// Encrypted such that its etag is not a digest.
    opaque: bool,
    sent: Option<Sent>,
}

pub(super) fn head(answer: &HeadObjectOutput, checks: Checks) -> Found {
    found(
        Answer {
            etag: answer.e_tag(),
            size: answer.content_length().and_then(|n| u64::try_from(n).ok()),
            modified: answer.last_modified(),
            content_type: answer.content_type(),
            metadata: answer.metadata(),
            opaque: opaque(answer.server_side_encryption(), answer.sse_customer_algorithm()),
            sent: None,
        },
        checks,
    )
}

/// `size` is that of the whole object, even if the answer is a range.
pub(super) fn get(answer: &GetObjectOutput, size: Option<u64>, checks: Checks) -> Found {
    found(
        Answer {
            etag: answer.e_tag(),
            size,
            modified: answer.last_modified(),
            content_type: answer.content_type(),
            metadata: answer.metadata(),
            opaque: opaque(answer.server_side_encryption(), answer.sse_customer_algorithm()),
            // That of a range is not the object's.
            sent: Sent::new(answer).filter(|_| answer.content_range().is_none()),
        },
        checks,
    )
}

fn opaque(encryption: Option<&ServerSideEncryption>, customer: Option<&str>) -> bool {
    customer.is_some() || encryption.is_some_and(|kind| *kind != ServerSideEncryption::Aes256)
}

fn found(answer: Answer<'_>, checks: Checks) -> Found {
    let etag = unquoted(answer.etag.unwrap_or_default()).to_owned();
    let own = answer.size.is_some_and(|size| has_more(&etag, size));
    let (mut kept, mut metadata) = (HashMap::new(), Metadata::new());
    for (name, value) in answer.metadata.into_iter().flatten() {
        match name.as_str() {
            ETAG | CRC32 | MD5 | PART_SIZE => _ = kept.insert(name.as_str(), decode(value)),
            name if name.starts_with(RESERVED_METADATA) && !own => {}
            name => metadata.push((decode_name(name), decode(value))),
        }
    }
    metadata.sort();
    let kept = |name: &str| kept.get(name).filter(|_| own).cloned();
    let is_plain = is_md5(&etag) && !answer.opaque;
    let part_size = kept(PART_SIZE).and_then(|size| size.parse().ok()).filter(|size| *size > 0);
    let by_md5 = || match (kept(MD5), part_size) {
        _ if !checks.md5 => None,
        (Some(md5), _) => Some(Digest::Md5(md5)),
        (None, Some(size)) if !answer.opaque => Some(Digest::Md5OfParts(size, etag.clone())),
        _ => is_plain.then(|| Digest::Md5(etag.to_lowercase())),
    };
    let by_crc = || match (kept(CRC32).and_then(|text| Crc::crc32(&text)), &answer.sent) {
        (Some(crc), _) => Digest::Crc(crc),
        (None, Some(sent)) => sent.digest(answer.size.unwrap_or(0), is_multipart(&etag), part_size),
        (None, None) => Digest::Unknown,
    };
    let digest = match checks.read {
        true => by_md5().unwrap_or_else(by_crc),
        false => Digest::Unknown,
    };
    let shown = kept(ETAG).unwrap_or_else(|| etag.clone());
    Found {
        info: ObjectInfo {
            size: answer.size,
            etag: Some(shown).filter(|etag| !etag.is_empty()),
            modified: millis(answer.modified),
            content_type: shown_type(answer.content_type),
            metadata,
        },
        etag,
        is_plain,
        digest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_CRC: Checks = Checks { crc: true, md5: false, read: true };
    const BY_MD5: Checks = Checks { crc: false, md5: true, read: true };
    const UNCHECKED: Checks = Checks { crc: false, md5: false, read: false };

    #[test]
    fn values_survive_headers_and_plain_ones_stay_as_they_are() {
        for plain in ["", "v", "a b", "100%", "text/html; q=1"] {
            assert_eq!(encode(plain), plain);
        }
        for value in ["bläu 100%", " v", "v ", "a  b", "=?UTF-8?B?eA==?=", "a\nb", "😀", "=?x"] {
            let encoded = encode(value);
            assert!(encoded.is_ascii() && encoded.starts_with("=?UTF-8?B?"), "{encoded}");
            assert_eq!(decode(&encoded), value);
        }
    }

    #[test]
    fn names_survive_headers_and_plain_ones_stay_as_they_are() {
        for plain in ["colour", "a-b_c.d", "x-x1", "-x-", "-xg0-"] {
            assert_eq!(encode_name(plain), Ok(plain.to_owned()));
            assert_eq!(decode_name(plain), plain);
        }
        assert_eq!(encode_name(":checksum"), Ok("-x3a-checksum".to_owned()));
        for name in
            [":checksum", "a:b/c", "-x3a-", "-x3a:", ":x41-", "-xa:", "~!$%&'*+^`|", "-x00-"]
        {
            let encoded = encode_name(name).unwrap();
            assert!(encoded.bytes().all(stands_for_itself), "{encoded}");
            assert_eq!(decode_name(&encoded), name, "{encoded}");
        }
        for other in ["-x41-", "-x00-", "-xé", "-x3a"] {
            assert_eq!(decode_name(other), other, "no code of ours");
        }
        for bad in ["", "A", "a b", "ä", "a\n"] {
            assert!(matches!(encode_name(bad), Err(Error::InvalidData(_))), "{bad:?}");
        }
    }

    #[test]
    fn encoded_words_of_s3_are_read_and_others_left() {
        assert_eq!(decode("=?UTF-8?Q?bl=C3=A4u_100%?="), "bläu 100%");
        for other in ["=?", "=??=", "=?latin-1?Q?a?=", "=?UTF-8?X?a?=", "=?UTF-8?B?!?=", "a=?b"] {
            assert_eq!(decode(other), other);
        }
    }

    fn answer<'a>(etag: &'a str, metadata: &'a HashMap<String, String>) -> Answer<'a> {
        Answer {
            etag: Some(etag),
            size: Some(7),
            modified: None,
            content_type: Some(NO_TYPE),
            metadata: Some(metadata),
            opaque: false,
            sent: None,
        }
    }

    fn sent(text: &str) -> Option<Sent> {
        Sent::new(&GetObjectOutput::builder().checksum_crc32(text).build())
    }

    #[test]
    fn what_is_kept_counts_only_with_the_etag_of_a_multipart_upload() {
        let kept = [(ETAG, "own"), (MD5, "d5"), ("storage-size", "9"), ("colour", "red")];
        let kept = kept.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        let pair = |n: &str, v: &str| (n.to_owned(), v.to_owned());

        let own = found(answer("\"abc-1\"", &kept), BY_MD5);
        assert_eq!((own.info.etag.as_deref(), own.etag.as_str()), (Some("own"), "abc-1"));
        assert_eq!(own.info.metadata, [pair("colour", "red"), pair("storage-size", "9")]);
        assert_eq!((own.digest, own.info.content_type), (Digest::Md5("d5".to_owned()), None));

        let md5 = "900150983cd24fb0d6963f7d28e17f72";
        let copied = found(answer(md5, &kept), BY_MD5);
        assert_eq!(copied.info.etag.as_deref(), Some(md5));
        assert_eq!(copied.info.metadata, [pair("colour", "red")]);
        assert_eq!(copied.digest, Digest::Md5(md5.to_owned()));

        let opaque = found(Answer { opaque: true, ..answer(md5, &HashMap::new()) }, BY_MD5);
        assert_eq!(opaque.digest, Digest::Unknown);
    }

    #[test]
    fn bytes_are_checked_by_the_crc_and_by_md5_where_that_is_asked_for() {
        let (none, md5) = (HashMap::new(), "900150983cd24fb0d6963f7d28e17f72");
        let kept = |name: &str, value: &str| HashMap::from([(name.to_owned(), value.to_owned())]);
        let (crc, own) = (kept(CRC32, "NSRBwg=="), kept(MD5, "d5"));
        let parts = kept(PART_SIZE, "4");
        let of_crc = |text: &str| Digest::Crc(Crc::crc32(text).unwrap());
        let of_parts = Digest::CrcOfParts(4, Crc::crc32("y/Q5Jg==").unwrap());
        let by_parts = Digest::Md5OfParts(4, "abc-2".to_owned());
        let (by_etag, by_own) = (Digest::Md5(md5.to_owned()), Digest::Md5("d5".to_owned()));
        for (etag, metadata, text, by_crc, by_md5) in [
            (md5, &none, "", Digest::Unknown, by_etag.clone()),
            (md5, &none, "y/Q5Jg==", of_crc("y/Q5Jg=="), by_etag.clone()),
            // What is kept is another object's, where the etag is the MD5 of the bytes.
            (md5, &crc, "y/Q5Jg==", of_crc("y/Q5Jg=="), by_etag),
            ("abc-1", &crc, "", of_crc("NSRBwg=="), of_crc("NSRBwg==")),
            ("abc-1", &crc, "y/Q5Jg==", of_crc("NSRBwg=="), of_crc("NSRBwg==")),
            ("abc-1", &own, "", Digest::Unknown, by_own),
            ("abc-2", &parts, "y/Q5Jg==-2", of_parts, by_parts.clone()),
            ("abc-2", &parts, "y/Q5Jg==", Digest::Unknown, by_parts),
            ("abc-2", &none, "y/Q5Jg==-2", Digest::Unknown, Digest::Unknown),
        ] {
            let digest = |checks| {
                let answer = Answer { sent: sent(text), ..answer(etag, metadata) };
                found(answer, checks).digest
            };
            assert_eq!(digest(BY_CRC), by_crc, "{etag} {metadata:?} {text}");
            assert_eq!(digest(BY_MD5), by_md5, "{etag} {metadata:?} {text}");
            assert_eq!(digest(UNCHECKED), Digest::Unknown);
        }
    }
}
