//! Refuses server-side encryption, which this server does not offer.
//!
//! Accepting such a request would let clients believe that an object is
//! encrypted. Requests that are invalid on S3 fail as they do there.

use crate::protocol::error::{Result, error};
use crate::protocol::head::Head;
use http::Method;
use md5::{Digest, Md5};

const PREFIX: &str = "x-amz-server-side-encryption";

/// Refuses a request that has any encryption header.
pub fn check(method: &Method, head: &Head<'_>) -> Result<()> {
    let has = |name: &str| head.has(&format!("{PREFIX}{name}"));
    let value = |name: &str| head.one(&format!("{PREFIX}{name}"));
    let any = |prefix: &str| head.below(prefix).map(|found| !found.is_empty());
    if !any(PREFIX)? && !any("x-amz-copy-source-server-side-encryption")? {
        return Ok(());
    }
    let by_client = has("-customer-algorithm");
    if has("-customer-key") != by_client || has("-customer-key-md5") && !has("-customer-key") {
        let text = "an algorithm, a key and the key's MD5 go together";
        return Err(error!(InvalidArgument, "{text}"));
    }
    if let (Some(key), Some(digest)) = (value("-customer-key")?, value("-customer-key-md5")?) {
        let decode = |text: &str| base64_simd::STANDARD.decode_to_vec(text).ok();
        let is_its =
            decode(key).is_some_and(|key| decode(digest) == Some(Md5::digest(key).to_vec()));
        if !is_its {
            return Err(error!(InvalidArgument, "the MD5 is not that of the key"));
        }
    }
    let by_server = value("")?;
    let is_kms = by_server.is_some_and(|by| by.starts_with("aws:kms"));
    if has("") && !is_kms && by_server != Some("AES256") {
        return Err(error!(InvalidArgument, "{PREFIX} is AES256, aws:kms or aws:kms:dsse"));
    }
    if has("-aws-kms-key-id") && !is_kms {
        return Err(error!(InvalidArgument, "a KMS key is for encryption by aws:kms"));
    }
    if by_client && has("") {
        return Err(error!(InvalidArgument, "one encryption at a time"));
    }
    if matches!(*method, Method::GET | Method::HEAD) {
        return Err(error!(InvalidRequest, "the object is not encrypted"));
    }
    Err(error!(NotImplemented, "objects are not encrypted here"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderMap;

    #[test]
    fn nobody_is_left_to_think_that_an_object_is_encrypted() {
        let algorithm = ("x-amz-server-side-encryption-customer-algorithm", "AES256");
        let key = (
            "x-amz-server-side-encryption-customer-key",
            "pO3upElrwuEXSoFwCfnZPdSsmt/xWeFa0N9KgDijwVs=",
        );
        let digest = ("x-amz-server-side-encryption-customer-key-md5", "DWygnHRtgiJ77HCm+1rvHw==");
        let other = ("x-amz-server-side-encryption-customer-key-md5", "AAAAAAAAAAAAAAAAAAAAAA==");
        let by = |value| ("x-amz-server-side-encryption", value);
        let kms = ("x-amz-server-side-encryption-aws-kms-key-id", "k");
        for (headers, code) in [
            (&[][..], None),
            (&[by("AES256")], Some("NotImplemented")),
            (&[by("aws:kms"), kms], Some("NotImplemented")),
            (&[algorithm, key, digest], Some("NotImplemented")),
            (&[by("aes:kms")], Some("InvalidArgument")),
            (&[by("AES256"), kms], Some("InvalidArgument")),
            (&[kms], Some("InvalidArgument")),
            (&[key, digest], Some("InvalidArgument")),
            (&[algorithm], Some("InvalidArgument")),
            (&[algorithm, key, other], Some("InvalidArgument")),
            (&[by("AES256"), algorithm, key, digest], Some("InvalidArgument")),
        ] {
            let map: HeaderMap = headers
                .iter()
                .map(|(n, v)| (n.parse::<http::HeaderName>().unwrap(), v.parse().unwrap()))
                .collect();
            let found = check(&Method::PUT, &Head::new(&map, None)).err();
            assert_eq!(found.as_ref().map(|e| e.code().name()), code, "{headers:?}");
            let read = check(&Method::GET, &Head::new(&map, None)).err();
            assert_eq!(read.is_some(), code.is_some(), "{headers:?}");
        }
    }
}
