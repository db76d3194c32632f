//! ListMultipartUploads.

use super::buckets::Buckets;
use super::checksum;
use super::listing::{delimiter, encoded, is_url};
use super::staging::Upload;
use super::users::owner;
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result};
use storage_store::delimited::Query;

impl Buckets {
    pub(super) async fn list_multipart_uploads_answer(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket).await?;
        let url = is_url(input.encoding_type.as_ref());
        let most = usize::try_from(input.max_uploads.unwrap_or(1000)).unwrap_or(1000).min(1000);
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.key_marker.clone().unwrap_or_default(),
            limit: most,
        };
        let after_id = input.upload_id_marker.clone().filter(|id| !id.is_empty());
        let page = page(self.staging.list(&input.bucket), &query, after_id.as_deref());
        let uploads = page.uploads.into_iter().map(|(id, upload)| shown(id, upload, url));
        let prefixes = page.prefixes.into_iter();
        let prefixes = prefixes.map(|prefix| CommonPrefix { prefix: Some(encoded(url, prefix)) });
        let (next_key_marker, next_upload_id_marker) = page.next.unzip();
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            common_prefixes: Some(prefixes.collect()),
            bucket: Some(input.bucket),
            prefix: input.prefix.map(|prefix| encoded(url, prefix)),
            delimiter: delimiter(url, input.delimiter),
            encoding_type: input.encoding_type,
            key_marker: input.key_marker.map(|marker| encoded(url, marker)),
            upload_id_marker: input.upload_id_marker,
            is_truncated: Some(page.more),
            next_key_marker: next_key_marker.map(|marker| encoded(url, marker)),
            next_upload_id_marker: next_upload_id_marker.flatten(),
            max_uploads: i32::try_from(most).ok(),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}

fn shown(id: String, upload: Upload, url: bool) -> MultipartUpload {
    let initiator = owner(upload.initiator.as_deref());
    MultipartUpload {
        checksum_algorithm: upload.sums.map(|(algorithm, _)| algorithm.dto()),
        checksum_type: upload.sums.map(|(_, composite)| checksum::kind(composite)),
        initiated: Some(upload.started.into()),
        initiator: Some(Initiator {
            id: initiator.id.clone(),
            display_name: initiator.display_name.clone(),
        }),
        owner: Some(owner(upload.owner.as_deref())),
        storage_class: Some(StorageClass::from_static(StorageClass::STANDARD)),
        key: Some(encoded(url, upload.key)),
        upload_id: Some(id),
    }
}

#[derive(Default)]
struct Page {
    uploads: Vec<(String, Upload)>,
    prefixes: Vec<String>,
    more: bool,
    /// Where the next page begins, if there is one: after this key or common
    /// prefix, and for a key after this upload id.
    next: Option<(String, Option<String>)>,
}

/// A page of `uploads`, which are sorted by key. `after_id`, where given,
/// belongs to the key `query.after`.
fn page(uploads: Vec<(String, Upload)>, query: &Query, after_id: Option<&str>) -> Page {
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
            page.more = true;
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
