//! ACLs that requests ask for in headers.

use super::acl::{Acl, Grant, Grantee};
use super::acl_document::{PERMISSIONS, check, group, no_email, user_with};
use crate::protocol::error::{Error, Result, error};
use crate::protocol::head::Head;
use crate::protocol::operation::Permission;
use crate::users::Users;

/// The canned ACL that gives the bucket's owner everything.
pub const OWNER_FULL_CONTROL: &str = "bucket-owner-full-control";

/// The ACL that a request asks for in its headers.
#[derive(Debug, Default)]
pub struct Requested {
    /// A canned ACL.
    pub canned: Option<String>,
    grants: Vec<(Permission, String)>,
}

impl Requested {
    /// Reads the headers.
    pub fn of(head: &Head<'_>) -> Result<Self> {
        let mut grants = Vec::new();
        for (may, _, header) in PERMISSIONS {
            grants.extend(head.one(header)?.map(|text| (may, text.to_owned())));
        }
        Ok(Self { canned: head.one("x-amz-acl")?.map(str::to_owned), grants })
    }

    /// Whether the headers ask for none.
    pub fn is_empty(&self) -> bool {
        self.canned.is_none() && self.grants.is_empty()
    }

    /// With ACLs off, refuses a request that would grant rights to others.
    pub fn refuse(&self) -> Result<()> {
        if !self.grants.is_empty() {
            return Err(no_grants());
        }
        match self.canned.as_deref() {
            None | Some("private" | OWNER_FULL_CONTROL | "bucket-owner-read") => Ok(()),
            Some(canned) => {
                grants_of(canned, None, None)?;
                Err(error!(
                    NotImplemented,
                    "there are no rights by ACL here (serve.acls), so not {canned:?} either; \
                     private is what objects are"
                ))
            }
        }
    }

    /// The ACL for something that `owner` owns in a bucket of `bucket_owner` (`None` for a
    /// bucket itself).
    pub fn acl(
        &self,
        owner: Option<&str>,
        bucket_owner: Option<&str>,
        users: &Users,
    ) -> Result<Acl> {
        let mut acl = match (&self.canned, self.grants.is_empty()) {
            (Some(_), false) => {
                let text = "a canned ACL and grants can't be given together";
                return Err(error!(InvalidRequest, "{text}"));
            }
            (Some(canned), true) => {
                let granted = grants_of(canned, owner, bucket_owner)?;
                Acl { grants: granted, ..Acl::private(owner) }
            }
            (None, true) => Acl::private(owner),
            (None, false) => Acl { grants: Vec::new(), ..Acl::private(owner) },
        };
        for (may, text) in &self.grants {
            for grantee in text.split(',') {
                let to = named(grantee, users)?;
                acl.grants.push(Grant { to, may: *may });
            }
        }
        check(acl)
    }
}

/// The grants of S3's canned ACLs.
fn grants_of(canned: &str, owner: Option<&str>, bucket_owner: Option<&str>) -> Result<Vec<Grant>> {
    let group = |to: Grantee, may| Grant { to, may };
    let mut grants = match canned {
        "private" => vec![],
        "public-read" => vec![group(Grantee::Everyone, Permission::Read)],
        "public-read-write" => vec![
            group(Grantee::Everyone, Permission::Read),
            group(Grantee::Everyone, Permission::Write),
        ],
        "authenticated-read" => vec![group(Grantee::Signed, Permission::Read)],
        "bucket-owner-read" | OWNER_FULL_CONTROL => {
            let may = match canned {
                OWNER_FULL_CONTROL => Permission::FullControl,
                _ => Permission::Read,
            };
            let other = bucket_owner.filter(|other| Some(*other) != owner);
            other.into_iter().map(|other| Grant::user(other, may)).collect()
        }
        "aws-exec-read" | "log-delivery-write" => {
            return Err(error!(NotImplemented, "there is nobody here to whom {canned:?} gives"));
        }
        _ => return Err(error!(InvalidArgument, "{canned:?} is not a canned ACL")),
    };
    grants.extend(Acl::private(owner).grants);
    Ok(grants)
}

/// The error for grants while ACLs are off.
pub fn no_grants() -> Error {
    error!(NotImplemented, "there are no rights by ACL here (serve.acls)")
}

