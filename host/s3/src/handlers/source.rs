//! The source of a copy.

use crate::access::owners::Judged;
use crate::bucket::buckets::Bucket;
use crate::call::Call;
use crate::object::conditions::OfRead;
use crate::object::metadata::only_version;
use crate::protocol::error::{Result, error};
use crate::protocol::target::{MAX_KEY_BYTES, too_long};
use crate::store_error::of_reading;
use percent_encoding::percent_decode_str;
use storage_store::source::Source;
use storage_store::{ByteRange, ObjectInfo, ReadOptions};

/// An object that is copied.
pub struct CopySource {
    /// Its bucket.
    pub bucket: Bucket,
    /// Its key.
    pub key: String,
    conditions: OfRead,
    judged: Judged,
}

impl CopySource {
    /// Finds the source that a request names, which its sender must be allowed to read.
    pub async fn of(call: &Call) -> Result<Self> {
        let head = call.head();
        let text = head.one("x-amz-copy-source")?.unwrap_or_default();
        let (bucket, key) = parse(text)?;
        let conditions = OfRead::of_source(&head)?;
        let (bucket, judged) = call.open_source(&bucket, &key).await?;
        Ok(Self { bucket, key, conditions, judged })
    }

    /// What is known of it, if the request's conditions hold.
    pub async fn stat(&self) -> Result<ObjectInfo> {
        let info = self.bucket.objects.stat(&self.key).await.map_err(of_reading)?;
        self.check(&info)?;
        Ok(info)
    }

    /// Opens it.
    pub async fn open(&self, range: Option<ByteRange>) -> Result<(Source, ObjectInfo)> {
        let options = ReadOptions { range, ..ReadOptions::default() };
        let found = self.bucket.objects.read(&self.key, options).await.map_err(of_reading)?;
        let info = found.info().clone();
        self.check(&info)?;
        Ok((found, info))
    }

    fn check(&self, info: &ObjectInfo) -> Result<()> {
        self.judged.check(info)?;
        self.conditions.check(info)
    }
}

/// Reads `[/]BUCKET/KEY[?versionId=ID]`, where bucket and key are percent-encoded. A plus
/// sign is a space, as in forms: s5cmd sends it so.
fn parse(text: &str) -> Result<(String, String)> {
    if text.starts_with("arn:") {
        return Err(error!(NotImplemented, "only objects of buckets here can be copied"));
    }
    let (path, version) = match text.rsplit_once("?versionId=") {
        Some((path, version)) => (path, Some(version)),
        None => (text, None),
    };
    only_version(version)?;
    let path = path.replace('+', "%20");
    let decoded = percent_decode_str(&path).decode_utf8();
    let decoded = decoded.map_err(|_| error!(InvalidArgument, "x-amz-copy-source is not UTF-8"))?;
    let path = decoded.strip_prefix('/').unwrap_or(&decoded);
    match path.split_once('/') {
        Some((_, key)) if key.len() > MAX_KEY_BYTES => Err(too_long(key)),
        Some((bucket, key)) if !bucket.is_empty() && !key.is_empty() => {
            Ok((bucket.to_owned(), key.to_owned()))
        }
        _ => Err(error!(InvalidArgument, "x-amz-copy-source is BUCKET/KEY, percent-encoded")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_a_bucket_and_a_key() {
        for (text, wanted) in [
            ("b/k", "k"),
            ("/b/k", "k"),
            ("b/a%2Fb/c", "a/b/c"),
            ("/b/a+b%2B", "a b+"),
            ("b/k?versionId=null", "k"),
            ("b/k%3FversionId=7", "k?versionId=7"),
            ("%62/%C3%A9", "é"),
            ("b//k", "/k"),
        ] {
            assert_eq!(parse(text).unwrap(), ("b".to_owned(), wanted.to_owned()), "{text}");
        }
        let long = format!("b/{}", "k".repeat(1_025));
        for (text, code) in [
            ("", "InvalidArgument"),
            ("b", "InvalidArgument"),
            ("b/", "InvalidArgument"),
            ("/", "InvalidArgument"),
            ("b/%ff", "InvalidArgument"),
            ("b/k?versionId=7", "NoSuchVersion"),
            ("arn:aws:s3:us-east-1:1:accesspoint/a/object/k", "NotImplemented"),
            (&long, "KeyTooLongError"),
        ] {
            assert_eq!(parse(text).unwrap_err().code().name(), code, "{text}");
        }
    }
}
