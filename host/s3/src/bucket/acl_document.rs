//! ACLs in documents of S3.

use super::acl::{Acl, Grant, Grantee};
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::operation::Permission;
use crate::protocol::xml::read::{Element, read};
use crate::protocol::xml::write::{Writer, document};
use crate::users::{Users, owner_id};

/// The S3 URIs of the two groups.
const EVERYONE: &str = "http://acs.amazonaws.com/groups/global/AllUsers";
const SIGNED: &str = "http://acs.amazonaws.com/groups/global/AuthenticatedUsers";

/// The S3 limit on grants in an ACL.
const MAX_GRANTS: usize = 100;

const XSI: &str = "http://www.w3.org/2001/XMLSchema-instance";

/// The permissions, with their names and the headers that grant them.
pub(super) const PERMISSIONS: [(Permission, &str, &str); 5] = [
    (Permission::Read, "READ", "x-amz-grant-read"),
    (Permission::Write, "WRITE", "x-amz-grant-write"),
    (Permission::ReadAcp, "READ_ACP", "x-amz-grant-read-acp"),
    (Permission::WriteAcp, "WRITE_ACP", "x-amz-grant-write-acp"),
    (Permission::FullControl, "FULL_CONTROL", "x-amz-grant-full-control"),
];

/// Writes the id and the name of an owner into an element.
pub fn write_owner(writer: &mut Writer, element: &str, access_key: Option<&str>) {
    writer.element(element, |owner| {
        owner.text("ID", &owner_id(access_key));
        owner.optional("DisplayName", access_key);
    });
}

/// The document with an ACL.
pub fn write(acl: &Acl) -> String {
    document("AccessControlPolicy", |policy| {
        write_owner(policy, "Owner", acl.owner.as_deref());
        policy.element("AccessControlList", |list| {
            for Grant { to, may } in &acl.grants {
                let names = PERMISSIONS.iter().find(|(permission, ..)| permission == may);
                list.element("Grant", |grant| {
                    write_grantee(grant, to);
                    grant.optional("Permission", names.map(|(_, name, _)| *name));
                });
            }
        });
    })
}

/// The ACL to show when ACLs are off.
pub fn of_owner_alone(owner: Option<&str>) -> Acl {
    let all = Grant::user(owner.unwrap_or_default(), Permission::FullControl);
    Acl { owner: owner.map(str::to_owned), grants: vec![all] }
}

fn write_grantee(grant: &mut Writer, to: &Grantee) {
    let kind = if matches!(to, Grantee::User(_)) { "CanonicalUser" } else { "Group" };
    grant.element_with("Grantee", &[("xmlns:xsi", XSI), ("xsi:type", kind)], |grantee| match to {
        Grantee::Everyone => grantee.text("URI", EVERYONE),
        Grantee::Signed => grantee.text("URI", SIGNED),
        Grantee::User(name) => {
            // An owner without a name is nobody in particular.
            let name = Some(name.as_str()).filter(|name| !name.is_empty());
            grantee.text("ID", &owner_id(name));
            grantee.optional("DisplayName", name);
        }
    });
}

/// The ACL in a document, replacing `before`.
pub fn parse(text: &[u8], before: &Acl, users: &Users) -> Result<Acl> {
    let policy = root(text)?;
    let owner = policy.one("Owner")?.map(|owner| owner.text_of("ID")).transpose()?.flatten();
    if owner.is_some_and(|id| id != owner_id(before.owner.as_deref())) {
        return Err(error!(AccessDenied, "an ACL can't give anything to another owner"));
    }
    let mut grants = Vec::new();
    for grant in policy.required("AccessControlList").map_err(malformed)?.all("Grant") {
        let named = grant.text_of("Permission")?.unwrap_or_default();
        let may = PERMISSIONS.iter().find(|(_, name, _)| *name == named);
        let Some((may, ..)) = may else {
            return Err(error!(MalformedACLError, "a grant has no permission that is known"));
        };
        let grantee = grant.required("Grantee").map_err(malformed)?;
        let of = |name| grantee.text_of(name).map(|text| text.filter(|text| !text.is_empty()));
        let to = match (of("ID")?, of("URI")?, of("EmailAddress")?) {
            (Some(id), ..) => user_with(id, users)?,
            (_, Some(uri), _) => group(uri)?,
            (.., Some(_)) => return Err(no_email()),
            _ => return Err(error!(MalformedACLError, "a grant has no grantee")),
        };
        grants.push(Grant { to, may: *may });
    }
    check(Acl { owner: before.owner.clone(), grants })
}

