//! DeleteObject and DeleteObjects.

use crate::access::rights::check_key;
use crate::call::Call;
use crate::credentials::Right;
use crate::object::conditions::{OfDelete, any_date};
use crate::object::metadata::only_version;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::etag::Etags;
use crate::protocol::response::{Response, empty, xml};
use crate::protocol::target::{MAX_KEY_BYTES, too_long};
use crate::protocol::xml::read::{Element, read};
use crate::protocol::xml::write::document;
use futures::StreamExt;
use http::StatusCode;

/// The most objects in one request.
const MOST: usize = 1_000;

/// How many objects to delete concurrently.
const DELETES: usize = 8;

/// DeleteObject.
pub async fn one(call: &Call) -> Result<Response> {
    let bucket = call.bucket()?;
    let conditions = OfDelete::of(&call.head())?;
    // No object has another version, so there is nothing to delete.
    if only_version(call.request.parameter("versionId")?).is_ok() {
        call.endpoint.buckets.outlive(bucket).await?;
        conditions.delete(&bucket.objects, call.key()).await?;
    }
    Ok(empty(StatusCode::NO_CONTENT))
}

/// An object that is to be deleted.
struct Wanted {
    key: String,
    version: Option<String>,
    conditions: OfDelete,
}

/// DeleteObjects.
pub async fn many(call: &Call, body: &[u8]) -> Result<Response> {
    let root = read(body, "Delete")?;
    root.only(&["Object", "Quiet"])?;
    let quiet = root.text_of("Quiet")?.is_some_and(|quiet| quiet.trim() == "true");
    let wanted: Vec<Wanted> = root.all("Object").map(wanted).collect::<Result<_>>()?;
    if wanted.is_empty() || wanted.len() > MOST {
        return Err(error!(MalformedXML, "a request deletes 1 to {MOST} objects"));
    }
    let bucket = call.bucket()?;
    call.endpoint.buckets.outlive(bucket).await?;
    let done =
        futures::stream::iter(wanted).map(|Wanted { key, version, conditions }| async move {
            let done = match check(call, &key) {
                Ok(()) if only_version(version.as_deref()).is_err() => Ok(()),
                Ok(()) => conditions.delete(&bucket.objects, &key).await,
                Err(refused) => Err(refused),
            };
            (key, version, done)
        });
    let done: Vec<_> = done.buffered(DELETES).collect().await;
    Ok(xml(document("DeleteResult", |result| {
        for (key, version, done) in &done {
            match done {
                Ok(()) if quiet => {}
                Ok(()) => result.element("Deleted", |deleted| {
                    deleted.text("Key", key);
                    deleted.optional("VersionId", version.as_deref());
                }),
                Err(error) => result.element("Error", |shown| {
                    shown.text("Key", key);
                    shown.optional("VersionId", version.as_deref());
                    shown.text("Code", error.code().name());
                    shown.text("Message", error.message());
                }),
            }
        }
    })))
}

fn check(call: &Call, key: &str) -> Result<()> {
    check_key(&call.user, Right::Delete, call.request.bucket(), key)?;
    match key.len() {
        0 => Err(Error::from(Code::MalformedXML)),
        length if length > MAX_KEY_BYTES => Err(too_long(key)),
        _ => Ok(()),
    }
}

fn wanted(object: &Element) -> Result<Wanted> {
    object.only(&["Key", "VersionId", "ETag", "LastModifiedTime", "Size"])?;
    let modified = object.text_of("LastModifiedTime")?.map(|text| {
        any_date(text.trim()).ok_or_else(|| error!(MalformedXML, "{text:?} is not a date"))
    });
    Ok(Wanted {
        key: object.required("Key")?.text().to_owned(),
        version: object.text_of("VersionId")?.map(str::to_owned),
        conditions: OfDelete {
            etags: object.text_of("ETag")?.map(Etags::parse),
            size: object.parsed("Size")?,
            modified: modified.transpose()?,
        },
    })
}
