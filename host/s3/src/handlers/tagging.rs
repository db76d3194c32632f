//! The operations on the tags of objects and of buckets.

use crate::call::Call;
use crate::object::metadata::{entry, only_version};
use crate::object::rewriting::set_entry;
use crate::object::tags::{
    MAX_BUCKET_TAGS, MAX_OBJECT_TAGS, TAGGING, of_document, parse, to_document, write,
};
use crate::protocol::error::{Code, Error, Result};
use crate::protocol::response::{Response, empty, xml};
use crate::store_error::of_reading;
use http::StatusCode;
use std::sync::Arc;

/// GetObjectTagging.
pub async fn get_of_object(call: &Call) -> Result<Response> {
    only_version(call.request.parameter("versionId")?)?;
    let info = call.bucket()?.objects.stat(call.key()).await.map_err(of_reading)?;
    call.judged.check(&info)?;
    Ok(xml(to_document(&parse(entry(&info, TAGGING).unwrap_or_default())?)))
}

/// PutObjectTagging.
pub async fn put_of_object(call: &Arc<Call>, body: &[u8]) -> Result<Response> {
    let tags = of_document(body, MAX_OBJECT_TAGS)?;
    change(call, write(&tags)).await?;
    Ok(empty(StatusCode::OK))
}

/// DeleteObjectTagging.
pub async fn delete_of_object(call: &Arc<Call>) -> Result<Response> {
    change(call, None).await?;
    Ok(empty(StatusCode::NO_CONTENT))
}

async fn change(call: &Arc<Call>, tags: Option<String>) -> Result<()> {
    only_version(call.request.parameter("versionId")?)?;
    let (objects, key) = (call.bucket()?.objects.clone(), call.key().to_owned());
    let judged = call.judged.clone();
    let entry = (TAGGING, tags);
    let change = async move { set_entry(objects, key, entry, |info| judged.check(info)).await };
    call.publish(call.key(), change).await?
}

/// GetBucketTagging.
pub fn get_of_bucket(call: &Call) -> Result<Response> {
    let tags = &call.bucket()?.state.tags;
    match tags.is_empty() {
        true => Err(Error::from(Code::NoSuchTagSet)),
        false => Ok(xml(to_document(tags))),
    }
}

/// PutBucketTagging.
pub async fn put_of_bucket(call: &Call, body: &[u8]) -> Result<Response> {
    let tags = of_document(body, MAX_BUCKET_TAGS)?;
    change_of_bucket(call, &tags).await
}

/// DeleteBucketTagging.
pub async fn delete_of_bucket(call: &Call) -> Result<Response> {
    change_of_bucket(call, &Vec::new()).await
}

async fn change_of_bucket(call: &Call, tags: &Vec<(String, String)>) -> Result<Response> {
    let change = call.change_bucket(|state| {
        state.tags.clone_from(tags);
        Ok(())
    });
    change.await?;
    Ok(empty(StatusCode::NO_CONTENT))
}
