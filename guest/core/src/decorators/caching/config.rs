//! The config of a cache.

use serde::{Deserialize, Deserializer};

/// JSON Schema of [`Config`].
pub(super) const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "ttl": {
            "type": ["number", "string"],
            "description": "How long a copy is used before it is stale: seconds, a number with a unit (ms, s, m, h, d) such as \"10m\", or \"never\" for copies that don't age, where nobody else writes to the main store",
            "default": "60s"
        },
        "revalidate": {
            "type": "string",
            "enum": ["never", "always", "ttl"],
            "description": "When a copy is compared with the main store by etag before it is used: never (a stale copy is read anew), always, or when it is stale",
            "default": "ttl"
        },
        "max_bytes": {
            "type": "integer",
            "format": "bytes",
            "minimum": 0,
            "description": "How many bytes the copies may have together; the least recently used are removed. Without it, the cache grows with the main store"
        },
        "max_object": {
            "type": "integer",
            "format": "bytes",
            "minimum": 0,
            "description": "Larger objects, in bytes, are not cached"
        },
        "at_once": {
            "type": "integer",
            "format": "bytes",
            "minimum": 0,
            "description": "Up to this many bytes, an object is fetched whole before anybody gets a part of it, and once however many ask for it together; a larger one goes to each reader at that one's pace",
            "default": 1048576
        }
    },
    "additionalProperties": false
}"#;

/// When a copy is compared with the main store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Revalidate {
    Never,
    Always,
    #[default]
    Ttl,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Config {
    /// Milliseconds; `None` if copies never get stale.
    #[serde(default = "default_ttl", deserialize_with = "duration")]
    pub ttl: Option<u64>,
    #[serde(default)]
    pub revalidate: Revalidate,
    pub max_bytes: Option<u64>,
    pub max_object: Option<u64>,
    #[serde(default = "mebibyte")]
    pub at_once: u64,
}

impl Config {
    /// The largest object to cache, in bytes.
    pub(super) fn largest(&self) -> u64 {
        self.max_object.unwrap_or(u64::MAX).min(self.max_bytes.unwrap_or(u64::MAX))
    }
}

fn mebibyte() -> u64 {
    1024 * 1024
}

/// Safe even if others write to the main store, which a cache can't know.
fn default_ttl() -> Option<u64> {
    Some(60_000)
}

fn duration<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Given {
        Number(f64),
        Text(String),
    }
    let (seconds, shown) = match Option::<Given>::deserialize(from)? {
        None => return Ok(default_ttl()),
        Some(Given::Text(text)) if text.trim() == "never" => return Ok(None),
        Some(Given::Number(seconds)) => (Some(seconds), seconds.to_string()),
        Some(Given::Text(text)) => (parse(&text), format!("{text:?}")),
    };
    let millis = seconds.filter(|s| s.is_finite() && *s >= 0.0).map(|s| (s * 1000.0).round());
    // Float casts saturate, and the largest value is half a billion years.
    millis.map(|millis| Some(millis as u64)).ok_or_else(|| {
        serde::de::Error::custom(format!(
            "ttl is {shown}: give seconds, a number with one of the units ms, s, m, h, d, or \"never\""
        ))
    })
}

fn parse(text: &str) -> Option<f64> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(split);
    let scale = match unit {
        "" | "s" => 1.0,
        "ms" => 0.001,
        "m" => 60.0,
        "h" => 3_600.0,
        "d" => 86_400.0,
        _ => return None,
    };
    number.trim().parse::<f64>().ok().map(|number| number * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ttl(json: &str) -> Result<Option<u64>, String> {
        let config: Result<Config, _> = serde_json::from_str(&format!("{{\"ttl\":{json}}}"));
        config.map(|c| c.ttl).map_err(|e| e.to_string())
    }

    #[test]
    fn a_ttl_is_seconds_or_has_a_unit() {
        assert_eq!(serde_json::from_str::<Config>("{}").unwrap().ttl, Some(60_000));
        assert_eq!(ttl("null"), Ok(Some(60_000)));
        assert_eq!(ttl("\"never\""), Ok(None));
        assert_eq!(ttl("90"), Ok(Some(90_000)));
        assert_eq!(ttl("0.5"), Ok(Some(500)));
        assert_eq!(ttl("\"10m\""), Ok(Some(600_000)));
        assert_eq!(ttl("\"250 ms\""), Ok(Some(250)));
        assert_eq!(ttl("\"2\""), Ok(Some(2_000)));
        assert_eq!(ttl("\"1d\""), Ok(Some(86_400_000)));
        for wrong in ["\"soon\"", "\"10 parsecs\"", "-1", "\"-1s\"", "\"\""] {
            assert!(ttl(wrong).unwrap_err().contains("give seconds"), "{wrong}");
        }
    }
}
