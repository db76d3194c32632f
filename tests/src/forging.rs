//! Hand-made requests with AWS signature version 4, correct or forged, that no client
//! would send.

use crate::server::{ACCESS_KEY, SECRET_KEY};
use crate::{http, signing};
use anyhow::Result;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// A request, and what its signature covers.
#[derive(Clone)]
pub struct Forged {
    /// The server's port.
    pub port: u16,
    /// The method.
    pub method: &'static str,
    /// The path, percent-encoded.
    pub path: String,
    /// Headers that the signature covers besides the host, the date and the body's
    /// hash, with lower-case names.
    pub signed: Vec<(String, String)>,
    /// Headers that the signature does not cover.
    pub unsigned: Vec<(String, String)>,
    /// The body as sent.
    pub body: Vec<u8>,
    /// The body's hash as signed.
    pub payload: String,
    /// The time of the signature.
    pub time: OffsetDateTime,
    /// The day in the scope; `None` means that of `time`.
    pub day: Option<String>,
    /// The region in the scope.
    pub region: &'static str,
    /// The service in the scope.
    pub service: &'static str,
    /// The end of the scope.
    pub end: &'static str,
}

/// A signature and its parts.
pub struct Signature {
    /// The value of the `x-amz-date` header.
    pub time: String,
    /// The scope, without the access key.
    pub scope: String,
    /// The signing key.
    pub key: [u8; 32],
    /// The signature in hex.
    pub hex: String,
    names: String,
}

impl Forged {
    /// A correct request to a server on 127.0.0.1.
    pub fn new(port: u16, method: &'static str, path: &str) -> Self {
        Self {
            port,
            method,
            path: path.to_owned(),
            signed: Vec::new(),
            unsigned: Vec::new(),
            body: Vec::new(),
            payload: "UNSIGNED-PAYLOAD".to_owned(),
            time: OffsetDateTime::now_utc(),
            day: None,
            region: "us-east-1",
            service: "s3",
            end: "aws4_request",
        }
    }

    /// Adds a body that the signature covers.
    #[must_use]
    pub fn with(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), payload: hex::encode(Sha256::digest(body)), ..self }
    }

    /// Dates the signature back by this time, or forward.
    #[must_use]
    pub fn ago(self, time: Duration) -> Self {
        Self { time: self.time - time, ..self }
    }

    /// The signature for the headers.
    pub fn signature(&self) -> Result<Signature> {
        let time = stamp(self.time);
        let mut headers = self.signed.clone();
        headers.push(("host".to_owned(), format!("127.0.0.1:{}", self.port)));
        headers.push(("x-amz-content-sha256".to_owned(), self.payload.clone()));
        headers.push(("x-amz-date".to_owned(), time));
        self.sign(headers, "", &self.payload)
    }

    fn sign(
        &self,
        mut headers: Vec<(String, String)>,
        query: &str,
        payload: &str,
    ) -> Result<Signature> {
        headers.sort();
        let time = stamp(self.time);
        let day = self.day.clone().unwrap_or_else(|| time.chars().take(8).collect());
        let scope = format!("{day}/{}/{}/{}", self.region, self.service, self.end);
        let lines: String =
            headers.iter().map(|(name, value)| format!("{name}:{value}\n")).collect();
        let names: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        let names = names.join(";");
        let (method, path) = (self.method, &self.path);
        let canonical = format!("{method}\n{path}\n{query}\n{lines}\n{names}\n{payload}");
        let hash = hex::encode(Sha256::digest(canonical));
        let key = signing::key(SECRET_KEY, &[&day, self.region, self.service, self.end])?;
        let text = format!("AWS4-HMAC-SHA256\n{time}\n{scope}\n{hash}");
        let hex = hex::encode(signing::hmac(&key, &text)?);
        Ok(Signature { time, scope, key, hex, names })
    }

    /// All headers to send, with the signature.
    pub fn headers(&self) -> Result<Vec<(String, String)>> {
        let Signature { time, scope, hex, names, .. } = self.signature()?;
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential={ACCESS_KEY}/{scope}, SignedHeaders={names}, Signature={hex}"
        );
        let mut headers = [self.signed.clone(), self.unsigned.clone()].concat();
        headers.push(("x-amz-content-sha256".to_owned(), self.payload.clone()));
        headers.push(("x-amz-date".to_owned(), time));
        headers.push(("authorization".to_owned(), authorization));
        Ok(headers)
    }

    /// Sends the request and returns status and body.
    pub fn send(&self) -> Result<(u16, String)> {
        self.send_as(&self.headers()?)
    }

    /// Sends the request with other headers.
    pub fn send_as(&self, headers: &[(String, String)]) -> Result<(u16, String)> {
        self.send_to(&self.path, headers)
    }

    /// The path with a signature in the query, valid for this many seconds.
    pub fn presigned(&self, seconds: u32) -> Result<String> {
        let time = stamp(self.time);
        let host = ("host".to_owned(), format!("127.0.0.1:{}", self.port));
        let day = self.day.clone().unwrap_or_else(|| time.chars().take(8).collect());
        let credential =
            format!("{ACCESS_KEY}%2F{day}%2F{}%2F{}%2F{}", self.region, self.service, self.end);
        let query = format!(
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={credential}&X-Amz-Date={time}\
             &X-Amz-Expires={seconds}&X-Amz-SignedHeaders=host"
        );
        let signature = self.sign(vec![host], &query, "UNSIGNED-PAYLOAD")?;
        Ok(format!("{}?{query}&X-Amz-Signature={}", self.path, signature.hex))
    }

    /// Sends the request to another path, with these headers only.
    pub fn send_to(&self, path: &str, headers: &[(String, String)]) -> Result<(u16, String)> {
        let headers: Vec<_> = headers.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let (status, _, body) = http::request(self.port, self.method, path, &headers, &self.body)?;
        Ok((status, String::from_utf8_lossy(&body).into_owned()))
    }
}

fn stamp(time: OffsetDateTime) -> String {
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        time.year(),
        u8::from(time.month()),
        time.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
