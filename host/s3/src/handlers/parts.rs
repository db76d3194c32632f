//! The operations on parts: UploadPart, UploadPartCopy and ListParts.

use super::source::CopySource;
use crate::bucket::acl_document::write_owner;
use crate::call::Call;
use crate::object::checksum::{Algorithm, kind};
use crate::object::incoming::{Expected, Incoming, Unread};
use crate::object::metadata::quoted;
use crate::object::outgoing::arriving;
use crate::options::Etags;
use crate::protocol::date;
use crate::protocol::error::{Result, error};
use crate::protocol::range;
use crate::protocol::response::{Response, empty, set, xml};
use crate::protocol::xml::write::document;
use crate::uploads::part::Part;
use crate::uploads::under_way::check_number;
use http::StatusCode;

/// The most parts in a page.
const MOST: u32 = 1_000;

/// UploadPart.
pub async fn put(call: &Call, body: Unread) -> Result<Response> {
    let (id, number) = named(call)?;
    let upload = call.open_upload(&id).await?;
    let declared = upload.sums.map(|(algorithm, _)| algorithm);
    if let Some(wanted) = declared
        && let Some(other) = body.sent().into_iter().find(|sent| *sent != wanted)
    {
        let (wanted, other) = (wanted.name(), other.name());
        return Err(error!(
            InvalidRequest,
            "the upload was begun with {wanted}, the part comes with {other}"
        ));
    }
    let part = keep(call, &id, number, body.read(Some(algorithm(declared)))?).await?;
    let mut response = empty(StatusCode::OK);
    set(&mut response, "etag", quoted(&part.etag()));
    if let Some(sum) = &part.sum {
        set(&mut response, sum.algorithm.header(), &sum.value);
    }
    Ok(response)
}

/// The upload and the part that a request names.
fn named(call: &Call) -> Result<(String, u32)> {
    let number = call.request.number("partNumber")?.unwrap_or(0);
    check_number(number)?;
    Ok((call.request.text("uploadId")?, number))
}

/// The algorithm of the checksum of a part whose client sends none. Parts whose checksums
/// are of one kind can be joined without being read.
fn algorithm(declared: Option<Algorithm>) -> Algorithm {
    declared.unwrap_or(Algorithm::DEFAULT)
}

async fn keep(call: &Call, id: &str, number: u32, body: Incoming) -> Result<Part> {
    call.endpoint.uploads.keep((call.request.bucket(), id), number, body).await
}

/// UploadPartCopy.
pub async fn copy(call: &Call) -> Result<Response> {
    let (id, number) = named(call)?;
    let upload = call.open_upload(&id).await?;
    let source = CopySource::of(call).await?;
    let range = call.head().one("x-amz-copy-source-range")?.map(range::of_copy).transpose()?;
    let (found, info) = source.open(range).await?;
    // S3 requires the range to lie within the source; a read would truncate it.
    if let (Some(range), Some(size)) = (range, info.size)
        && range.offset.unwrap_or(0).saturating_add(range.length.unwrap_or(0)) > size
    {
        return Err(error!(InvalidRange, "the source has {size} bytes")
            .detail("ActualObjectSize", size.to_string()));
    }
    let expected = Expected {
        wanted: Some(algorithm(upload.sums.map(|(algorithm, _)| algorithm))),
        wants_md5: call.endpoint.etags == Etags::Md5,
        most: call.endpoint.object_size,
        ..Expected::default()
    };
    let part = keep(call, &id, number, Incoming::plain(arriving(found), expected)?).await?;
    Ok(xml(document("CopyPartResult", |result| {
        result.text("ETag", &quoted(&part.etag()));
        result.text("LastModified", &date::to_iso(part.modified));
        if let Some(sum) = &part.sum {
            sum.write(result);
        }
    })))
}

/// ListParts.
pub async fn list(call: &Call) -> Result<Response> {
    let request = &call.request;
    let id = request.text("uploadId")?;
    let upload = call.open_upload(&id).await?;
    let after = request.number("part-number-marker")?.unwrap_or(0);
    let most = request.number("max-parts")?.unwrap_or(MOST).min(MOST);
    let parts = call.endpoint.uploads.parts(request.bucket(), &id).await?;
    let mut rest = parts.values().filter(|part| part.number > after);
    let page: Vec<&Part> = rest.by_ref().take(usize::try_from(most).unwrap_or(0)).collect();
    let more = rest.next().is_some();
    Ok(xml(document("ListPartsResult", |result| {
        result.text("Bucket", request.bucket());
        result.text("Key", call.key());
        result.text("UploadId", &id);
        result.value("PartNumberMarker", after);
        if let Some(last) = page.last() {
            result.value("NextPartNumberMarker", last.number);
        }
        result.value("MaxParts", most);
        result.value("IsTruncated", more);
        for part in &page {
            result.element("Part", |shown| {
                shown.value("PartNumber", part.number);
                shown.text("LastModified", &date::to_iso(part.modified));
                shown.text("ETag", &quoted(&part.etag()));
                shown.value("Size", part.size);
                if let Some(sum) = &part.sum {
                    sum.write(shown);
                }
            });
        }
        write_owner(result, "Initiator", upload.initiator.as_deref());
        write_owner(result, "Owner", upload.owner.as_deref());
        result.text("StorageClass", "STANDARD");
        if let Some((algorithm, composite)) = upload.sums {
            result.text("ChecksumAlgorithm", algorithm.name());
            result.text("ChecksumType", kind(composite));
        }
    })))
}