/// Whether the ACL in a document only gives its owner full control.
pub fn is_plain(text: &[u8]) -> Result<bool> {
    let policy = root(text)?;
    let owner = policy.one("Owner")?.map(|owner| owner.text_of("ID")).transpose()?.flatten();
    let Some(list) = policy.one("AccessControlList")? else { return Ok(true) };
    for grant in list.all("Grant") {
        let id = grant.one("Grantee")?.map(|to| to.text_of("ID")).transpose()?.flatten();
        if id.is_none() || id != owner || grant.text_of("Permission")? != Some("FULL_CONTROL") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn root(text: &[u8]) -> Result<Element> {
    read(text, "AccessControlPolicy").map_err(malformed)
}

fn malformed(error: Error) -> Error {
    error!(MalformedACLError, "{}", error.message())
}

/// Enforces the size limit and puts groups first, as S3 shows them.
pub(super) fn check(mut acl: Acl) -> Result<Acl> {
    if acl.grants.len() > MAX_GRANTS {
        return Err(error!(InvalidRequest, "an ACL has at most {MAX_GRANTS} grants"));
    }
    acl.grants.sort_by_key(|grant| matches!(grant.to, Grantee::User(_)));
    Ok(acl)
}

pub(super) fn user_with(id: &str, users: &Users) -> Result<Grantee> {
    let name = users.with_id(id).map(str::to_owned);
    name.map(Grantee::User).ok_or_else(|| error!(InvalidArgument, "there is no user {id:?}"))
}

pub(super) fn group(uri: &str) -> Result<Grantee> {
    match uri {
        EVERYONE => Ok(Grantee::Everyone),
        SIGNED => Ok(Grantee::Signed),
        _ => Err(error!(InvalidArgument, "there is no group {uri:?} here")),
    }
}

pub(super) fn no_email() -> Error {
    Error::from(Code::UnresolvableGrantByEmailAddress)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users() -> Users {
        Users::with_keys(&["A", "B"], None)
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut acl = Acl::private(Some("A"));
        acl.grants.insert(0, Grant { to: Grantee::Everyone, may: Permission::Read });
        acl.grants.insert(0, Grant { to: Grantee::Signed, may: Permission::ReadAcp });
        acl.grants.push(Grant::user("B", Permission::WriteAcp));
        let text = write(&acl);
        assert_eq!(parse(text.as_bytes(), &Acl::private(Some("A")), &users()).unwrap(), acl);
        assert!(!is_plain(text.as_bytes()).unwrap());
        let alone = write(&of_owner_alone(Some("A")));
        assert!(is_plain(alone.as_bytes()).unwrap());
    }

    #[test]
    fn a_document_that_can_not_be_taken_says_why() {
        let code = |inside: &str| {
            let text = format!("<AccessControlPolicy>{inside}</AccessControlPolicy>");
            let found = parse(text.as_bytes(), &Acl::private(Some("A")), &users());
            found.unwrap_err().code()
        };
        let grant = |inside: &str| {
            code(&format!("<AccessControlList><Grant>{inside}</Grant></AccessControlList>"))
        };
        assert_eq!(code(""), Code::MalformedACLError);
        assert_eq!(code("<Owner><ID>x</ID></Owner>"), Code::AccessDenied);
        assert_eq!(grant("<Permission>READ</Permission>"), Code::MalformedACLError);
        assert_eq!(grant("<Grantee><ID>x</ID></Grantee>"), Code::MalformedACLError);
        let read =
            |to: &str| grant(&format!("<Grantee>{to}</Grantee><Permission>READ</Permission>"));
        assert_eq!(read("<ID>x</ID>"), Code::InvalidArgument);
        assert_eq!(read("<URI>x</URI>"), Code::InvalidArgument);
        assert_eq!(read("<EmailAddress>x</EmailAddress>"), Code::UnresolvableGrantByEmailAddress);
        assert_eq!(read(""), Code::MalformedACLError);
        let many = "<Grant><Grantee><URI>http://acs.amazonaws.com/groups/global/AllUsers</URI>\
                    </Grantee><Permission>READ</Permission></Grant>"
            .repeat(101);
        let many = format!("<AccessControlList>{many}</AccessControlList>");
        assert_eq!(code(&many), Code::InvalidRequest);
    }
}
