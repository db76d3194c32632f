//! `botocore_config_kwargs`: what configurations of the Python library up to 1.5.2 pass
//! on to its S3 client (`botocore.config.Config`).

use super::addressing::Addressing;
use std::time::Duration;
use storage_contract::options::{Json, Property};
use storage_contract::schema::Schema;

/// The least time to wait, as for `connect_timeout` and `timeout`.
const SHORTEST: Duration = Duration::from_millis(100);

/// The arguments that mean something here.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Botocore {
    pub(super) region: Option<String>,
    pub(super) connect_timeout: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) addressing: Option<Addressing>,
}

impl Property for Botocore {
    const SCHEMA: Schema = Schema::Keywords(r#""type":"object""#);

    fn read(value: &Json) -> Result<Self, String> {
        let mut found = Self::default();
        for (name, value) in entries(value)? {
            let at = |problem: String| format!("{name}: {problem}");
            match name.as_str() {
                "region_name" => found.region = Some(String::read(value).map_err(at)?),
                "connect_timeout" => found.connect_timeout = Some(time(value).map_err(at)?),
                "read_timeout" => found.timeout = Some(time(value).map_err(at)?),
                "signature_version" if value.as_str() == Some("s3v4") => {}
                "s3" => found.addressing = addressing(value).map_err(at)?,
                _ => return Err(at(cure(name).to_owned())),
            }
        }
        Ok(found)
    }
}

fn addressing(value: &Json) -> Result<Option<Addressing>, String> {
    let mut found = None;
    for (name, value) in entries(value)? {
        if name != "addressing_style" {
            return Err(format!("{name} has no counterpart here: leave it out"));
        }
        let style = Addressing::read(value);
        found = Some(style.map_err(|problem| format!("{name}: {problem}"))?);
    }
    Ok(found)
}

fn entries(value: &Json) -> Result<&serde_json::Map<String, Json>, String> {
    value.as_object().ok_or_else(|| "must be a mapping".to_owned())
}

fn time(value: &Json) -> Result<Duration, String> {
    let time = Duration::read(value)?;
    match time < SHORTEST {
        true => Err(format!("must be at least {SHORTEST:?}")),
        false => Ok(time),
    }
}

/// What to do about an argument that can't be taken over.
fn cure(name: &str) -> &'static str {
    match name {
        "retries" => "give retry_deadline, in seconds, in place of it",
        "signature_version" => "requests are signed with version 4 (s3v4): leave it out",
        "max_pool_connections" => "connections are limited by themselves: leave it out",
        "proxies" | "proxies_config" => "proxies are not supported",
        "client_cert" => "certificates of clients are not supported",
        "request_checksum_calculation" | "response_checksum_validation" => {
            "give checksums in place of it"
        }
        _ => "it has no counterpart here: leave it out",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn arguments_with_a_counterpart_are_taken_over() {
        let found = Botocore::read(&json!({
            "region_name": "eu-west-1", "connect_timeout": 3, "read_timeout": 20.5,
            "signature_version": "s3v4", "s3": {"addressing_style": "virtual"},
        }));
        let expected = Botocore {
            region: Some("eu-west-1".to_owned()),
            connect_timeout: Some(Duration::from_secs(3)),
            timeout: Some(Duration::from_millis(20_500)),
            addressing: Some(Addressing::Virtual),
        };
        assert_eq!(found, Ok(expected));
        assert_eq!(Botocore::read(&json!({})), Ok(Botocore::default()));
    }

    #[test]
    fn the_others_are_named_with_what_to_do() {
        for (given, said) in [
            (json!({"retries": {"max_attempts": 3}}), "retries: give retry_deadline"),
            (json!({"signature_version": "s3"}), "signature_version: requests are signed"),
            (json!({"s3": {"payload_signing_enabled": true}}), "s3: payload_signing_enabled has"),
            (json!({"s3": {"addressing_style": "x"}}), "s3: addressing_style: "),
            (json!({"read_timeout": 0}), "read_timeout: must be at least 100ms"),
            (json!({"region_name": 1}), "region_name: "),
            (json!({"parameter_validation": false}), "parameter_validation: it has no"),
            (json!([]), "must be a mapping"),
        ] {
            let error = Botocore::read(&given).unwrap_err();
            assert!(error.starts_with(said), "{error}");
        }
    }
}
