//! What is kept of a bucket that clients made.

use super::acl::{Acl, Grant};
use crate::cors_rule::Rule;
use serde::{Deserialize, Serialize};

/// The stored state of a bucket.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct BucketState {
    /// When the bucket was created, in milliseconds since 1970.
    pub created: u64,
    /// What tells the bucket from others that had its name before.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// The access key that created it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The location constraint given at creation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
    /// The tags.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<(String, String)>,
    /// The CORS rules.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cors: Vec<Rule>,
    /// The ACL's grants; `None`: only the owner has access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grants: Option<Vec<Grant>>,
    /// The S3 object ownership setting (`BucketOwnerEnforced`, …).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ownership: Option<String>,
    /// The public access block.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_block: Option<PublicBlock>,
}

/// The public access that a bucket's owner blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicBlock {
    pub block_public_acls: bool,
    pub ignore_public_acls: bool,
    pub block_public_policy: bool,
    pub restrict_public_buckets: bool,
}

/// The ownership setting by which the bucket's owner owns all objects.
pub const ENFORCED: &str = "BucketOwnerEnforced";

impl BucketState {
    /// Whether this is the state of the same bucket, and not of another with its name.
    pub fn is_of_same_bucket(&self, other: &Self) -> bool {
        (self.created, &self.id) == (other.created, &other.id)
    }

    /// Whether the bucket's owner owns all objects, and ACLs are disabled.
    pub fn is_enforced(&self) -> bool {
        self.ownership.as_deref() == Some(ENFORCED)
    }

    /// Whether grants to groups count.
    pub fn groups(&self) -> bool {
        !self.public_block.is_some_and(|block| block.ignore_public_acls)
    }

    /// The bucket's ACL.
    pub fn acl(&self) -> Acl {
        let private = Acl::private(self.owner.as_deref());
        match self.grants.clone().filter(|_| !self.is_enforced()) {
            Some(grants) => Acl { grants, ..private },
            None => private,
        }
    }
}
