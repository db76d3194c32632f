//! Key pairs, and what their users may do: `serve.credentials` and
//! `serve.anonymous`.

use serde_json::json;
use std::path::PathBuf;
use storage_contract::options;
use storage_contract::options::{Json, Property};
use storage_contract::schema::Schema;

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

/// A user, who signs requests.
#[derive(Debug, Clone)]
pub struct User {
    /// The key pair that the user signs with.
    pub credentials: Credentials,
    /// What the user may do, and where.
    pub scope: Scope,
}

options! {
    /// One entry of `serve.credentials`.
    #[derive(Clone)]
    pub struct UserOptions {
        /// The access key.
        #[schema(minLength: 1)]
        pub access_key: String,
        /// The secret key.
        pub secret_key: Option<String>,
        /// The file with the secret key.
        #[schema(minLength: 1)]
        pub secret_key_file: Option<PathBuf>,
        /// What the user may do, and where.
        pub scope: Scope = ..,
    }
}

impl std::fmt::Debug for UserOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UserOptions").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

options! {
    /// A right on objects and buckets.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub enum Right {
        /// Read objects and their metadata.
        Read = "read",
        /// Create and replace objects, multipart uploads and buckets.
        Write = "write",
        /// List keys.
        List = "list",
        /// Delete objects and buckets.
        Delete = "delete",
    }
}

options! {
    /// The rights of a user, and where they apply.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct Scope {
        /// What the user may do.
        #[schema(minItems: 1)]
        pub rights: Vec<Right> = ["read", "write", "list", "delete"],
        /// The names of the buckets; without it, all.
        #[schema(minItems: 1)]
        pub buckets: Option<Vec<String>>,
        /// What keys must begin with; empty for all keys.
        #[schema(minLength: 1)]
        pub prefix: String = "",
    }
}

impl Scope {
    /// Everything, everywhere.
    pub fn everything() -> Self {
        Self::read(&json!({})).expect("every property has a default that fits")
    }

    /// Reading and listing, everywhere.
    pub fn reading() -> Self {
        Self { rights: vec![Right::Read, Right::List], ..Self::everything() }
    }

    /// Whether the rights are all rights, everywhere.
    pub fn is_everything(&self) -> bool {
        let Self { rights, buckets, prefix } = self;
        let all = Self::everything().rights;
        all.iter().all(|right| rights.contains(right)) && buckets.is_none() && prefix.is_empty()
    }
}

/// A scope whose rights must be given: forgotten ones must not be all of them.
const SCOPE_WITH_RIGHTS: Schema = match Scope::SCHEMA {
    Schema::Object { fields, .. } => {
        Schema::Object { fields, keywords: &[("required", r#"["rights"]"#)] }
    }
    other => other,
};

/// `serve.anonymous`: what unsigned requests may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anonymous {
    /// Nothing.
    Nothing,
    /// Read and list.
    Reading,
    /// Everything: nobody signs.
    Everything,
    /// What a scope says.
    Scope(Scope),
}

impl Anonymous {
    /// The scope of unsigned requests, if any are allowed.
    pub fn scope(&self) -> Option<Scope> {
        match self {
            Self::Nothing => None,
            Self::Reading => Some(Scope::reading()),
            Self::Everything => Some(Scope::everything()),
            Self::Scope(scope) => Some(scope.clone()),
        }
    }
}

impl Property for Anonymous {
    const SCHEMA: Schema = Schema::AnyOf(&[
        Schema::Keywords(r#""type":["boolean","string"],"enum":[true,false,"read"]"#),
        SCOPE_WITH_RIGHTS,
    ]);

    fn read(value: &Json) -> Result<Self, String> {
        match (value, value.as_str()) {
            (Json::Bool(true), _) => Ok(Self::Everything),
            (Json::Bool(false), _) => Ok(Self::Nothing),
            (_, Some("read")) => Ok(Self::Reading),
            (Json::Object(scope), _) if !scope.contains_key("rights") => {
                Err("\"rights\" is missing".to_owned())
            }
            _ => Scope::read(value).map(Self::Scope),
        }
    }
}
