//! Minimal signed requests (AWS signature version 4), for clients that must be cheap.

use anyhow::Result;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use time::OffsetDateTime;

const PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// Signs requests to one server with one key pair, all with the time of its creation;
/// servers accept that for some minutes.
pub struct Signer {
    host: String,
    access_key: String,
    key: [u8; 32],
    time: String,
    scope: String,
}

impl Signer {
    /// Creates a signer for a server on 127.0.0.1.
    pub fn new(port: u16, region: &str, access_key: &str, secret_key: &str) -> Result<Self> {
        let now = OffsetDateTime::now_utc();
        let day = format!("{:04}{:02}{:02}", now.year(), u8::from(now.month()), now.day());
        let time = format!("{day}T{:02}{:02}{:02}Z", now.hour(), now.minute(), now.second());
        let key = key(secret_key, &[&day, region, "s3", "aws4_request"])?;
        Ok(Self {
            host: format!("127.0.0.1:{port}"),
            access_key: access_key.to_owned(),
            key,
            time,
            scope: format!("{day}/{region}/s3/aws4_request"),
        })
    }

    /// The head of a request with a body of `length` bytes. The path must need no
    /// encoding.
    pub fn head(&self, method: &str, path: &str, length: u64) -> Result<String> {
        self.head_with(method, path, length, &[])
    }

    /// Like [`head`](Self::head), with more headers. The path may have a query of a
    /// single name.
    pub fn head_with(
        &self,
        method: &str,
        path: &str,
        length: u64,
        more: &[(&str, &str)],
    ) -> Result<String> {
        let Self { host, access_key, key, time, scope } = self;
        let (resource, query) = path.split_once('?').unwrap_or((path, ""));
        let query = if query.is_empty() { String::new() } else { format!("{query}=") };
        let own =
            [("host", host.as_str()), ("x-amz-content-sha256", PAYLOAD), ("x-amz-date", time)];
        let mut headers: Vec<_> = own.iter().chain(more).copied().collect();
        headers.sort_unstable();
        let names = headers.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(";");
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let canonical = format!("{method}\n{resource}\n{query}\n{lines}\n{names}\n{PAYLOAD}");
        let hash = hex::encode(Sha256::digest(canonical));
        let signature = hmac(key, &format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}"))?;
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        for (name, value) in headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        if method == "PUT" {
            write!(head, "content-length: {length}\r\n")?;
        }
        write!(
            head,
            "authorization: AWS4-HMAC-SHA256 Credential={access_key}/{scope}, \
             SignedHeaders={names}, Signature={}\r\n\r\n",
            hex::encode(signature)
        )?;
        Ok(head)
    }
}

/// Derives the signing key of a scope.
pub fn key(secret_key: &str, scope: &[&str]) -> Result<[u8; 32]> {
    let mut key = format!("AWS4{secret_key}").into_bytes();
    for part in scope {
        key = hmac(&key, part)?.to_vec();
    }
    Ok(key.as_slice().try_into()?)
}

/// HMAC-SHA256.
pub fn hmac(key: &[u8], text: &str) -> Result<[u8; 32]> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)?;
    mac.update(text.as_bytes());
    Ok(mac.finalize().into_bytes().into())
}
