//! Key pairs, and what their users may do: `serve.credentials` and
//! `serve.anonymous`.

use serde_json::{Value, json};

/// A key pair. `Debug` hides the secret.
#[derive(Clone)]
pub struct Credentials {
    /// The public part, sent in requests.
    pub access_key: String,
    /// The secret part, never shown.
    pub secret_key: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

/// The shortest secret key, in characters.
pub const MIN_SECRET: usize = 8;

/// One entry of `serve.credentials`.
#[derive(Debug, Clone)]
pub struct User {
    /// The key pair that the user signs with.
    pub credentials: Credentials,
    /// What the user may do, and where.
    pub scope: Scope,
}

impl User {
    /// The JSON Schema of an entry.
    pub fn schema() -> Value {
        let mut user = json!({"type": "object", "additionalProperties": false,
            "required": ["access_key"], "properties": Scope::properties()});
        user["properties"]["access_key"] = json!({"type": "string", "minLength": 1});
        user["properties"]["secret_key"] = json!({"type": "string", "minLength": MIN_SECRET});
        user["properties"]["secret_key_file"] = json!({"type": "string", "minLength": 1});
        user
    }
}

/// A right on objects and buckets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right {
    /// Read objects and their metadata.
    Read,
    /// Create and replace objects, multipart uploads and buckets.
    Write,
    /// List keys.
    List,
    /// Delete objects and buckets.
    Delete,
}

impl Right {
    const ALL: [Self; 4] = [Self::Read, Self::Write, Self::List, Self::Delete];

    /// The name in the configuration.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::List => "list",
            Self::Delete => "delete",
        }
    }
}

/// The rights of a user, and where they apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// `rights`; all by default.
    pub rights: Vec<Right>,
    /// `buckets`: bucket names; `None` for all.
    pub buckets: Option<Vec<String>>,
    /// `prefix`: the prefix of permitted keys; empty for all keys.
    pub prefix: String,
}

impl Scope {
    /// The JSON Schemas of its properties.
    pub fn properties() -> Value {
        json!({
            "rights": {"type": "array", "minItems": 1,
                "items": {"type": "string", "enum": Right::ALL.map(Right::name)}},
            "buckets": {"type": "array", "minItems": 1, "items": {"type": "string"}},
            "prefix": {"type": "string", "minLength": 1},
        })
    }

    /// Everything, everywhere.
    pub fn everything() -> Self {
        Self::of(&Right::ALL)
    }

    /// The scope of `serve.anonymous: read`.
    pub fn reading() -> Self {
        Self::of(&[Right::Read, Right::List])
    }

    fn of(rights: &[Right]) -> Self {
        Self { rights: rights.to_vec(), buckets: None, prefix: String::new() }
    }

    /// Reads a value that its schema has checked.
    pub fn from_checked(value: &Value) -> Self {
        let texts = |name: &str| {
            let list = value[name].as_array()?;
            Some(list.iter().filter_map(Value::as_str).map(str::to_owned).collect::<Vec<_>>())
        };
        let named = |names: Vec<String>| {
            Right::ALL.into_iter().filter(|r| names.iter().any(|n| n == r.name())).collect()
        };
        Self {
            rights: texts("rights").map_or_else(|| Right::ALL.to_vec(), named),
            buckets: texts("buckets"),
            prefix: value["prefix"].as_str().unwrap_or_default().to_owned(),
        }
    }
}
