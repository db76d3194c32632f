//! Trials that find out what a server really does.
//!
//! Trials use keys that the store neither lists nor accepts from its users, and
//! remove their objects whatever the outcome.

use super::checksum::Kept;
use super::condition::Condition;
use super::condition_support::Verdict;
use super::failure::Failure;
use super::object_metadata::{self, Headers};
use super::retry::{Calls, RequestTime};
use super::shared::Shared;
use super::trial_key::key;
use super::upload::Upload;
use aws_sdk_s3::error::SdkError;
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectOutput};
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{ChecksumAlgorithm, EncodingType};
use bytes::Bytes;
use futures::future::{join_all, try_join_all};
use std::sync::Arc;
use storage_store::{Error, PutOptions, Result};

/// An etag that no object has.
const NEVER: &str = "00000000000000000000000000000000";

/// The number of concurrent writes and of rounds: in one request, and in parts.
const WRITERS: usize = 4;
const ROUNDS: usize = 3;
const UPLOADS: usize = 3;
const UPLOAD_ROUNDS: usize = 2;

/// Checks without writing that the bucket can be reached.
pub(super) async fn reach(shared: &Shared, calls: &Calls) -> Result<(), Failure> {
    let answer = calls.send(RequestTime::Normal, || {
        let request = shared.client.list_objects_v2().bucket(&shared.bucket).max_keys(1);
        // The first key may have characters that XML doesn't allow.
        request.encoding_type(EncodingType::Url).send()
    });
    answer.await.map(drop)
}

/// Tries whether a write with a false precondition fails, in one request and in
/// parts. If it succeeds, the server ignores preconditions.
pub(super) async fn refused(shared: &Arc<Shared>) -> Result<Verdict> {
    let (once, parts) = futures::join!(
        cleaned(shared, false, |key| async move { refused_at_once(shared, &key).await }),
        cleaned(shared, false, |key| async move { refused_in_parts(shared, &key).await }),
    );
    both(once, parts)
}

/// Tries whether exactly one of several concurrent writes with the same
/// precondition succeeds, in one request and in parts.
pub(super) async fn race(shared: &Arc<Shared>) -> Result<Verdict> {
    let at_once = async {
        for _ in 0..ROUNDS {
            let verdict =
                cleaned(shared, true, |key| async move { raced_at_once(shared, &key).await });
            match verdict.await? {
                Verdict::Acts => {}
                verdict => return Ok(verdict),
            }
        }
        Ok(Verdict::Acts)
    };
    let in_parts = async {
        for _ in 0..UPLOAD_ROUNDS {
            let verdict =
                cleaned(shared, true, |key| async move { raced_in_parts(shared, &key).await });
            match verdict.await? {
                Verdict::Acts => {}
                verdict => return Ok(verdict),
            }
        }
        Ok(Verdict::Acts)
    };
    let (once, parts) = futures::join!(at_once, in_parts);
    both(once, parts)
}

fn both(once: Result<Verdict>, parts: Result<Verdict>) -> Result<Verdict> {
    match (once, parts) {
        // Keys without the right to write need no preconditions.
        (Err(Error::PermissionDenied(_)), _) | (_, Err(Error::PermissionDenied(_))) => {
            Ok(Verdict::Forbidden)
        }
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(Verdict::Acts), verdict) | (verdict, _) => verdict,
    }
}

/// Runs a trial on a key of its own and removes the object. `makes`: whether the
/// trial creates one on a server that acts on preconditions.
async fn cleaned<F>(
    shared: &Shared,
    makes: bool,
    trial: impl FnOnce(String) -> F,
) -> Result<Verdict>
where
    F: Future<Output = Result<Verdict>>,
{
    let key = key();
    let verdict = trial(key.clone()).await;
    // In a versioned bucket, deleting nothing would leave a delete marker.
    match &verdict {
        Ok(Verdict::Acts) if !makes => return verdict,
        Err(Error::PermissionDenied(_)) => return verdict,
        _ => {}
    }
    match shared.remove(&key, None).await {
        Ok(()) | Err(Error::NotFound) => {}
        Err(error) => tracing::warn!(
            target: "storage",
            "an object that was written to try the server out may be left behind: {error}"
        ),
    }
    verdict
}

async fn refused_at_once(shared: &Shared, key: &str) -> Result<Verdict> {
    let condition = Condition::Match(NEVER.to_owned());
    let answer = shared.calls.send(RequestTime::Normal, || put(shared, key, b"probe", &condition));
    verdict(answer.await.map(drop).map_err(|f| f.error(&shared.place)))
}

