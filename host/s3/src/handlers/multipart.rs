//! The beginning of uploads in parts, and their end without an object.

use super::acls::of_new_object;
use crate::call::Call;
use crate::object::checksum::{Algorithm, kind};
use crate::object::metadata::of_headers;
use crate::object::options;
use crate::protocol::date::now_in_millis;
use crate::protocol::error::{Result, error};
use crate::protocol::response::{Response, empty, set, xml};
use crate::protocol::xml::write::document;
use crate::store_error::{internal, of_store};
use crate::uploads::manifest::{Manifest, identity};
use crate::uploads::outcome::{Found, no_upload};
use http::StatusCode;
use std::sync::Arc;
use storage_store::Error as StoreError;

/// CreateMultipartUpload.
pub async fn create(call: &Call) -> Result<Response> {
    let (head, bucket) = (call.head(), call.bucket()?);
    let owned = of_new_object(call, &head)?;
    if !bucket.objects.capabilities().write {
        return Err(error!(NotImplemented, "this store takes no writes"));
    }
    options::check(&head)?;
    // A key that the store can't hold is refused before its parts are sent.
    if let Err(error @ StoreError::InvalidKey(_)) = bucket.objects.stat(call.key()).await {
        return Err(of_store(error));
    }
    let algorithm = Algorithm::named(&head, "x-amz-checksum-algorithm")?;
    let sums = sums(algorithm, head.one("x-amz-checksum-type")?)?;
    let mut metadata = of_headers(&head)?;
    metadata.extend(owned.entry);
    let upload = Manifest {
        of_bucket: identity(bucket),
        key: call.key().to_owned(),
        content_type: head.one("content-type")?.map(str::to_owned),
        metadata,
        sums,
        initiator: call.user.name.clone(),
        owner: owned.owner,
        started: now_in_millis(),
    };
    let id = call.endpoint.uploads.start(&bucket.name, &upload).await?;
    let mut response = xml(document("InitiateMultipartUploadResult", |result| {
        result.text("Bucket", &bucket.name);
        result.text("Key", call.key());
        result.text("UploadId", &id);
    }));
    if let Some((algorithm, composite)) = sums {
        set(&mut response, "x-amz-checksum-algorithm", algorithm.name());
        set(&mut response, "x-amz-checksum-type", kind(composite));
    }
    Ok(response)
}

/// The algorithm of an upload's checksums, and whether that of the object is composite.
fn sums(algorithm: Option<Algorithm>, wanted: Option<&str>) -> Result<Option<(Algorithm, bool)>> {
    let Some(algorithm) = algorithm else {
        return match wanted {
            None => Ok(None),
            Some(_) => {
                let text = "x-amz-checksum-type needs x-amz-checksum-algorithm";
                Err(error!(InvalidRequest, "{text}"))
            }
        };
    };
    let composite = match wanted {
        None => algorithm.is_composite(),
        Some(wanted) if wanted == kind(true) => true,
        Some(wanted) if wanted == kind(false) => false,
        Some(_) => {
            return Err(error!(InvalidRequest, "x-amz-checksum-type is COMPOSITE or FULL_OBJECT"));
        }
    };
    let fits = match algorithm {
        Algorithm::Crc64Nvme => !composite,
        Algorithm::Sha1 | Algorithm::Sha256 => composite,
        Algorithm::Crc32 | Algorithm::Crc32c => true,
    };
    match fits {
        true => Ok(Some((algorithm, composite))),
        false => {
            Err(error!(InvalidRequest, "{} can't be of type {}", algorithm.name(), kind(composite)))
        }
    }
}

/// AbortMultipartUpload.
pub async fn abort(call: &Arc<Call>) -> Result<Response> {
    let id = call.request.text("uploadId")?;
    call.open_upload(&id).await?;
    let task = {
        let (call, id) = (call.clone(), id.clone());
        // It goes on if the client does not wait for the end.
        tokio::spawn(async move {
            let (bucket, uploads) = (call.request.bucket(), &call.endpoint.uploads);
            let (_ending, found) = uploads.end(bucket, &id).await?;
            match found {
                Found::Open(claim) => uploads.abort(bucket, &id, claim).await,
                Found::Completed(_) => Err(no_upload(&id)),
            }
        })
    };
    task.await.map_err(|error| internal("an upload could not be aborted", &error))??;
    Ok(empty(StatusCode::NO_CONTENT))
}
