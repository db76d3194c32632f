//! Access control lists in their stored, request and response forms.

use super::users::{User, Users, owner as shown_owner};
use http::header::AUTHORIZATION;
use http::{HeaderMap, Uri};
use percent_encoding::percent_decode_str;
use s3s::dto::{self, AccessControlPolicy, ObjectCannedACL, Type};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};
use serde::{Deserialize, Serialize};

/// The metadata key of an object's ACL. Without one, only the bucket's owner
/// has access.
pub const ACL: &str = ":acl";

/// The S3 URIs of the two groups.
const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const SIGNED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// The S3 limit on grants in an ACL.
const MAX_GRANTS: usize = 100;

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

/// A right that an ACL grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Permission {
    /// List a bucket, or read an object.
    Read,
    /// Put objects into a bucket and delete them.
    Write,
    /// Read the ACL.
    ReadAcp,
    /// Change the ACL.
    WriteAcp,
    /// All of the above.
    FullControl,
}

impl Permission {
    const ALL: [Self; 5] =
        [Self::Read, Self::Write, Self::ReadAcp, Self::WriteAcp, Self::FullControl];

    /// The S3 name.
    fn name(self) -> &'static str {
        match self {
            Self::Read => dto::Permission::READ,
            Self::Write => dto::Permission::WRITE,
            Self::ReadAcp => dto::Permission::READ_ACP,
            Self::WriteAcp => dto::Permission::WRITE_ACP,
            Self::FullControl => dto::Permission::FULL_CONTROL,
        }
    }

    /// The request header that grants this permission.
    fn header(self) -> &'static str {
        match self {
            Self::Read => "x-amz-grant-read",
            Self::Write => "x-amz-grant-write",
            Self::ReadAcp => "x-amz-grant-read-acp",
            Self::WriteAcp => "x-amz-grant-write-acp",
            Self::FullControl => "x-amz-grant-full-control",
        }
    }
}

/// One entry of an ACL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    pub to: Grantee,
    pub may: Permission,
}

impl Grant {
    fn user(name: &str, may: Permission) -> Self {
        Self { to: Grantee::User(name.to_owned()), may }
    }
}

/// An ACL with the owner of its bucket or object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Acl {
    /// An access key; `None` means that all signed users own it.
    pub owner: Option<String>,
    pub grants: Vec<Grant>,
}

impl Acl {
    /// Full control for the owner and no access for others. Without an owner,
    /// all signed users have full control.
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

    pub fn is_owner(&self, user: &User) -> bool {
        match &self.owner {
            Some(owner) => user.name.as_ref() == Some(owner),
            None => user.name.is_some(),
        }
    }

    /// Whether `user` has the permission. Grants to groups count only if
    /// `groups`.
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

    /// The form shown in responses.
    pub fn show(&self) -> (dto::Owner, dto::Grants) {
        let grantee = |to: &Grantee| {
            let group = |uri: &str| dto::Grantee {
                display_name: None,
                email_address: None,
                id: None,
                type_: Type::from_static(Type::GROUP),
                uri: Some(uri.to_owned()),
            };
            match to {
                Grantee::Everyone => group(EVERYONE),
                Grantee::Signed => group(SIGNED),
                Grantee::User(name) => user(shown_owner(Some(name))),
            }
        };
        let grants = self.grants.iter().map(|Grant { to, may }| dto::Grant {
            grantee: Some(grantee(to)),
            permission: Some(dto::Permission::from_static(may.name())),
        });
        (shown_owner(self.owner.as_deref()), grants.collect())
    }
}

/// The owner and ACL to show for any bucket or object when ACLs are off.
pub fn show_owner(owner: Option<&str>) -> (dto::Owner, dto::Grants) {
    let owner = shown_owner(owner);
    let grant = dto::Grant {
        grantee: Some(user(owner.clone())),
        permission: Some(dto::Permission::from_static(dto::Permission::FULL_CONTROL)),
    };
    (owner, vec![grant])
}

fn user(user: dto::Owner) -> dto::Grantee {
    dto::Grantee {
        display_name: user.display_name,
        email_address: None,
        id: user.id,
        type_: Type::from_static(Type::CANONICAL_USER),
        uri: None,
    }
}