async fn refused_in_parts(shared: &Arc<Shared>, key: &str) -> Result<Verdict> {
    let upload = upload(shared, key, Bytes::from_static(b"probe")).await?;
    let answer = upload.complete(&Condition::Match(NEVER.to_owned())).await;
    if let Ok(done) = &answer {
        shared.learn(done.composite);
    }
    verdict(answer.map(drop))
}

/// The verdict from the answer to a write with a false precondition.
fn verdict(answer: Result<()>) -> Result<Verdict> {
    match answer {
        Ok(()) | Err(Error::Unsupported(_)) => Ok(Verdict::Ignores),
        Err(Error::PreconditionFailed | Error::NotFound) => Ok(Verdict::Acts),
        Err(error) => Err(error),
    }
}

async fn raced_at_once(shared: &Shared, key: &str) -> Result<Verdict> {
    let mut condition = Condition::Absent;
    // Several create the object, then several replace what one of them created.
    for step in ["made", "replaced"] {
        let texts: Vec<String> = (0..WRITERS).map(|n| format!("{step} by {n}")).collect();
        let writes = texts.iter().map(|text| {
            let request = put(shared, key, text.as_bytes(), &condition);
            shared.calls.once(RequestTime::Normal, request)
        });
        let mut winners = Vec::new();
        for answer in join_all(writes).await {
            match answer {
                Ok(answer) => winners
                    .push(object_metadata::unquoted(answer.e_tag().unwrap_or_default()).to_owned()),
                Err(failure) if matches!(failure.status, Some(404 | 409 | 412)) => {}
                Err(failure) => return Err(failure.error(&shared.place)),
            }
        }
        match <[String; 1]>::try_from(winners) {
            Ok([etag]) => condition = Condition::Match(etag),
            // If all were refused, that proves nothing.
            Err(none) if none.is_empty() => break,
            Err(_) => return Ok(Verdict::Races),
        }
    }
    Ok(Verdict::Acts)
}

async fn raced_in_parts(shared: &Arc<Shared>, key: &str) -> Result<Verdict> {
    let mut condition = Condition::Absent;
    for step in ["made", "replaced"] {
        let begin = |number| upload(shared, key, format!("{step} by {number}").into());
        let uploads = try_join_all((0..UPLOADS).map(begin)).await?;
        let ends = uploads.into_iter().map(|upload| upload.complete(&condition));
        let mut winners = Vec::new();
        for answer in join_all(ends).await {
            match answer {
                Ok(done) => winners.push(done.etag),
                Err(Error::AlreadyExists | Error::PreconditionFailed | Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        match <[String; 1]>::try_from(winners) {
            Ok([etag]) => condition = Condition::Match(etag),
            Err(none) if none.is_empty() => break,
            Err(_) => return Ok(Verdict::Races),
        }
    }
    Ok(Verdict::Acts)
}

fn put(
    shared: &Shared,
    key: &str,
    data: &[u8],
    condition: &Condition,
) -> impl Future<Output = Result<PutObjectOutput, SdkError<PutObjectError>>> + Send + use<> {
    let (none, matching) = condition.headers();
    let request = shared.client.put_object().bucket(&shared.bucket).key(key);
    let request = request.set_if_none_match(none).set_if_match(matching);
    // A bucket with object locks refuses uploads without any.
    let (md5, crc32) = (shared.content_md5(data), shared.crc32(data));
    let algorithm = crc32.as_ref().map(|_| ChecksumAlgorithm::Crc32);
    let request = request.set_checksum_crc32(crc32).set_checksum_algorithm(algorithm);
    request.set_content_md5(md5).body(ByteStream::from(data.to_vec())).send()
}

/// Starts an upload and sends its only part.
async fn upload(shared: &Arc<Shared>, key: &str, data: Bytes) -> Result<Upload> {
    let options = PutOptions::default();
    let headers = Headers::new(&options, true, &Kept::Nothing)?;
    let mut upload = Upload::create(shared, key, &options, headers).await?;
    upload.part(data).await?;
    upload.gather().await?;
    Ok(upload)
}

/// Tries whether the server acts on preconditions of deletions. Few do.
pub(super) async fn deleting(shared: &Arc<Shared>) -> Result<bool> {
    let trial = |key: String| async move {
        let (data, options) = (Bytes::from_static(b"probe"), PutOptions::default());
        super::write::small(shared, &key, data, &options).await?;
        match shared.remove(&key, Some(NEVER)).await {
            Err(Error::PreconditionFailed) => Ok(Verdict::Acts),
            _ => Ok(Verdict::Ignores),
        }
    };
    Ok(cleaned(shared, true, trial).await? == Verdict::Acts)
}
