//! The operations on ACLs, and the ACL of what is written.

use crate::access::owners::{ACL, acl_of};
use crate::bucket::acl::Acl;
use crate::bucket::acl_document::{is_plain, of_owner_alone, parse, write};
use crate::bucket::acl_request::{OWNER_FULL_CONTROL, Requested, no_grants};
use crate::bucket::state::BucketState;
use crate::call::Call;
use crate::object::metadata::only_version;
use crate::object::rewriting::set_entry;
use crate::protocol::error::{Error, Result, error};
use crate::protocol::head::Head;
use crate::protocol::response::{Response, empty, xml};
use crate::store_error::of_reading;
use http::StatusCode;
use std::sync::Arc;

/// The owner and ACL of an object about to be written.
#[derive(Debug, Default)]
pub struct Owned {
    /// The object's owner.
    pub owner: Option<String>,
    /// The metadata entry of the ACL; `None` if the object needs no ACL of its own.
    pub entry: Option<(String, String)>,
}

/// Determines the owner and ACL of an object that the user writes with these headers. With
/// ACLs off, refuses a request that grants rights.
pub fn of_new_object(call: &Call, head: &Head<'_>) -> Result<Owned> {
    let (requested, user) = (Requested::of(head)?, &call.user);
    let Some(users) = call.acl_users() else {
        requested.refuse()?;
        return Ok(Owned { owner: user.name.clone(), entry: None });
    };
    let state = &call.bucket()?.state;
    check_acl_is_accepted(state, &requested)?;
    let gives_away = state.ownership.as_deref() == Some("BucketOwnerPreferred")
        && requested.canned.as_deref() == Some(OWNER_FULL_CONTROL);
    // The bucket's owner owns what unsigned users write.
    let owner = match &user.name {
        Some(name) if !gives_away && !state.is_enforced() => Some(name.clone()),
        _ => state.owner.clone(),
    };
    if state.is_enforced() {
        return Ok(Owned { owner, entry: None });
    }
    let acl = requested.acl(owner.as_deref(), state.owner.as_deref(), users)?;
    check_public(state, &acl)?;
    let is_plain = acl == Acl::private(state.owner.as_deref());
    Ok(Owned { owner, entry: (!is_plain).then(|| (ACL.to_owned(), acl.keep())) })
}

/// GetBucketAcl.
pub fn get_of_bucket(call: &Call) -> Result<Response> {
    let state = &call.bucket()?.state;
    Ok(xml(write(&match call.endpoint.acls {
        true => state.acl(),
        false => of_owner_alone(state.owner.as_deref()),
    })))
}

/// PutBucketAcl.
pub async fn put_of_bucket(call: &Call, body: &[u8]) -> Result<Response> {
    let bucket = call.bucket()?;
    let acl = requested(call, &bucket.state, &bucket.state.acl(), None, body)?;
    if let Some(acl) = acl {
        let is_plain = acl == Acl::private(bucket.state.owner.as_deref());
        let grants = (!is_plain).then_some(acl.grants);
        let change = call.change_bucket(|state| {
            if state.is_enforced() {
                return Err(not_supported());
            }
            state.grants.clone_from(&grants);
            Ok(())
        });
        change.await?;
    }
    Ok(empty(StatusCode::OK))
}

/// GetObjectAcl.
pub async fn get_of_object(call: &Call) -> Result<Response> {
    only_version(call.request.parameter("versionId")?)?;
    let bucket = call.bucket()?;
    let info = bucket.objects.stat(call.key()).await.map_err(of_reading)?;
    call.judged.check(&info)?;
    Ok(xml(write(&match call.endpoint.acls {
        true => acl_of(&bucket.state, &info)?,
        false => of_owner_alone(bucket.state.owner.as_deref()),
    })))
}

/// PutObjectAcl.
pub async fn put_of_object(call: &Arc<Call>, body: &[u8]) -> Result<Response> {
    only_version(call.request.parameter("versionId")?)?;
    let (bucket, key) = (call.bucket()?, call.key());
    let info = bucket.objects.stat(key).await.map_err(of_reading)?;
    call.judged.check(&info)?;
    let (before, owner) = (acl_of(&bucket.state, &info)?, bucket.state.owner.as_deref());
    if let Some(acl) = requested(call, &bucket.state, &before, owner, body)? {
        let (objects, owned, judged) =
            (bucket.objects.clone(), key.to_owned(), call.judged.clone());
        let entry = (ACL, Some(acl.keep()));
        let change =
            async move { set_entry(objects, owned, entry, |info| judged.check(info)).await };
        call.publish(key, change).await??;
    }
    Ok(empty(StatusCode::OK))
}

/// The ACL that replaces `before`. `None`: ACLs are off, and the request asks for nothing
/// but the default.
fn requested(
    call: &Call,
    state: &BucketState,
    before: &Acl,
    of_bucket: Option<&str>,
    body: &[u8],
) -> Result<Option<Acl>> {
    let requested = Requested::of(&call.head())?;
    let Some(users) = call.acl_users() else {
        requested.refuse()?;
        let plain = body.is_empty() || is_plain(body)?;
        return if plain { Ok(None) } else { Err(no_grants()) };
    };
    if state.is_enforced() {
        return Err(not_supported());
    }
    let acl = match (body.is_empty(), requested.is_empty()) {
        (false, true) => parse(body, before, users)?,
        (false, false) => {
            let text = "an ACL is in the body or in headers, not in both";
            return Err(error!(UnexpectedContent, "{text}"));
        }
        (true, true) => return Err(error!(MissingSecurityHeader, "no ACL is given")),
        (true, false) => requested.acl(before.owner.as_deref(), of_bucket, users)?,
    };
    check_public(state, &acl)?;
    Ok(Some(acl))
}

/// Refuses an ACL in a bucket that takes none.
fn check_acl_is_accepted(state: &BucketState, requested: &Requested) -> Result<()> {
    let is_fine = match requested.canned.as_deref() {
        Some(OWNER_FULL_CONTROL) => true,
        Some(_) => false,
        None => requested.is_empty(),
    };
    if state.is_enforced() && !is_fine { Err(not_supported()) } else { Ok(()) }
}

fn not_supported() -> Error {
    error!(
        AccessControlListNotSupported,
        "the bucket's objects are its owner's (BucketOwnerEnforced), so it takes no ACLs"
    )
}

/// Refuses grants to groups in a bucket that blocks public ACLs.
fn check_public(state: &BucketState, acl: &Acl) -> Result<()> {
    match state.public_block.is_some_and(|block| block.block_public_acls) && acl.is_public() {
        true => Err(error!(AccessDenied, "the bucket takes no public ACLs (BlockPublicAcls)")),
        false => Ok(()),
    }
}