/// The ACL that a request asks for in its headers.
#[derive(Debug, Default)]
pub struct Wish {
    pub canned: Option<String>,
    grants: Vec<(Permission, String)>,
}

impl Wish {
    /// Reads the headers; a presigned URL has them in its query.
    pub fn of(headers: &HeaderMap, uri: &Uri) -> Self {
        let value = |name: &str| {
            let header = headers.get(name).and_then(|value| value.to_str().ok());
            header.map(str::to_owned).or_else(|| queried(headers, uri, name))
        };
        let granted = |may: Permission| value(may.header()).map(|text| (may, text));
        Self {
            canned: value("x-amz-acl"),
            grants: Permission::ALL.into_iter().filter_map(granted).collect(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.canned.is_none() && self.grants.is_empty()
    }

    /// With ACLs off, refuses a request that would grant rights to others.
    pub fn refuse(&self) -> S3Result<()> {
        if !self.grants.is_empty() {
            return Err(no_grants());
        }
        match self.canned.as_deref() {
            None
            | Some(
                ObjectCannedACL::PRIVATE
                | ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL
                | ObjectCannedACL::BUCKET_OWNER_READ,
            ) => Ok(()),
            Some(canned) => {
                grants_of(canned, None, None)?;
                Err(s3_error!(
                    NotImplemented,
                    "there are no rights by ACL here (serve.acls), so not {canned:?} either; \
                     private is what objects are"
                ))
            }
        }
    }

    /// The ACL for something that `owner` owns in a bucket of `bucket_owner`
    /// (`None` for a bucket itself).
    pub fn list(
        &self,
        owner: Option<&str>,
        bucket_owner: Option<&str>,
        users: &Users,
    ) -> S3Result<Acl> {
        let mut acl = match (&self.canned, self.grants.is_empty()) {
            (Some(_), false) => {
                let text = "a canned ACL and grants can't be given together";
                return Err(s3_error!(InvalidRequest, "{text}"));
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

/// Reads a presigned query parameter; only version 4 signs the whole query.
fn queried(headers: &HeaderMap, uri: &Uri, name: &str) -> Option<String> {
    let has = |wanted: &str| {
        uri.query().is_some_and(|query| query.split('&').any(|p| p.starts_with(wanted)))
    };
    if headers.contains_key(AUTHORIZATION) || has("Signature=") || !has("X-Amz-Signature=") {
        return None;
    }
    let mut pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| found.eq_ignore_ascii_case(name))?;
    percent_decode_str(&value.replace('+', " ")).decode_utf8().ok().map(Into::into)
}

/// The grants of S3's canned ACLs.
fn grants_of(
    canned: &str,
    owner: Option<&str>,
    bucket_owner: Option<&str>,
) -> S3Result<Vec<Grant>> {
    let group = |to: Grantee, may| Grant { to, may };
    let mut grants = match canned {
        ObjectCannedACL::PRIVATE => vec![],
        ObjectCannedACL::PUBLIC_READ => vec![group(Grantee::Everyone, Permission::Read)],
        ObjectCannedACL::PUBLIC_READ_WRITE => vec![
            group(Grantee::Everyone, Permission::Read),
            group(Grantee::Everyone, Permission::Write),
        ],
        ObjectCannedACL::AUTHENTICATED_READ => vec![group(Grantee::Signed, Permission::Read)],
        ObjectCannedACL::BUCKET_OWNER_READ | ObjectCannedACL::BUCKET_OWNER_FULL_CONTROL => {
            let may = match canned {
                ObjectCannedACL::BUCKET_OWNER_READ => Permission::Read,
                _ => Permission::FullControl,
            };
            let other = bucket_owner.filter(|other| Some(*other) != owner);
            other.into_iter().map(|other| Grant::user(other, may)).collect()
        }
        ObjectCannedACL::AWS_EXEC_READ | "log-delivery-write" => {
            return Err(s3_error!(NotImplemented, "there is nobody here to whom {canned:?} gives"));
        }
        _ => return Err(s3_error!(InvalidArgument, "{canned:?} is not a canned ACL")),
    };
    grants.extend(Acl::private(owner).grants);
    Ok(grants)
}

/// The ACL from a request body, replacing `before`.
pub fn from_xml(policy: AccessControlPolicy, before: &Acl, users: &Users) -> S3Result<Acl> {
    let owner = shown_owner(before.owner.as_deref());
    if policy.owner.and_then(|owner| owner.id).is_some_and(|id| Some(id) != owner.id) {
        return Err(s3_error!(AccessDenied, "an ACL can't give anything to another owner"));
    }
    let granted = policy.grants.unwrap_or_default().into_iter().map(|grant| -> S3Result<Grant> {
        let named = grant.permission.as_ref().map(dto::Permission::as_str);
        let may = Permission::ALL.into_iter().find(|may| Some(may.name()) == named);
        let may = may.ok_or_else(|| s3_error!(MalformedACLError, "a grant without permission"))?;
        let to = grant
            .grantee
            .ok_or_else(|| s3_error!(MalformedACLError, "a grant without a grantee"))?;
        let to = match (to.id, to.uri, to.email_address) {
            (Some(id), ..) => user_with(&id, users)?,
            (_, Some(uri), _) => group(&uri)?,
            (.., Some(_)) => return Err(no_email()),
            _ => return Err(s3_error!(MalformedACLError, "a grant without a grantee")),
        };
        Ok(Grant { to, may })
    });
    check(Acl { owner: before.owner.clone(), grants: granted.collect::<S3Result<_>>()? })
}

/// Whether an ACL only gives its owner full control.
pub fn is_plain(policy: Option<&AccessControlPolicy>) -> bool {
    let Some(grants) = policy.and_then(|policy| policy.grants.as_ref()) else { return true };
    let owner = policy.and_then(|policy| policy.owner.as_ref()).and_then(|owner| owner.id.as_ref());
    grants.iter().all(|grant| {
        let to_owner = grant.grantee.as_ref().is_some_and(|grantee| grantee.id.as_ref() == owner);
        let may = grant.permission.as_ref().map(dto::Permission::as_str);
        to_owner && may == Some(dto::Permission::FULL_CONTROL)
    })
}

pub fn no_grants() -> S3Error {
    s3_error!(NotImplemented, "there are no rights by ACL here (serve.acls)")
}

/// Enforces the size limit and puts groups first, as S3 shows them.
fn check(mut acl: Acl) -> S3Result<Acl> {
    if acl.grants.len() > MAX_GRANTS {
        return Err(s3_error!(InvalidRequest, "an ACL has at most {MAX_GRANTS} grants"));
    }
    acl.grants.sort_by_key(|grant| matches!(grant.to, Grantee::User(_)));
    Ok(acl)
}

/// Parses `id="…"` or `uri="…"`.
fn named(grantee: &str, users: &Users) -> S3Result<Grantee> {
    let (kind, value) = grantee.trim().split_once('=').unwrap_or_default();
    let value = value.trim().trim_matches('"');
    match kind.trim().to_ascii_lowercase().as_str() {
        "id" => user_with(value, users),
        "uri" => group(value),
        "emailaddress" => Err(no_email()),
        _ => Err(s3_error!(InvalidArgument, "a grantee is id=\"…\" or uri=\"…\"")),
    }
}

fn user_with(id: &str, users: &Users) -> S3Result<Grantee> {
    let name = users.with_id(id).map(str::to_owned);
    name.map(Grantee::User).ok_or_else(|| s3_error!(InvalidArgument, "there is no user {id:?}"))
}

fn group(uri: &str) -> S3Result<Grantee> {
    match uri {
        EVERYONE => Ok(Grantee::Everyone),
        SIGNED => Ok(Grantee::Signed),
        _ => Err(s3_error!(InvalidArgument, "there is no group {uri:?} here")),
    }
}

fn no_email() -> S3Error {
    let text = "users have no e-mail addresses here";
    S3Error::with_message(S3ErrorCode::UnresolvableGrantByEmailAddress, text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::Scope;
    use crate::server::users::id;

    fn users() -> Users {
        let user = |key: &str| crate::credentials::User {
            credentials: crate::credentials::Credentials {
                access_key: key.to_owned(),
                secret_key: "long-enough".to_owned(),
            },
            scope: Scope::everything(),
        };
        Users::new(&[user("A"), user("B")], Some(Scope::everything()))
    }

    fn wish(headers: &[(&'static str, &str)]) -> Wish {
        let headers = headers.iter().map(|(n, v)| (n.parse().unwrap(), v.parse().unwrap()));
        Wish::of(&headers.collect(), &Uri::from_static("/b/k"))
    }

    /// Which of A, B and the unsigned user have the permission.
    fn who(acl: &Acl, may: Permission, groups: bool) -> String {
        let users = users();
        let all = [Some("A"), Some("B"), None];
        let allowed = all.iter().filter(|name| acl.allows(&users.named(**name), may, groups));
        allowed.map(|name| name.unwrap_or("-")).collect()
    }

    #[test]
    fn a_canned_list_gives_what_its_name_says_and_no_more() {
        use Permission::{Read, ReadAcp, Write, WriteAcp};
        for (canned, read, write) in [
            ("private", "A", "A"),
            ("public-read", "AB-", "A"),
            ("public-read-write", "AB-", "AB-"),
            ("authenticated-read", "AB", "A"),
            ("bucket-owner-read", "AB", "A"),
            ("bucket-owner-full-control", "AB", "AB"),
        ] {
            let acl = wish(&[("x-amz-acl", canned)]).list(Some("A"), Some("B"), &users()).unwrap();
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
            let refused = wish(&[("x-amz-acl", canned)]).list(Some("A"), None, &users());
            assert_eq!(refused.unwrap_err().code().as_str(), code, "{canned}");
        }
    }

    #[test]
    fn grants_of_headers_are_to_known_users_and_groups() {
        let to_b = format!("id=\"{}\", uri=\"{SIGNED}\"", id(Some("B")));
        let acl =
            wish(&[("x-amz-grant-read", &to_b)]).list(Some("A"), Some("A"), &users()).unwrap();
        assert_eq!(who(&acl, Permission::Read, false), "B", "the owner has what is granted");
        assert_eq!(who(&acl, Permission::Read, true), "AB");
        assert_eq!(who(&acl, Permission::WriteAcp, true), "A", "but never loses the list");
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
            let refused = wish(headers).list(Some("A"), Some("A"), &users()).unwrap_err();
            assert_eq!(refused.code().as_str(), code, "{headers:?}");
        }
    }

    #[test]
    fn what_is_nobodys_is_of_those_who_sign() {
        let acl = Acl::private(None);
        for may in Permission::ALL {
            assert_eq!(who(&acl, may, true), "AB", "{may:?}");
        }
    }

    #[test]
    fn where_lists_give_no_rights_only_those_that_give_none_are_taken() {
        for (headers, code) in [
            (&[][..], None),
            (&[("x-amz-acl", "private")], None),
            (&[("x-amz-acl", "bucket-owner-full-control")], None),
            (&[("x-amz-acl", "public-read")], Some("NotImplemented")),
            (&[("x-amz-acl", "authenticated-read")], Some("NotImplemented")),
            (&[("x-amz-acl", "nonsense")], Some("InvalidArgument")),
            (&[("x-amz-grant-read", "id=x")], Some("NotImplemented")),
        ] {
            let refused = wish(headers).refuse().err();
            assert_eq!(refused.as_ref().map(|e| e.code().as_str()), code, "{headers:?}");
        }
    }

    #[test]
    fn a_presigned_url_asks_in_its_query() {
        let asked = "X-Amz-Acl=public-read&x-amz-grant-read=id%3Dx";
        let wish = |query: &str| {
            let uri = format!("/b/k?{asked}{query}").parse().unwrap();
            Wish::of(&HeaderMap::new(), &uri)
        };
        let signed = wish("&X-Amz-Signature=0");
        assert_eq!(signed.canned.as_deref(), Some("public-read"));
        assert_eq!(signed.grants, [(Permission::Read, "id=x".to_owned())]);
        // Signature version 2 does not sign these parameters.
        assert!(wish("&X-Amz-Signature=0&Signature=0").is_empty());
        assert!(wish("").is_empty());
    }
}
