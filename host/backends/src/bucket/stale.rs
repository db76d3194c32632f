//! Aborts abandoned multipart uploads.
//!
//! Nothing shows who owns an upload, or whether someone still works on it. So only
//! age counts, and only if the configuration sets a limit.

use super::list::{decoded, is_encoded};
use super::object_metadata;
use super::retry::RequestTime;
use super::shared::Shared;
use aws_sdk_s3::types::{EncodingType, MultipartUpload};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_store::{Error, Result};

/// Aborts all uploads older than `age`; returns how many.
pub(super) async fn abort(shared: &Arc<Shared>, age: Duration) -> Result<u64> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let before = u64::try_from(now.saturating_sub(age).as_millis()).unwrap_or(0);
    let (mut key_marker, mut id_marker): (Option<String>, Option<String>) = (None, None);
    let mut aborted = 0;
    loop {
        let page = shared.calls.send(RequestTime::Normal, || {
            let request = shared.client.list_multipart_uploads().bucket(&shared.bucket);
            let request = request.encoding_type(EncodingType::Url);
            let request = request.set_key_marker(key_marker.clone());
            request.set_upload_id_marker(id_marker.clone()).send()
        });
        let page = page.await.map_err(|f| f.error(&shared.place))?;
        let keys = page.uploads().iter().filter_map(MultipartUpload::key);
        let encoded = page.encoding_type() == Some(&EncodingType::Url)
            && keys.chain(page.next_key_marker()).all(is_encoded);
        let read = |key: &str| {
            decoded(key, encoded).map_err(|key| {
                Error::InvalidData(format!("{}: the server lists {key:?}", shared.place))
            })
        };
        for upload in page.uploads() {
            let (Some(key), Some(id)) = (upload.key(), upload.upload_id()) else { continue };
            let key = &read(key)?;
            if object_metadata::millis(upload.initiated()).is_none_or(|begun| begun >= before) {
                continue;
            }
            let answer = shared.calls.send(RequestTime::Normal, || {
                let request = shared.client.abort_multipart_upload().bucket(&shared.bucket);
                request.key(key).upload_id(id).send()
            });
            answer.await.map_err(|f| f.error(&shared.at(key)))?;
            aborted += 1;
        }
        let before = (key_marker, id_marker);
        key_marker = page.next_key_marker().map(read).transpose()?;
        id_marker = page.next_upload_id_marker().map(str::to_owned);
        if page.is_truncated() != Some(true) || key_marker.is_none() {
            return Ok(aborted);
        }
        // A listing that does not advance would never end.
        if (&key_marker, &id_marker) == (&before.0, &before.1) {
            let text = "the server's list of uploads does not get on";
            return Err(Error::Other(format!("{}: {text}", shared.place)));
        }
    }
}
