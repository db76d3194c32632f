//! The config of a BucketStore, parsed and checked.

use super::addressing::Addressing;
use super::botocore::Botocore;
use crate::backend::OpenArgs;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use storage_contract::options;
use storage_contract::options::{Json, Property};
use storage_contract::schema::Schema;
use storage_store::Result;
use storage_store::secret;

options! {
    pub(super) struct Config {
        /// The bucket; it must exist.
        #[schema(minLength: 1)]
        pub bucket_name: String,
        /// The server, as http://host:port or https://host; absent: Amazon S3, or what the
        /// AWS environment names.
        #[schema(alias: "s3_url")]
        pub endpoint_url: Option<String>,
        /// The region that requests are signed for; absent: the one of the AWS environment
        /// or profile, else us-east-1.
        pub region: Option<String>,
        /// Access key id, with s3_secret_key; without both, the standard AWS credential
        /// chain.
        pub s3_access_key: Option<Secret>,
        /// Secret access key.
        pub s3_secret_key: Option<Secret>,
        /// File that holds the secret access key, in place of s3_secret_key.
        s3_secret_key_file: Option<PathBuf>,
        /// Session token of temporary keys.
        pub session_token: Option<Secret>,
        /// Profile of the AWS config files to take keys and region from.
        pub profile: Option<String>,
        /// Where the bucket stands in URLs: in the path or in the host name; auto: in the
        /// path when endpoint_url is set.
        pub addressing: Addressing = "auto",
        /// PEM file of certificates to trust beside the system's.
        pub ca_file: Option<PathBuf>,
        /// How bytes are checked beside their signature: auto or always (uploads carry a
        /// CRC-32, and what is read is checked by the CRC that the server sends),
        /// when_required (uploads carry none), md5 (Content-MD5, and MD5 etags when reading,
        /// which is slow), never.
        pub checksums: Checksums = "auto",
        /// Whether the server acts on preconditions of writes; auto: tried out before the
        /// first such write.
        pub conditional: Conditional = "auto",
        /// Bytes in a part of a multipart upload; smaller objects are sent at once. An
        /// object has at most 10,000 parts.
        #[schema(format: "bytes", minimum: 5242880, maximum: 1073741824)]
        pub part_size: usize = 8388608,
        /// How many parts of one object are sent at a time.
        #[schema(minimum: 1, maximum: 64)]
        pub concurrency: usize = 4,
        /// Seconds to wait for a connection.
        #[schema(minimum: 0.1)]
        pub connect_timeout: Duration = 5,
        /// Seconds to wait for an answer, or for more bytes of one; uploads get more by
        /// their size.
        #[schema(minimum: 0.1)]
        pub timeout: Duration = 30,
        /// Seconds after which a request that keeps failing is given up; 0 tries once.
        #[schema(minimum: 0)]
        pub retry_deadline: Duration = 60,
        /// When the store is opened, uploads to the bucket that were begun more than this
        /// many days ago and never ended are aborted, whoever began them. Absent: none.
        #[schema(minimum: 1)]
        pub stale_uploads_days: Option<f64>,
        /// What older configurations of the Python library pass on to its client: region_name,
        /// connect_timeout, read_timeout and s3.addressing_style. It takes
        /// precedence over region, connect_timeout, timeout and addressing.
        botocore_config_kwargs: Option<Botocore>,
    }
}

options! {
    /// Which checksums to use.
    #[derive(Clone, Copy, PartialEq)]
    pub(super) enum Checksums {
        Auto = "auto",
        Always = "always",
        WhenRequired = "when_required",
        Md5 = "md5",
        Never = "never",
    }
}

/// Whether the server acts on preconditions of writes.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Conditional {
    Auto,
    Known(bool),
}

impl Property for Conditional {
    const SCHEMA: Schema =
        Schema::Keywords(r#""anyOf":[{"type":"boolean"},{"type":"string","enum":["auto"]}]"#);

    fn read(value: &Json) -> Result<Self, String> {
        match (value.as_bool(), value.as_str()) {
            (Some(known), _) => Ok(Self::Known(known)),
            (_, Some("auto")) => Ok(Self::Auto),
            _ => Err("must be true, false or auto".to_owned()),
        }
    }
}

/// Text that is never shown in messages.
#[derive(Clone)]
pub(super) struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Property for Secret {
    const SCHEMA: Schema = String::SCHEMA;

    fn read(value: &Json) -> Result<Self, String> {
        String::read(value).map(Self)
    }
}

impl Config {
    pub(super) fn new(args: &OpenArgs) -> Result<Self> {
        let mut config: Config = args.parse()?;
        if let Some(file) = &config.s3_secret_key_file {
            if config.s3_secret_key.is_some() {
                return Err(args.bad("give s3_secret_key or s3_secret_key_file, not both"));
            }
            let secret = secret::read(&args.directory.join(file));
            let secret = secret.map_err(|e| args.bad(&format!("s3_secret_key_file: {e}")))?;
            config.s3_secret_key = Some(Secret(secret));
        }
        if let Some(botocore) = config.botocore_config_kwargs.take() {
            config.region = botocore.region.or(config.region);
            config.connect_timeout = botocore.connect_timeout.unwrap_or(config.connect_timeout);
            config.timeout = botocore.timeout.unwrap_or(config.timeout);
            config.addressing = botocore.addressing.unwrap_or(config.addressing);
        }
        let problem = config.problem();
        problem.map_or(Ok(config), |problem| Err(args.bad(&problem)))
    }

