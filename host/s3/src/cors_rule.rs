//! CORS rules: `serve.cors`, and those of buckets that clients create.

use http::header::HeaderName;
use serde::{Deserialize, Serialize};
use storage_contract::options;

/// The most origins, headers and so on of a rule.
const MAX_PATTERNS: usize = 100;

/// The methods that a rule may allow.
const METHODS: [&str; 5] = ["GET", "PUT", "HEAD", "POST", "DELETE"];

options! {
    /// What pages of some origins may do.
    #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    pub struct Rule {
        /// A name for human readers.
        pub id: Option<String>,
        /// Origin patterns, each with at most one `*`.
        pub origins: Vec<String>,
        /// Allowed methods.
        pub methods: Vec<String>,
        /// Patterns of allowed request headers, each with at most one `*`.
        pub headers: Vec<String> = [],
        /// Response headers that the page may read.
        pub expose: Vec<String> = [],
        /// How many seconds a browser may cache a preflight.
        #[schema(minimum: 0, maximum: 4294967295)]
        pub max_age: Option<u32>,
    }
}

impl Rule {
    /// Why this rule is invalid, if it is.
    pub fn problem(&self) -> Option<String> {
        if self.origins.is_empty() || self.methods.is_empty() {
            return Some("a rule needs at least one origin and one method".to_owned());
        }
        if let Some(method) = self.methods.iter().find(|m| !METHODS.contains(&m.as_str())) {
            return Some(format!("{method:?} is none of the methods {}", METHODS.join(", ")));
        }
        let lists = [&self.origins, &self.methods, &self.headers, &self.expose];
        if lists.iter().any(|list| list.len() > MAX_PATTERNS) {
            return Some(format!("a rule has at most {MAX_PATTERNS} of each"));
        }
        let many = |pattern: &&String| pattern.matches('*').count() > 1;
        if let Some(pattern) = self.origins.iter().chain(&self.headers).find(many) {
            return Some(format!("{pattern:?} has more than one \"*\""));
        }
        let no_header = |name: &&String| name.parse::<HeaderName>().is_err();
        self.expose.iter().find(no_header).map(|name| format!("{name:?} is not a header name"))
    }
}
