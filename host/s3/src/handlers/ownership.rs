//! The operations on object ownership and public access blocks.

use super::buckets::parse_ownership;
use crate::bucket::acl::Acl;
use crate::bucket::acl_request::no_grants;
use crate::bucket::state::{BucketState, ENFORCED, PublicBlock};
use crate::call::Call;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::response::{Response, empty, xml};
use crate::protocol::xml::read::read;
use crate::protocol::xml::write::document;
use http::StatusCode;

/// GetBucketOwnershipControls.
pub fn get(call: &Call) -> Result<Response> {
    let ownership = call.bucket()?.state.ownership.as_deref();
    let ownership = ownership.ok_or_else(|| Error::from(Code::OwnershipControlsNotFoundError))?;
    Ok(xml(document("OwnershipControls", |controls| {
        controls.element("Rule", |rule| rule.text("ObjectOwnership", ownership));
    })))
}

/// PutBucketOwnershipControls.
pub async fn put(call: &Call, body: &[u8]) -> Result<Response> {
    let root = read(body, "OwnershipControls")?;
    let wanted = root.required("Rule")?.required("ObjectOwnership")?.text().trim();
    let malformed = |error: Error| match error.code() {
        Code::InvalidArgument => error!(MalformedXML, "{}", error.message()),
        _ => error,
    };
    let ownership = parse_ownership(call, wanted).map_err(malformed)?;
    let change = |state: &mut BucketState| {
        let private = Acl::private(state.owner.as_deref());
        let gives = state.grants.as_ref().is_some_and(|grants| *grants != private.grants);
        if ownership == ENFORCED && gives {
            return Err(error!(
                InvalidBucketAclWithObjectOwnership,
                "the bucket has an ACL that gives rights to others"
            ));
        }
        state.ownership = Some(ownership.clone());
        Ok(())
    };
    call.change_bucket(change).await?;
    Ok(empty(StatusCode::OK))
}

/// DeleteBucketOwnershipControls.
pub async fn delete(call: &Call) -> Result<Response> {
    if call.bucket()?.state.ownership.is_some() {
        call.change_bucket(|state| {
            state.ownership = None;
            Ok(())
        })
        .await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// GetPublicAccessBlock.
pub fn get_block(call: &Call) -> Result<Response> {
    let Some(block) = call.bucket()?.state.public_block else {
        return Err(Error::from(Code::NoSuchPublicAccessBlockConfiguration));
    };
    Ok(xml(document("PublicAccessBlockConfiguration", |shown| {
        shown.value("BlockPublicAcls", block.block_public_acls);
        shown.value("IgnorePublicAcls", block.ignore_public_acls);
        shown.value("BlockPublicPolicy", block.block_public_policy);
        shown.value("RestrictPublicBuckets", block.restrict_public_buckets);
    })))
}

/// PutPublicAccessBlock.
pub async fn put_block(call: &Call, body: &[u8]) -> Result<Response> {
    if !call.endpoint.acls {
        return Err(no_grants());
    }
    let root = read(body, "PublicAccessBlockConfiguration")?;
    root.only(&[
        "BlockPublicAcls",
        "IgnorePublicAcls",
        "BlockPublicPolicy",
        "RestrictPublicBuckets",
    ])?;
    let flag = |name| match root.text_of(name)?.map(str::trim).unwrap_or_default() {
        "" | "false" | "FALSE" => Ok(false),
        "true" | "TRUE" => Ok(true),
        _ => Err(error!(MalformedXML, "{name} is true or false")),
    };
    let block = PublicBlock {
        block_public_acls: flag("BlockPublicAcls")?,
        ignore_public_acls: flag("IgnorePublicAcls")?,
        block_public_policy: flag("BlockPublicPolicy")?,
        restrict_public_buckets: flag("RestrictPublicBuckets")?,
    };
    call.change_bucket(|state| {
        state.public_block = Some(block);
        Ok(())
    })
    .await?;
    Ok(empty(StatusCode::OK))
}

/// DeletePublicAccessBlock.
pub async fn delete_block(call: &Call) -> Result<Response> {
    if call.bucket()?.state.public_block.is_some() {
        call.change_bucket(|state| {
            state.public_block = None;
            Ok(())
        })
        .await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// GetBucketPolicyStatus: there are no policies, so that only the ACL can make a bucket
/// public.
pub fn policy_status(call: &Call) -> Result<Response> {
    let state = &call.bucket()?.state;
    let is_public = call.endpoint.acls && state.groups() && state.acl().is_public();
    Ok(xml(document("PolicyStatus", |status| status.value("IsPublic", is_public))))
}
