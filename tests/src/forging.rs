//! Requests signed by hand in every detail (AWS signature version 4), as they
//! should be or not: for what no client would send.

use crate::server::{ACCESS_KEY, SECRET_KEY};
use crate::{http, signing};
use anyhow::Result;
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};

/// A request, and what its signature says.
#[derive(Clone)]
pub struct Forged {
    /// Of the server.
    pub port: u16,
    /// The method.
    pub method: &'static str,
    /// The path, encoded.
    pub path: String,
    /// Headers that the signature covers beside the host, the date and the
    /// hash of the body, by names in lower case.
    pub signed: Vec<(String, String)>,
    /// Headers that it does not cover.
    pub unsigned: Vec<(String, String)>,
    /// What is sent.
    pub body: Vec<u8>,
    /// What the signature says of the body.
    pub payload: String,
    /// When it was signed.
    pub time: OffsetDateTime,
    /// The day of the scope; else that of `time`.
    pub day: Option<String>,
    /// The region of the scope.
    pub region: &'static str,
    /// The service of the scope.
    pub service: &'static str,
    /// What ends the scope.
    pub end: &'static str,
}

/// A signature, and what it was made of.
pub struct Signature {
    /// Of the header `x-amz-date`.
    pub time: String,
    /// Without the access key.
    pub scope: String,
    /// What signs with it.
    pub key: [u8; 32],
    /// In hexadecimal digits.
    pub hex: String,
    names: String,
}

impl Forged {
    /// As a client would sign it, for a server on 127.0.0.1.
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

    /// With a body that the signature covers.
    #[must_use]
    pub fn with(self, body: &[u8]) -> Self {
        Self { body: body.to_vec(), payload: hex::encode(Sha256::digest(body)), ..self }
    }

    /// As signed this long ago, or in the future.
    #[must_use]
    pub fn ago(self, time: Duration) -> Self {
        Self { time: self.time - time, ..self }
    }

    /// The signature in headers.
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

    /// The headers that are sent, the signature among them.
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

    /// Sends it; gives status and body.
    pub fn send(&self) -> Result<(u16, String)> {
        self.send_as(&self.headers()?)
    }

    /// Sends it with other headers than its own.
    pub fn send_as(&self, headers: &[(String, String)]) -> Result<(u16, String)> {
        self.send_to(&self.path, headers)
    }

    /// Its path with a signature in the query that holds for so many seconds.
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

    /// Sends it to another path, with these headers alone.
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
