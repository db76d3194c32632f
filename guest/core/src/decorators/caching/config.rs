//! The config of a cache.

use storage_contract::options;
use storage_contract::options::{Json, Property};
use storage_contract::schema::Schema;

options! {
    /// When a copy is compared with the main store.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(super) enum Revalidate {
        Never = "never",
        Always = "always",
        Ttl = "ttl",
    }
}

options! {
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub(super) struct Config {
        /// How long a copy is used before it is stale: seconds, a number with a unit (ms,
        /// s, m, h, d) such as "10m", or "never" for copies that don't age, where nobody
        /// else writes to the main store
        pub ttl: Ttl = "60s",
        /// When a copy is compared with the main store by etag before it is used: never
        /// (a stale copy is read anew), always, or when it is stale
        pub revalidate: Revalidate = "ttl",
        /// How many bytes the copies may have together; the least recently used are
        /// removed. Without it, the cache grows with the main store
        #[schema(format: "bytes", minimum: 0)]
        pub max_bytes: Option<u64>,
        /// Larger objects, in bytes, are not cached
        #[schema(format: "bytes", minimum: 0)]
        pub max_object: Option<u64>,
        /// Up to this many bytes, an object is fetched whole before anybody gets a part
        /// of it, and once however many ask for it together; a larger one goes to each
        /// reader at that one's pace
        #[schema(format: "bytes", minimum: 0)]
        pub at_once: u64 = 1048576,
    }
}

impl Config {
    /// The largest object to cache, in bytes.
    pub(super) fn largest(&self) -> u64 {
        self.max_object.unwrap_or(u64::MAX).min(self.max_bytes.unwrap_or(u64::MAX))
    }
}

/// Milliseconds; `None` if copies never get stale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ttl(pub Option<u64>);

impl Property for Ttl {
    const SCHEMA: Schema = Schema::Keywords(r#""type":["number","string"]"#);
    // `ttl:` without a value leaves it out.
    const NULL_IS_DEFAULT: bool = true;

    fn read(value: &Json) -> Result<Self, String> {
        let seconds = match value.as_str() {
            Some(text) if text.trim() == "never" => return Ok(Self(None)),
            Some(text) => parse(text),
            None => value.as_f64(),
        };
        let millis = seconds.filter(|s| s.is_finite() && *s >= 0.0).map(|s| (s * 1000.0).round());
        // Float casts saturate, and the largest value is half a billion years.
        millis.map(|millis| Self(Some(millis as u64))).ok_or_else(|| {
            format!(
                "{value} is not a duration: give seconds, a number with one of the units ms, s, \
                 m, h, d, or \"never\""
            )
        })
    }
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
        let config = serde_json::from_str(&format!("{{\"ttl\":{json}}}")).unwrap();
        Config::read(&config).map(|config| config.ttl.0)
    }

    #[test]
    fn a_ttl_is_seconds_or_has_a_unit() {
        assert_eq!(Config::read(&serde_json::json!({})).unwrap().ttl, Ttl(Some(60_000)));
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
