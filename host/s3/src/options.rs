//! The options of the endpoint: `serve.etag`, `serve.limits`, `serve.log` and `serve.tls`.

use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;
use storage_contract::options;
use storage_contract::options::Property;

options! {
    /// `serve.tls`: the certificate files, in PEM.
    #[derive(Debug, Clone)]
    pub struct TlsFiles {
        /// The certificate, followed by its chain.
        pub cert: PathBuf,
        /// The private key.
        pub key: PathBuf,
    }
}

options! {
    /// `serve.log`: the access log, with a line for each request.
    #[derive(Debug, Clone)]
    pub struct LogOptions {
        /// The form of its lines.
        pub format: LogFormat = "text",
        /// The file that it is appended to; without one, standard error.
        pub file: Option<PathBuf>,
    }
}

options! {
    /// The form of the access log.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum LogFormat {
        /// Words separated by spaces.
        Text = "text",
        /// An object of JSON.
        Json = "json",
    }
}

options! {
    /// `serve.etag`: the etags of objects that clients write.
    #[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
    pub enum Etags {
        /// The MD5 of the bytes that were sent, as in S3.
        #[default]
        Md5 = "md5",
        /// What costs nothing: the etag of the store. No client takes it for an MD5.
        Fast = "fast",
    }
}

options! {
    /// `serve.limits`: the limits on requests and connections.
    #[derive(Debug, Clone)]
    pub struct Limits {
        /// The most bytes of an object; without it, the limit of its store.
        #[schema(format: "bytes", minimum: 1)]
        pub object_size: Option<u64>,
        /// The most concurrent requests; more are refused.
        #[schema(minimum: 1, maximum: 65536)]
        pub requests: usize = 512,
        /// The most open connections; more wait.
        #[schema(minimum: 1, maximum: 65536)]
        pub connections: usize = 4096,
        /// For how many seconds a client may neither send nor accept anything.
        #[schema(minimum: 1, maximum: 3600)]
        pub idle: Duration = 60,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::read(&json!({})).expect("every limit is optional or has a default that fits")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_that_are_not_given_have_defaults() {
        let limits = Limits::default();
        assert_eq!((limits.object_size, limits.requests, limits.connections), (None, 512, 4_096));
        assert_eq!(limits.idle, Duration::from_secs(60));
    }
}