    fn problem(&self) -> Option<String> {
        if self.bucket_name.is_empty() || self.bucket_name.contains(['/', ':', '?', '#', ' ']) {
            return Some(format!("{:?} is not a bucket name", self.bucket_name));
        }
        if self.s3_access_key.is_some() != self.s3_secret_key.is_some() {
            return Some(
                "s3_access_key and s3_secret_key (or s3_secret_key_file) belong together; leave \
                 both out to use the \
                 standard AWS credential chain"
                    .to_owned(),
            );
        }
        if self.session_token.is_some() && self.s3_access_key.is_none() {
            return Some("session_token needs s3_access_key and s3_secret_key".to_owned());
        }
        let url = self.endpoint_url.as_deref()?;
        let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"));
        match rest.map(|rest| rest.trim_end_matches('/')) {
            // The part before an @ may be a password.
            Some(host) if host.contains('@') => {
                Some("endpoint_url must not hold a user or a password".to_owned())
            }
            Some(host) if !host.is_empty() && !host.contains(['?', '#', ' ']) => {
                let parsed = url.parse::<http::Uri>();
                parsed.err().map(|e| format!("endpoint_url {url:?}: {e}"))
            }
            _ => Some(format!("endpoint_url {url:?} must be http://host:port or https://host")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn config(config: Value) -> Result<Config, String> {
        let args = OpenArgs {
            name: "objects".to_owned(),
            config,
            directory: PathBuf::new(),
            create: true,
            check: None,
        };
        Config::new(&args).map_err(|error| error.to_string())
    }

    #[test]
    fn the_config_of_the_python_library_loads() {
        let config = config(json!({
            "bucket_name": "b", "endpoint_url": "http://127.0.0.1:3900", "region": "garage",
            "s3_access_key": "GK1", "s3_secret_key": "s",
        }))
        .unwrap();
        assert_eq!((config.part_size, config.concurrency), (8 * 1024 * 1024, 4));
    }

    #[test]
    fn every_name_of_checksums_is_accepted() {
        for name in ["auto", "always", "when_required", "md5", "never"] {
            assert!(config(json!({"bucket_name": "b", "checksums": name})).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_no_secret_is_shown() {
        for (wrong, said) in [
            (json!({"bucket_name": "a/b"}), "not a bucket name"),
            (json!({"bucket_name": "b", "s3_access_key": "k"}), "belong together"),
            (json!({"bucket_name": "b", "session_token": "hidden"}), "needs s3_access_key"),
            (json!({"bucket_name": "b", "endpoint_url": "localhost:9"}), "http://host:port"),
            (json!({"bucket_name": "b", "endpoint_url": "http://u:hidden@h"}), "a password"),
            (json!({"bucket_name": "b", "s3_secret_key": 4711_4711}), "must be text"),
        ] {
            let error = config(wrong).err().unwrap();
            assert!(error.contains(said), "{error}");
            assert!(!error.contains("hidden") && !error.contains("4711"), "{error}");
        }
        assert_eq!(format!("{:?}", Secret("hidden".to_owned())), "***");
    }

    #[test]
    fn a_secret_from_a_file_is_as_one_in_the_configuration() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("secret");
        std::fs::write(&file, "hidden\n").unwrap();
        let given = json!({"bucket_name": "b", "s3_access_key": "k", "s3_secret_key_file": file});
        let secret = config(given.clone()).unwrap().s3_secret_key.unwrap();
        assert_eq!(secret.0, "hidden");
        let mut both = given.clone();
        both["s3_secret_key"] = json!("hidden too");
        let error = config(both).err().unwrap();
        assert!(error.contains("not both") && !error.contains("hidden"), "{error}");
        std::fs::write(&file, "").unwrap();
        assert!(config(given).err().unwrap().contains("is empty"));
    }
}
