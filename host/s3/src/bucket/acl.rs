//! Access control lists.

use crate::protocol::operation::Permission;
use crate::users::User;
use serde::{Deserialize, Serialize};

/// The recipient of a grant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grantee {
    /// Anyone, signed or not.
    Everyone,
    /// Anyone who signs.
    Signed,
    /// The user with this access key.
    User(String),
}

/// One entry of an ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Who gets it.
    pub to: Grantee,
    /// What they get.
    pub may: Permission,
}

impl Grant {
    /// A grant to a user.
    pub fn user(name: &str, may: Permission) -> Self {
        Self { to: Grantee::User(name.to_owned()), may }
    }
}

/// An ACL with the owner of its bucket or object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// An access key; `None` means that all signed users own it.
    pub owner: Option<String>,
    /// What others, and the owner, have.
    pub grants: Vec<Grant>,
}

impl Acl {
    /// Full control for the owner and no access for others. Without an owner, all signed
    /// users have full control.
    pub fn private(owner: Option<&str>) -> Self {
        let all = match owner {
            Some(owner) => Grant::user(owner, Permission::FullControl),
            None => Grant { to: Grantee::Signed, may: Permission::FullControl },
        };
        Self { owner: owner.map(str::to_owned), grants: vec![all] }
    }

    /// Parses an ACL from an object's metadata.
    pub fn kept(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok()
    }

    /// The form kept in metadata.
    pub fn keep(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Whether the user owns what the ACL is of.
    pub fn is_owner(&self, user: &User) -> bool {
        match &self.owner {
            Some(owner) => user.name.as_ref() == Some(owner),
            None => user.name.is_some(),
        }
    }

    /// Whether `user` has the permission. Grants to groups count only if `groups`.
    pub fn allows(&self, user: &User, wanted: Permission, groups: bool) -> bool {
        // Owners never lock themselves out.
        if matches!(wanted, Permission::ReadAcp | Permission::WriteAcp) && self.is_owner(user) {
            return true;
        }
        self.grants.iter().any(|Grant { to, may }| {
            let is_granted = *may == wanted || *may == Permission::FullControl;
            is_granted
                && match to {
                    Grantee::Everyone => groups,
                    Grantee::Signed => groups && user.name.is_some(),
                    Grantee::User(name) => user.name.as_ref() == Some(name),
                }
        })
    }

    /// Whether it grants anything to a group.
    pub fn is_public(&self) -> bool {
        self.grants.iter().any(|grant| !matches!(grant.to, Grantee::User(_)))
    }
}