/// Parses `id="…"` or `uri="…"`.
fn named(grantee: &str, users: &Users) -> Result<Grantee> {
    let (kind, value) = grantee.trim().split_once('=').unwrap_or_default();
    let value = value.trim().trim_matches('"');
    match kind.trim().to_ascii_lowercase().as_str() {
        "id" => user_with(value, users),
        "uri" => group(value),
        "emailaddress" => Err(no_email()),
        _ => Err(error!(InvalidArgument, "a grantee is id=\"…\" or uri=\"…\"")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Scope;
    use crate::users::owner_id;

    const SIGNED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

    fn users() -> Users {
        Users::with_keys(&["A", "B"], Some(Scope::everything()))
    }

    fn requested(headers: &[(&'static str, &str)]) -> Requested {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        Requested::of(&Head::new(&headers.collect(), None)).unwrap()
    }

    /// Which of A, B and the unsigned user have the permission.
    fn who(acl: &Acl, may: Permission, groups: bool) -> String {
        let users = users();
        let all = [Some("A"), Some("B"), None];
        let has = |name: &&Option<&str>| acl.allows(&users.sender(**name).unwrap(), may, groups);
        all.iter().filter(has).map(|name| name.unwrap_or("-")).collect()
    }

    #[test]
    fn a_canned_acl_gives_what_its_name_says_and_no_more() {
        use Permission::{Read, ReadAcp, Write, WriteAcp};
        for (canned, read, write) in [
            ("private", "A", "A"),
            ("public-read", "AB-", "A"),
            ("public-read-write", "AB-", "AB-"),
            ("authenticated-read", "AB", "A"),
            ("bucket-owner-read", "AB", "A"),
            ("bucket-owner-full-control", "AB", "AB"),
        ] {
            let acl =
                requested(&[("x-amz-acl", canned)]).acl(Some("A"), Some("B"), &users()).unwrap();
            assert_eq!(who(&acl, Read, true), read, "{canned}");
            assert_eq!(who(&acl, Write, true), write, "{canned}");
            let full = if canned.ends_with("control") { "AB" } else { "A" };
            assert_eq!(who(&acl, ReadAcp, true), full, "{canned}");
            assert_eq!(who(&acl, WriteAcp, true), full, "{canned}");
            let alone = if canned.starts_with("bucket") { read } else { "A" };
            assert_eq!(who(&acl, Read, false), alone, "{canned}, groups are ignored");
            assert_eq!(Acl::kept(&acl.keep()).unwrap(), acl);
        }
        for (canned, code) in
            [("public", "InvalidArgument"), ("log-delivery-write", "NotImplemented")]
        {
            let refused = requested(&[("x-amz-acl", canned)]).acl(Some("A"), None, &users());
            assert_eq!(refused.unwrap_err().code().name(), code, "{canned}");
        }
    }

    #[test]
    fn grants_of_headers_are_to_known_users_and_groups() {
        let to_b = format!("id=\"{}\", uri=\"{SIGNED}\"", owner_id(Some("B")));
        let acl =
            requested(&[("x-amz-grant-read", &to_b)]).acl(Some("A"), Some("A"), &users()).unwrap();
        assert_eq!(who(&acl, Permission::Read, false), "B", "the owner has what is granted");
        assert_eq!(who(&acl, Permission::Read, true), "AB");
        assert_eq!(who(&acl, Permission::WriteAcp, true), "A", "but never loses the ACL");
        for (headers, code) in [
            (&[("x-amz-grant-read", "id=\"nobody\"")][..], "InvalidArgument"),
            (&[("x-amz-grant-read", "B")], "InvalidArgument"),
            (&[("x-amz-grant-read", "uri=\"x\"")], "InvalidArgument"),
            (
                &[("x-amz-grant-read", "emailAddress=b@example.org")],
                "UnresolvableGrantByEmailAddress",
            ),
            (&[("x-amz-grant-read", &to_b), ("x-amz-acl", "private")], "InvalidRequest"),
        ] {
            let refused = requested(headers).acl(Some("A"), Some("A"), &users()).unwrap_err();
            assert_eq!(refused.code().name(), code, "{headers:?}");
        }
    }

    #[test]
    fn what_is_nobodys_is_of_those_who_sign() {
        let acl = Acl::private(None);
        for (may, ..) in PERMISSIONS {
            assert_eq!(who(&acl, may, true), "AB", "{may:?}");
        }
    }

    #[test]
    fn where_acls_give_no_rights_only_those_that_give_none_are_taken() {
        for (headers, code) in [
            (&[][..], None),
            (&[("x-amz-acl", "private")], None),
            (&[("x-amz-acl", "bucket-owner-full-control")], None),
            (&[("x-amz-acl", "public-read")], Some("NotImplemented")),
            (&[("x-amz-acl", "authenticated-read")], Some("NotImplemented")),
            (&[("x-amz-acl", "nonsense")], Some("InvalidArgument")),
            (&[("x-amz-grant-read", "id=x")], Some("NotImplemented")),
        ] {
            let refused = requested(headers).refuse().err();
            assert_eq!(refused.as_ref().map(|e| e.code().name()), code, "{headers:?}");
        }
    }
}
