//! The operations on buckets.

use crate::bucket::acl_document::write_owner;
use crate::bucket::acl_request::{Requested, no_grants};
use crate::bucket::state::{BucketState, ENFORCED};
use crate::call::Call;
use crate::object::tags::{MAX_BUCKET_TAGS, Tags, of_element};
use crate::protocol::date;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::response::{Response, empty, set, xml};
use crate::protocol::xml::read::read;
use crate::protocol::xml::write::document;
use crate::store_error::internal;
use http::StatusCode;
use std::sync::Arc;
use storage_store::request_context;

/// The region of buckets created without one, as in S3.
const REGION: &str = "us-east-1";

/// The most buckets in one page.
const MAX_BUCKETS: u32 = 10_000;

/// ListBuckets: shows the buckets that the user may see, and with ACLs only the user's own.
pub async fn list(call: &Call) -> Result<Response> {
    let (request, buckets, user) = (&call.request, &call.endpoint.buckets, &call.user);
    let prefix = request.parameter("prefix")?;
    let region_wanted = request.parameter("bucket-region")?;
    let most = request.number("max-buckets")?.unwrap_or(MAX_BUCKETS);
    if !(1..=MAX_BUCKETS).contains(&most) {
        return Err(error!(InvalidArgument, "max-buckets is 1 to {MAX_BUCKETS}"));
    }
    let after = request.text("continuation-token")?;
    let mut names = buckets.names(prefix.unwrap_or_default()).await?;
    names.retain(|name| *name > after && user.sees(name));
    // Without a look at each, the page is cut first.
    let judges = call.endpoint.acls || region_wanted.is_some();
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let mut more = !judges && names.len() > most;
    if more {
        names.truncate(most);
    }
    let mut page = buckets.states(names).await?;
    if judges {
        page.retain(|(_, state)| {
            let is_own = !call.endpoint.acls || state.acl().is_owner(user);
            is_own && region_wanted.is_none_or(|wanted| region(state) == wanted)
        });
        more = page.len() > most;
        page.truncate(most);
    }
    Ok(xml(document("ListAllMyBucketsResult", |result| {
        write_owner(result, "Owner", user.name.as_deref());
        result.element("Buckets", |list| {
            for (name, state) in &page {
                let created = date::from_millis(state.created);
                list.element("Bucket", |bucket| {
                    bucket.text("Name", name);
                    bucket.text("CreationDate", &date::to_iso(created));
                    bucket.text("BucketRegion", &region(state));
                });
            }
        });
        let token = page.last().map(|(name, _)| name.as_str()).filter(|_| more);
        result.optional("ContinuationToken", token);
        result.optional("Prefix", prefix);
    })))
}

/// CreateBucket.
pub async fn create(call: &Call, body: &[u8]) -> Result<Response> {
    let name = call.request.bucket();
    let head = call.head();
    let locks = head.one("x-amz-bucket-object-lock-enabled")?;
    if locks.is_some_and(|locks| locks.eq_ignore_ascii_case("true")) {
        return Err(error!(NotImplemented, "objects can't be locked here"));
    }
    let (location, tags) = configuration(body)?;
    let wanted = rights_of_new(call, &Requested::of(&head)?)?;
    let (owner, grants) = (wanted.owner.clone(), wanted.grants.clone());
    let wanted = BucketState { location, tags, ..wanted };
    let (state, is_new) = call.endpoint.buckets.create(name, wanted).await?;
    // As in S3's first region, creating your own bucket again succeeds, unless that would
    // change its ACL.
    let is_own = state.owner == owner || state.owner.is_none();
    if !(is_new || is_own && state.grants == grants) {
        return Err(Error::from(Code::BucketAlreadyExists));
    }
    let mut response = empty(StatusCode::OK);
    set(&mut response, "location", format!("/{name}"));
    Ok(response)
}

fn configuration(body: &[u8]) -> Result<(Option<String>, Tags)> {
    if body.is_empty() {
        return Ok((None, Tags::new()));
    }
    let root = read(body, "CreateBucketConfiguration")?;
    root.only(&["LocationConstraint", "Tags"])?;
    let location = root.text_of("LocationConstraint")?.filter(|text| !text.is_empty());
    let tags = match root.one("Tags")? {
        Some(_) => of_element(&root, "Tags", MAX_BUCKET_TAGS)?,
        None => Tags::new(),
    };
    Ok((location.map(str::to_owned), tags))
}

/// The state of a bucket that the user creates.
fn rights_of_new(call: &Call, requested: &Requested) -> Result<BucketState> {
    let owner = call.user.name.clone();
    let ownership = call.head().one("x-amz-object-ownership")?;
    let ownership = ownership.map(|ownership| parse_ownership(call, ownership)).transpose()?;
    let state = BucketState { owner, ownership, ..BucketState::default() };
    let Some(users) = call.acl_users() else {
        requested.refuse()?;
        return Ok(state);
    };
    if requested.is_empty() {
        return Ok(state);
    }
    let acl = requested.acl(state.owner.as_deref(), None, users)?;
    let is_plain = acl == state.acl();
    if state.is_enforced() && !is_plain {
        return Err(Error::from(Code::InvalidBucketAclWithObjectOwnership));
    }
    Ok(BucketState { grants: (!is_plain).then_some(acl.grants), ..state })
}

/// Checks a setting of object ownership. With ACLs off, only BucketOwnerEnforced is
/// possible.
pub fn parse_ownership(call: &Call, wanted: &str) -> Result<String> {
    match wanted {
        ENFORCED => Ok(wanted.to_owned()),
        "BucketOwnerPreferred" | "ObjectWriter" => match call.endpoint.acls {
            true => Ok(wanted.to_owned()),
            false => Err(no_grants()),
        },
        _ => Err(error!(InvalidArgument, "there is no object ownership {wanted:?}")),
    }
}

/// DeleteBucket: also removes the uploads under way in it.
pub async fn delete(call: &Arc<Call>) -> Result<Response> {
    let call = call.clone();
    // It goes on if the client does not wait for the end: a bucket in which an object was
    // published meanwhile has to come back.
    let task = tokio::spawn(request_context::capture().scope(async move {
        let bucket = call.bucket()?;
        call.endpoint.buckets.remove(bucket).await?;
        call.endpoint.uploads.forget(bucket).await;
        Ok::<_, Error>(())
    }));
    task.await.map_err(|error| internal("a bucket could not be deleted", &error))??;
    Ok(empty(StatusCode::NO_CONTENT))
}

/// HeadBucket.
pub fn head(call: &Call) -> Result<Response> {
    let mut response = empty(StatusCode::OK);
    set(&mut response, "x-amz-bucket-region", region(&call.bucket()?.state));
    Ok(response)
}

/// GetBucketLocation. S3 reports its first region as empty.
pub fn location(call: &Call) -> Result<Response> {
    let location = call.bucket()?.state.location.as_deref();
    let location = location.filter(|location| *location != REGION).unwrap_or_default();
    Ok(xml(document("LocationConstraint", |result| result.own_text(location))))
}

fn region(state: &BucketState) -> String {
    state.location.clone().unwrap_or_else(|| REGION.to_owned())
}
