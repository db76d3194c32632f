//! What a server says it does and what it does: tried out.

use super::Shared;
use super::call::{Calls, Takes};
use super::failure::Failure;
use super::kept::{Digest, Headers};
use super::upload::Upload;
use super::write::Condition;
use crate::store::{Error, PutOptions, Result};
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use std::sync::Arc;

/// No object has this etag.
const NEVER: &str = "00000000000000000000000000000000";

/// A key that is nobody's.
fn key() -> String {
    format!(".storage-host-probe-{:032x}", fastrand::u128(..))
}

/// Whether the bucket is there, without writing.
pub(super) async fn reach(shared: &Shared, calls: &Calls) -> Result<(), Failure> {
    let answer = calls.send(Takes::Normal, || {
        shared.client.list_objects_v2().bucket(&shared.bucket).max_keys(1).send()
    });
    answer.await.map(drop)
}

/// Whether preconditions of writes are acted on, both of those at once and of
/// those in parts. A write that must fail is tried; if it doesn't, the server
/// took no notice, and the object is removed again.
pub(super) async fn conditional(shared: &Arc<Shared>) -> Result<bool> {
    let (once, parts) = futures::join!(at_once(shared), in_parts(shared));
    match (once, parts) {
        (Ok(once), Ok(parts)) => Ok(once && parts),
        // Whoever may not write needs no promises about it.
        (Err(Error::PermissionDenied(_)), _) | (_, Err(Error::PermissionDenied(_))) => Ok(false),
        (Err(error), _) | (_, Err(error)) => Err(error),
    }
}

async fn at_once(shared: &Shared) -> Result<bool> {
    let key = key();
    let (_, matching) = Condition::Match(NEVER.to_owned()).headers();
    let answer = shared.calls.send(Takes::Normal, || {
        let request = shared.client.put_object().bucket(&shared.bucket).key(&key);
        let request = request.set_if_match(matching.clone());
        request.body(ByteStream::from_static(b"probe")).send()
    });
    let answer = answer.await.map(drop);
    outcome(shared, &key, answer.map_err(|f| f.error(&shared.place))).await
}

async fn in_parts(shared: &Arc<Shared>) -> Result<bool> {
    let key = key();
    let options = PutOptions::default();
    let headers = Headers::new(&options, true, &Digest::Unknown)?;
    let mut upload = Upload::create(shared, &key, &options, headers).await?;
    upload.part(Bytes::from_static(b"probe")).await?;
    let answer = upload.complete(&Condition::Match(NEVER.to_owned())).await;
    if let Ok((_, composite)) = answer {
        shared.learn(composite);
    }
    outcome(shared, &key, answer.map(drop)).await
}

async fn outcome(shared: &Shared, key: &str, answer: Result<()>) -> Result<bool> {
    match answer {
        Ok(()) => {
            shared.remove(key, None).await?;
            Ok(false)
        }
        Err(Error::PreconditionFailed | Error::NotFound) => Ok(true),
        Err(Error::Unsupported(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// Whether a precondition of a deletion is acted on. Few servers do.
pub(super) async fn deleting(shared: &Arc<Shared>) -> Result<bool> {
    let key = key();
    super::write::small(shared, &key, Bytes::from_static(b"probe"), &PutOptions::default()).await?;
    let answer = shared.remove(&key, Some(NEVER)).await;
    let acted = matches!(answer, Err(Error::PreconditionFailed));
    if acted || shared.exists(&key).await? {
        shared.remove(&key, None).await?;
    }
    Ok(acted)
}
