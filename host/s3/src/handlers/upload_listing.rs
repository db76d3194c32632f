//! ListMultipartUploads.

use super::listing::{Names, query};
use crate::bucket::acl_document::write_owner;
use crate::call::Call;
use crate::object::checksum::kind;
use crate::protocol::date;
use crate::protocol::error::Result;
use crate::protocol::response::{Response, xml};
use crate::protocol::xml::write::document;
use crate::uploads::manifest::Manifest;
use storage_store::delimited::Query;

/// ListMultipartUploads.
pub async fn uploads(call: &Call) -> Result<Response> {
    let request = &call.request;
    let names = Names::of(request)?;
    let query = query(request, "key-marker", "max-uploads")?;
    let id_marker = request.parameter("upload-id-marker")?;
    let uploads = call.endpoint.uploads.list(call.bucket()?).await?;
    let page = page(uploads, &query, id_marker.filter(|id| !id.is_empty()));
    Ok(xml(document("ListMultipartUploadsResult", |result| {
        result.text("Bucket", request.bucket());
        names.write(result, "KeyMarker", &query.after);
        result.text("UploadIdMarker", id_marker.unwrap_or_default());
        if let Some((key, id)) = &page.next {
            names.write(result, "NextKeyMarker", key);
            result.optional("NextUploadIdMarker", id.as_deref());
        }
        names.write(result, "Prefix", &query.prefix);
        names.write_query(result, &query);
        result.value("MaxUploads", query.limit);
        result.value("IsTruncated", page.next.is_some());
        for (id, upload) in &page.uploads {
            result.element("Upload", |shown| {
                names.write(shown, "Key", &upload.key);
                shown.text("UploadId", id);
                write_owner(shown, "Initiator", upload.initiator.as_deref());
                write_owner(shown, "Owner", upload.owner.as_deref());
                shown.text("StorageClass", "STANDARD");
                shown.text("Initiated", &date::to_iso(upload.started()));
                if let Some((algorithm, composite)) = upload.sums {
                    shown.text("ChecksumAlgorithm", algorithm.name());
                    shown.text("ChecksumType", kind(composite));
                }
            });
        }
        for prefix in &page.prefixes {
            result.element("CommonPrefixes", |common| names.write(common, "Prefix", prefix));
        }
    })))
}

#[derive(Default)]
struct Page {
    uploads: Vec<(String, Manifest)>,
    prefixes: Vec<String>,
    /// Where the next page begins, if there is one: after this key or common prefix, and
    /// for a key after this upload id.
    next: Option<(String, Option<String>)>,
}

/// A page of `uploads`, which are sorted by key. `after_id`, where given, belongs to the key
/// `query.after`.
fn page(uploads: Vec<(String, Manifest)>, query: &Query, after_id: Option<&str>) -> Page {
    let mut page = Page::default();
    let mut last = None;
    for (id, upload) in uploads {
        let key = upload.key.as_str();
        let is_past = match after_id {
            Some(after) => (key, id.as_str()) > (query.after.as_str(), after),
            None => key > query.after.as_str(),
        };
        if !is_past || !key.starts_with(&query.prefix) {
            continue;
        }
        let group = query.group(key).map(str::to_owned);
        if let Some(group) = &group
            && (*group == query.after || page.prefixes.last() == Some(group))
        {
            continue;
        }
        if page.uploads.len() + page.prefixes.len() == query.limit {
            page.next = last;
            break;
        }
        match group {
            Some(group) => {
                last = Some((group.clone(), None));
                page.prefixes.push(group);
            }
            None => {
                last = Some((key.to_owned(), Some(id.clone())));
                page.uploads.push((id, upload));
            }
        }
    }
    page
}
