//! The signing key of version 4, and the chain of signatures made with it.

use super::secret::Secret;
use crate::protocol::error::{Code, Error, Result};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt;

/// What a signature of version 4 is good for:
/// `ACCESS_KEY/DATE/REGION/SERVICE/aws4_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialScope {
    pub access_key: String,
    /// `YYYYMMDD`.
    pub date: String,
    pub region: String,
    pub service: String,
}

impl CredentialScope {
    /// Reads a credential; access keys may hold slashes.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.rsplitn(5, '/');
        let (end, service, region) = (parts.next()?, parts.next()?, parts.next()?);
        let (date, access_key) = (parts.next()?, parts.next()?);
        let fine = end == "aws4_request" && !access_key.is_empty() && !region.is_empty();
        fine.then(|| Self {
            access_key: access_key.to_owned(),
            date: date.to_owned(),
            region: region.to_owned(),
            service: service.to_owned(),
        })
    }

    /// The scope without the access key.
    pub fn text(&self) -> String {
        format!("{}/{}/{}/aws4_request", self.date, self.region, self.service)
    }

    /// The key that signs within this scope ("Authenticating Requests (AWS Signature
    /// Version 4)").
    pub fn key(&self, secret: &Secret) -> SigningKey {
        let start = [b"AWS4", secret.bytes()].concat();
        let parts = [&*self.date, &*self.region, &*self.service, "aws4_request"];
        SigningKey(parts.iter().fold(start, |key, part| {
            let mut mac = mac(&key);
            mac.update(part.as_bytes());
            mac.finalize().into_bytes().to_vec()
        }))
    }
}

fn mac(key: &[u8]) -> Hmac<Sha256> {
    // HMAC takes keys of any length.
    <Hmac<Sha256> as KeyInit>::new_from_slice(key)
        .unwrap_or_else(|_| <Hmac<Sha256> as KeyInit>::new(&Default::default()))
}

/// A signing key. `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct SigningKey(Vec<u8>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

impl SigningKey {
    /// Whether `signature`, in hexadecimal, is that of `text`. Compares in constant time.
    pub fn verify(&self, text: &str, signature: &str) -> Result<()> {
        let signature =
            hex::decode(signature).map_err(|_| Error::from(Code::SignatureDoesNotMatch))?;
        let mut mac = mac(&self.0);
        mac.update(text.as_bytes());
        mac.verify_slice(&signature).map_err(|_| Error::from(Code::SignatureDoesNotMatch))
    }
}

/// The chain of signatures of a body in chunks ("Signature Calculations … Transferring
/// Payload in Multiple Chunks"): each covers the one before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    key: SigningKey,
    /// The date and the scope, as they are signed.
    context: String,
    previous: String,
}

impl Chain {
    /// The chain that begins with the signature of the request's head.
    pub fn new(key: SigningKey, date: &str, scope: &CredentialScope, signature: &str) -> Self {
        let context = format!("{date}\n{}", scope.text());
        Self { key, context, previous: signature.to_owned() }
    }

    /// Verifies the signature of the next chunk, whose bytes have this SHA-256.
    pub fn chunk(&mut self, digest: &[u8], signature: &str) -> Result<()> {
        let nothing = hex::encode(Sha256::digest(b""));
        self.next(
            "AWS4-HMAC-SHA256-PAYLOAD",
            &format!("{nothing}\n{}", hex::encode(digest)),
            signature,
        )
    }

    /// Verifies the signature of the trailers, `NAME:VALUE\n` each.
    pub fn trailers(&mut self, trailers: &[u8], signature: &str) -> Result<()> {
        let digest = hex::encode(Sha256::digest(trailers));
        self.next("AWS4-HMAC-SHA256-TRAILER", &digest, signature)
    }

    fn next(&mut self, algorithm: &str, digests: &str, signature: &str) -> Result<()> {
        let (context, previous) = (&self.context, &self.previous);
        let text = format!("{algorithm}\n{context}\n{previous}\n{digests}");
        self.key.verify(&text, signature)?;
        self.previous = signature.to_owned();
        Ok(())
    }
}

#[cfg(test)]
impl SigningKey {
    pub fn sign(&self, text: &str) -> String {
        let mut mac = mac(&self.0);
        mac.update(text.as_bytes());
        hex::encode(mac.finalize().into_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

    fn scope() -> CredentialScope {
        CredentialScope::parse("AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request").unwrap()
    }

    #[test]
    fn a_credential_has_five_parts() {
        assert_eq!(scope().text(), "20130524/us-east-1/s3/aws4_request");
        assert_eq!(
            CredentialScope::parse("a/b/20130524/r/s3/aws4_request").unwrap().access_key,
            "a/b"
        );
        for wrong in
            ["", "K", "K/20130524/r/s3", "K/20130524/r/s3/aws5_request", "/d/r/s3/aws4_request"]
        {
            assert_eq!(CredentialScope::parse(wrong), None, "{wrong}");
        }
    }

    /// The example of "Signature Calculations for the Authorization Header: Transferring
    /// Payload in Multiple Chunks" in the S3 API reference.
    #[test]
    fn the_chunks_of_the_published_example_are_verified_in_their_order() {
        let key = scope().key(&Secret::new(SECRET));
        let seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9";
        let first = "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648";
        let second = "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497";
        let last = "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9";
        let new = || Chain::new(key.clone(), "20130524T000000Z", &scope(), seed);
        let (a64k, a1k) = (Sha256::digest(vec![b'a'; 65_536]), Sha256::digest(vec![b'a'; 1_024]));
        let mut chain = new();
        chain.chunk(&a64k, first).unwrap();
        chain.chunk(&a1k, second).unwrap();
        chain.chunk(&Sha256::digest(b""), last).unwrap();
        let mut swapped = new();
        assert!(swapped.chunk(&a1k, second).is_err(), "the second before the first");
        assert!(new().chunk(&a1k, first).is_err(), "other bytes");
        assert!(new().chunk(&a64k, "").is_err() && new().chunk(&a64k, "zz").is_err());
    }

    #[test]
    fn keys_are_not_in_debug_output() {
        let secret = Secret::new(SECRET);
        let chain = Chain::new(scope().key(&secret), "d", &scope(), "s");
        let shown = format!("{secret:?} {chain:?}");
        assert!(!shown.contains("wJalr") && shown.contains("SigningKey"), "{shown}");
    }
}
