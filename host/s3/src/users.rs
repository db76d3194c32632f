//! The users that send requests, and their rights.

use crate::auth::secret::Secret;
use crate::credentials::{self, Right, Scope};
use crate::protocol::error::{Code, Error, Result, error};
use anyhow::bail;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;

/// The id that S3 gives to unsigned users.
const NOBODY: &str = "65a011a29cdf8ec533ec3d1ccaae921c";

/// All users that may send requests. `Debug` shows no secrets.
#[derive(Debug, Default)]
pub struct Users {
    by_key: HashMap<String, (Secret, Arc<User>)>,
    anonymous: Option<Arc<User>>,
}

/// The sender of a request.
#[derive(Debug)]
pub struct User {
    /// The access key; `None` for the unsigned user.
    pub name: Option<String>,
    scope: Scope,
}

impl Users {
    /// The signing users, and the scope of unsigned requests, if any are allowed.
    pub fn new(signing: &[credentials::User], anonymous: Option<Scope>) -> Self {
        let signing = signing.iter().map(|credentials::User { credentials, scope }| {
            let name = credentials.access_key.clone();
            let user = User { name: Some(name.clone()), scope: scope.clone() };
            (name, (Secret::new(credentials.secret_key.as_str()), Arc::new(user)))
        });
        let nobody = |scope| Arc::new(User { name: None, scope });
        Self { by_key: signing.collect(), anonymous: anonymous.map(nobody) }
    }

    /// The secret key that belongs to an access key.
    pub fn secret(&self, access_key: &str) -> Option<Secret> {
        self.by_key.get(access_key).map(|(secret, _)| secret.clone())
    }

    /// The sender with this access key, whose signature must have been verified; `None`
    /// for an unsigned request.
    pub fn sender(&self, access_key: Option<&str>) -> Result<Arc<User>> {
        let (found, code) = match access_key {
            Some(name) => (self.by_key.get(name).map(|(_, user)| user), Code::InvalidAccessKeyId),
            None => (self.anonymous.as_ref(), Code::AccessDenied),
        };
        found.cloned().ok_or_else(|| match code {
            Code::AccessDenied => error!(AccessDenied, "requests must be signed"),
            code => Error::from(code),
        })
    }

    /// The access key of the user with this owner id.
    pub fn with_id(&self, wanted: &str) -> Option<&str> {
        let mut names = self.by_key.keys();
        names.find(|name| owner_id(Some(name)) == wanted).map(String::as_str)
    }

    /// Refuses a non-loopback address if unsigned requests may write or delete.
    pub fn check_reach(&self, listen: SocketAddr) -> anyhow::Result<()> {
        let Some(anonymous) = self.anonymous.as_ref().filter(|_| !listen.ip().is_loopback()) else {
            return Ok(());
        };
        let changing = |right: &Right| matches!(right, Right::Write | Right::Delete);
        if anonymous.scope.rights.iter().any(changing) {
            bail!(
                "{listen} can be reached by others: give serve.credentials, or listen on \
                 127.0.0.1; unsigned requests may only read and list there (serve.anonymous: read)"
            );
        }
        Ok(())
    }
}

/// The owner id of an access key, derived from the key alone.
pub fn owner_id(access_key: Option<&str>) -> String {
    access_key.map_or_else(|| NOBODY.to_owned(), |key| hex::encode(Sha256::digest(key)))
}

impl User {
    /// Whether the user has this right anywhere.
    pub fn has(&self, right: Right) -> bool {
        self.scope.rights.contains(&right)
    }

    /// Whether the user's scope includes a bucket.
    pub fn sees(&self, bucket: &str) -> bool {
        self.scope.buckets.as_ref().is_none_or(|buckets| buckets.iter().any(|b| b == bucket))
    }

    /// Whether the user has a right to an object, or to all keys that begin with `key`.
    pub fn may(&self, right: Right, bucket: &str, key: &str) -> bool {
        self.has(right) && self.sees(bucket) && key.starts_with(&self.scope.prefix)
    }
}

#[cfg(test)]
impl Users {
    /// Users with these access keys, who may do everything.
    pub fn with_keys(keys: &[&str], anonymous: Option<Scope>) -> Self {
        let user = |key: &&str| credentials::User {
            credentials: credentials::Credentials {
                access_key: (*key).to_owned(),
                secret_key: "long-enough".to_owned(),
            },
            scope: Scope::everything(),
        };
        Self::new(&keys.iter().map(user).collect::<Vec<_>>(), anonymous)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(scope: Scope) -> Users {
        let secret_key = "a-secret-of-some-length".to_owned();
        let credentials = credentials::Credentials { access_key: "KEY".to_owned(), secret_key };
        Users::new(&[credentials::User { credentials, scope }], None)
    }

    #[test]
    fn a_scope_is_rights_and_buckets_and_prefix_together() {
        let user = User {
            name: None,
            scope: Scope {
                rights: vec![Right::Read],
                buckets: Some(vec!["one".to_owned()]),
                prefix: "in/".to_owned(),
            },
        };
        assert!(user.may(Right::Read, "one", "in/k"));
        assert!(user.may(Right::Read, "one", "in/"));
        for (right, bucket, key) in [
            (Right::Write, "one", "in/k"),
            (Right::List, "one", "in/k"),
            (Right::Delete, "one", "in/k"),
            (Right::Read, "two", "in/k"),
            (Right::Read, "one", "in"),
            (Right::Read, "one", "inside"),
            (Right::Read, "one", ""),
        ] {
            assert!(!user.may(right, bucket, key), "{right:?} {bucket} {key}");
        }
    }

    #[test]
    fn a_sender_is_known_by_the_access_key_or_may_be_nobody() {
        let users = users(Scope::everything());
        assert_eq!(users.sender(Some("KEY")).unwrap().name.as_deref(), Some("KEY"));
        assert_eq!(users.sender(Some("X")).unwrap_err().code(), Code::InvalidAccessKeyId);
        assert_eq!(users.sender(None).unwrap_err().code(), Code::AccessDenied);
        assert_eq!(users.with_id(&owner_id(Some("KEY"))), Some("KEY"));
        assert_eq!(users.with_id(NOBODY), None);
    }

    #[test]
    fn secrets_are_not_in_debug_output() {
        let users = users(Scope::everything());
        assert!(users.secret("KEY").is_some_and(|s| s == Secret::new("a-secret-of-some-length")));
        assert!(!format!("{users:?}").contains("a-secret"));
    }

    #[test]
    fn where_others_reach_strangers_change_nothing() {
        let scope = |rights: &[Right]| Scope { rights: rights.to_vec(), ..Scope::everything() };
        let open: SocketAddr = ([0, 0, 0, 0], 9000).into();
        let local: SocketAddr = ([127, 0, 0, 1], 9000).into();
        for (rights, allowed) in [
            (&[Right::Read, Right::List][..], true),
            (&[Right::Read, Right::Write], false),
            (&[Right::Delete], false),
        ] {
            let users = Users::new(&[], Some(scope(rights)));
            assert_eq!(users.check_reach(open).is_ok(), allowed, "{rights:?}");
            assert!(users.check_reach(local).is_ok());
        }
    }
}
