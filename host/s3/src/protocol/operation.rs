//! What distinguishes operations, and what they need.

use crate::credentials::Right;
use serde::{Deserialize, Serialize};

/// What distinguishes requests of the same method and level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A parameter, whatever its value: a sub-resource, such as `acl`.
    Query(&'static str),
    /// A parameter with this value.
    Value(&'static str, &'static str),
    /// A header.
    Header(&'static str),
}

impl Mark {
    /// The parameter, if it is one.
    pub fn parameter(&self) -> Option<&'static str> {
        match *self {
            Self::Query(name) | Self::Value(name, _) => Some(name),
            Self::Header(_) => None,
        }
    }
}

/// The body of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// A document of at most this many bytes.
    Document(usize),
    /// An object's bytes.
    Object,
    /// A form with an object's bytes at its end.
    Form,
}

/// The right that an operation needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredRight {
    /// The right to list, somewhere; the response shows only what the user may see.
    Buckets,
    /// Any right in the bucket.
    Bucket,
    /// A right to the whole bucket.
    Whole(Right),
    /// A right to the object.
    Object(Right),
    /// A right to those keys of the bucket that its arguments name.
    Keys(Right),
}

/// What an operation needs of owners and ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequiredAccess {
    /// Nothing: the response shows only the user's own.
    Nothing,
    /// A signature of any user.
    Signed,
    /// Ownership of the bucket.
    Owner,
    /// A grant in the bucket's ACL.
    Bucket(Permission),
    /// A grant in the object's ACL.
    Object(Permission),
    /// Ownership of the object or its bucket.
    ObjectOwner,
}

/// A permission that an ACL grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// Reading an object, or listing a bucket.
    Read,
    /// Writing into a bucket and deleting from it.
    Write,
    /// Reading the ACL.
    ReadAcp,
    /// Changing the ACL.
    WriteAcp,
    /// All of the above.
    FullControl,
}
