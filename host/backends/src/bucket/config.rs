//! The config of a BucketStore, parsed and checked.

use crate::OpenArgs;
use serde::{Deserialize, Deserializer, de};
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;
use storage_store::Result;
use storage_store::secret;

/// JSON Schema of the config.
pub(super) const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "bucket_name": {"type": "string", "description": "The bucket; it must exist.", "minLength": 1},
        "endpoint_url": {
            "type": "string",
            "description": "The server, as http://host:port or https://host; absent: Amazon S3, or what the AWS environment names."
        },
        "region": {
            "type": "string",
            "description": "The region that requests are signed for; absent: the one of the AWS environment or profile, else us-east-1."
        },
        "s3_access_key": {
            "type": "string",
            "description": "Access key id, with s3_secret_key; without both, the standard AWS credential chain."
        },
        "s3_secret_key": {"type": "string", "description": "Secret access key."},
        "s3_secret_key_file": {"type": "string", "description": "File that holds the secret access key, in place of s3_secret_key."},
        "session_token": {"type": "string", "description": "Session token of temporary keys."},
        "profile": {"type": "string", "description": "Profile of the AWS config files to take keys and region from."},
        "addressing": {
            "type": "string",
            "description": "Where the bucket stands in URLs: in the path or in the host name; auto: in the path when endpoint_url is set.",
            "enum": ["auto", "path", "virtual"],
            "default": "auto"
        },
        "ca_file": {"type": "string", "description": "PEM file of certificates to trust beside the system's."},
        "checksums": {
            "type": "string",
            "description": "How bytes are checked beside their signature: always (CRC32 headers, and what the server sends when reading), when_required (Content-MD5, and MD5 etags when reading), never; auto: always on Amazon S3, else when_required.",
            "enum": ["auto", "always", "when_required", "never"],
            "default": "auto"
        },
        "conditional": {
            "anyOf": [{"type": "boolean"}, {"type": "string", "enum": ["auto"]}],
            "description": "Whether the server acts on preconditions of writes; auto: tried out before the first such write.",
            "default": "auto"
        },
        "part_size": {
            "type": "integer",
            "format": "bytes",
            "description": "Bytes in a part of a multipart upload; smaller objects are sent at once. An object has at most 10,000 parts.",
            "minimum": 5242880,
            "maximum": 1073741824,
            "default": 8388608
        },
        "concurrency": {
            "type": "integer",
            "description": "How many parts of one object are sent at a time.",
            "minimum": 1,
            "maximum": 64,
            "default": 4
        },
        "connect_timeout": {"type": "number", "description": "Seconds to wait for a connection.", "minimum": 0.1, "default": 5},
        "timeout": {
            "type": "number",
            "description": "Seconds to wait for an answer, or for more bytes of one; uploads get more by their size.",
            "minimum": 0.1,
            "default": 30
        },
        "retry_deadline": {
            "type": "number",
            "description": "Seconds after which a request that keeps failing is given up; 0 tries once.",
            "minimum": 0,
            "default": 60
        },
        "stale_uploads_days": {
            "type": "number",
            "description": "When the store is opened, uploads to the bucket that were begun more than this many days ago and never ended are aborted, whoever began them. Absent: none.",
            "minimum": 1
        }
    },
    "required": ["bucket_name"],
    "additionalProperties": false
}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    pub bucket_name: String,
    pub endpoint_url: Option<String>,
    pub region: Option<String>,
    pub s3_access_key: Option<Secret>,
    pub s3_secret_key: Option<Secret>,
    s3_secret_key_file: Option<PathBuf>,
    pub session_token: Option<Secret>,
    pub profile: Option<String>,
    #[serde(default)]
    pub addressing: Addressing,
    pub ca_file: Option<PathBuf>,
    #[serde(default)]
    pub checksums: Checksums,
    #[serde(default)]
    pub conditional: Conditional,
    #[serde(default = "part_size")]
    pub part_size: usize,
    #[serde(default = "concurrency")]
    pub concurrency: usize,
    #[serde(default = "connect_timeout", deserialize_with = "seconds")]
    pub connect_timeout: Duration,
    #[serde(default = "timeout", deserialize_with = "seconds")]
    pub timeout: Duration,
    #[serde(default = "retry_deadline", deserialize_with = "seconds")]
    pub retry_deadline: Duration,
    pub stale_uploads_days: Option<f64>,
}

fn part_size() -> usize {
    8 * 1024 * 1024
}

fn concurrency() -> usize {
    4
}

fn connect_timeout() -> Duration {
    Duration::from_secs(5)
}

fn timeout() -> Duration {
    Duration::from_secs(30)
}

fn retry_deadline() -> Duration {
    Duration::from_secs(60)
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    Duration::try_from_secs_f64(seconds).map_err(de::Error::custom)
}

/// Whether the bucket is in the path or in the host name of URLs.
#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Addressing {
    #[default]
    Auto,
    Path,
    Virtual,
}

/// Which checksums to use.
#[derive(Deserialize, Default, Clone, Copy, PartialEq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Checksums {
    #[default]
    Auto,
    Always,
    WhenRequired,
    Never,
}

/// Whether the server acts on preconditions of writes.
#[derive(Default, Clone, Copy, PartialEq)]
pub(super) enum Conditional {
    #[default]
    Auto,
    Known(bool),
}

impl<'de> Deserialize<'de> for Conditional {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::Bool(known) => Ok(Conditional::Known(known)),
            serde_json::Value::String(text) if text == "auto" => Ok(Conditional::Auto),
            _ => Err(de::Error::custom("conditional must be true, false or auto")),
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

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // The usual error message would show the value.
        match serde_json::Value::deserialize(deserializer)? {
            serde_json::Value::String(text) => Ok(Secret(text)),
            _ => Err(de::Error::custom("keys and tokens must be text; put them in quotes")),
        }
    }
}

impl Config {
    pub(super) fn new(args: &OpenArgs) -> Result<Self> {
        let mut config = Config::deserialize(&args.config).map_err(|e| args.bad(&e.to_string()))?;
        if let Some(file) = &config.s3_secret_key_file {
            if config.s3_secret_key.is_some() {
                return Err(args.bad("give s3_secret_key or s3_secret_key_file, not both"));
            }
            let secret = secret::read(&args.directory.join(file));
            let secret = secret.map_err(|e| args.bad(&format!("s3_secret_key_file: {e}")))?;
            config.s3_secret_key = Some(Secret(secret));
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
            check_only: false,
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

    #[test]
    fn the_schema_is_json_and_has_the_defaults_of_the_code() {
        let schema: Value = serde_json::from_str(SCHEMA).unwrap();
        let default = |name: &str| schema["properties"][name]["default"].clone();
        assert_eq!(default("part_size"), json!(part_size()));
        assert_eq!(default("concurrency"), json!(concurrency()));
        assert_eq!(default("timeout"), json!(timeout().as_secs()));
        assert_eq!(default("retry_deadline"), json!(retry_deadline().as_secs()));
        assert_eq!(default("connect_timeout"), json!(connect_timeout().as_secs()));
    }
}
