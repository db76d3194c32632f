//! CopyObject.

use super::acls::of_new_object;
use super::source::CopySource;
use crate::access::owners::ACL;
use crate::call::Call;
use crate::object::checksum::{Algorithm, Sum};
use crate::object::conditions::OfWrite;
use crate::object::incoming::{Arrived, Expected, Incoming, too_large};
use crate::object::layout::{PART_SUMS, PARTS};
use crate::object::metadata::{carried, entry, etag, modified, of_headers, quoted, sum};
use crate::object::options;
use crate::object::outgoing::arriving;
use crate::object::tags::{TAGGING, checked};
use crate::options::Etags;
use crate::protocol::date;
use crate::protocol::error::{Result, error};
use crate::protocol::head::Head;
use crate::protocol::response::{Response, xml};
use crate::protocol::xml::write::document;
use crate::store_error::of_store;
use std::sync::Arc;
use storage_store::checksum::CHECKSUM;
use storage_store::objects::{Objects, md5};
use storage_store::{Metadata, ObjectInfo, PutOptions, Trailer};

/// The settings of a copy that may differ from its source.
struct Wanted {
    /// The new content type, user metadata and headers; `None` keeps the source's.
    replaced: Option<(Option<String>, Metadata)>,
    /// The new tags; `None` keeps the source's.
    retagged: Option<Option<String>>,
    /// The copy's own metadata entries, such as its ACL.
    own: Metadata,
    /// The requested checksum algorithm.
    algorithm: Option<Algorithm>,
    /// What must hold of an object that is replaced.
    conditions: OfWrite,
}

/// Whether a directive asks for new values.
fn replaces(head: &Head<'_>, header: &str) -> Result<bool> {
    match head.one(header)? {
        None | Some("COPY") => Ok(false),
        Some("REPLACE") => Ok(true),
        Some(_) => Err(error!(InvalidArgument, "{header} is COPY or REPLACE")),
    }
}

impl Wanted {
    fn of(call: &Call) -> Result<Self> {
        let head = call.head();
        options::check(&head)?;
        let replaced = match replaces(&head, "x-amz-metadata-directive")? {
            true => Some((head.one("content-type")?.map(str::to_owned), of_headers(&head)?)),
            false => None,
        };
        let retagged = match replaces(&head, "x-amz-tagging-directive")? {
            true => Some(checked(head.one("x-amz-tagging")?)?),
            false => None,
        };
        Ok(Self {
            replaced,
            retagged,
            own: of_new_object(call, &head)?.entry.into_iter().collect(),
            algorithm: Algorithm::named(&head, "x-amz-checksum-algorithm")?,
            conditions: OfWrite::of(&head)?,
        })
    }

    /// Whether a copy onto itself would change anything.
    fn is_change(&self, head: &Head<'_>) -> bool {
        self.replaced.is_some() || self.retagged.is_some() || head.has("x-amz-storage-class")
    }

    /// The options to write the copy of an object, and the algorithm of its checksum.
    fn options(&self, info: &ObjectInfo) -> (PutOptions, Algorithm) {
        let (content_type, mut metadata) = match self.replaced.clone() {
            Some(replaced) => replaced,
            None => (info.content_type.clone(), carried(&info.metadata).collect()),
        };
        // A copy is one piece, however its source was uploaded, and does not inherit its
        // ACL.
        let left = [TAGGING, PARTS, PART_SUMS, ACL, CHECKSUM];
        metadata.retain(|(name, _)| !left.contains(&name.as_str()));
        metadata.extend(self.own.iter().cloned());
        let kept = || entry(info, TAGGING).map(str::to_owned);
        let tags = self.retagged.clone().unwrap_or_else(kept);
        metadata.extend(tags.map(|tags| (TAGGING.to_owned(), tags)));
        let algorithm = self.algorithm.or(sum(info).map(|sum| sum.algorithm));
        let options = PutOptions { content_type, metadata, ..PutOptions::default() };
        (options, algorithm.unwrap_or(Algorithm::DEFAULT))
    }
}

/// CopyObject.
pub async fn copy(call: &Arc<Call>) -> Result<Response> {
    let (bucket, key) = (call.bucket()?, call.key());
    let (source, wanted) = (CopySource::of(call).await?, Wanted::of(call)?);
    let is_itself = source.bucket.name == bucket.name && source.key == key;
    if is_itself && !wanted.is_change(&call.head()) {
        return Err(error!(
            InvalidRequest,
            "an object can be copied onto itself only with new metadata (REPLACE)"
        ));
    }
    let (info, sum) = match within(call, &source, &bucket.objects, &wanted).await? {
        Some(copied) => copied,
        None => carry(call, &source, &bucket.objects, &wanted).await?,
    };
    Ok(xml(document("CopyObjectResult", |result| {
        result.optional("ETag", etag(&info).map(|etag| quoted(&etag)).as_deref());
        result.optional("LastModified", modified(&info).map(date::to_iso).as_deref());
        if let Some(sum) = &sum {
            sum.write(result);
            result.text("ChecksumType", sum.kind());
        }
    })))
}

/// A copied object and its checksum.
type Copied = (ObjectInfo, Option<Sum>);

fn check_size(call: &Call, info: &ObjectInfo) -> Result<()> {
    let most = call.endpoint.object_size;
    match most.filter(|most| info.size.is_some_and(|size| size > *most)) {
        Some(most) => Err(too_large(most)),
        None => Ok(()),
    }
}

/// Copies within one backend, so that no bytes come here. Returns `None`, with nothing
/// done, if the objects are in different places, or if the MD5 or the wanted checksum is
/// not known without reading.
async fn within(
    call: &Arc<Call>,
    source: &CopySource,
    objects: &Objects,
    wanted: &Wanted,
) -> Result<Option<Copied>> {
    let located = source.bucket.objects.locate_copy(&source.key, objects, call.key());
    let Some(located) = located.await else { return Ok(None) };
    let info = source.stat().await?;
    check_size(call, &info)?;
    let (mut options, algorithm) = wanted.options(&info);
    let sum = sum(&info).filter(|sum| sum.algorithm == algorithm && !sum.composite);
    let (Some(sum), Some(size)) = (sum, info.size) else { return Ok(None) };
    let etag = md5(&info).map(str::to_owned);
    if etag.is_none() && call.endpoint.etags == Etags::Md5 {
        return Ok(None);
    }
    options.absorb(Trailer { etag, metadata: vec![sum.keep(size)] });
    wanted.conditions.apply(objects, call.key(), &mut options).await?;
    let copying = async move { located.copy(&info, options).await };
    let copied = call.publish(call.key(), copying).await?;
    let copied = copied.map_err(|error| wanted.conditions.error(error))?;
    Ok(copied.map(|info| (info, Some(sum))))
}

/// Copies by reading and writing.
async fn carry(
    call: &Arc<Call>,
    source: &CopySource,
    objects: &Objects,
    wanted: &Wanted,
) -> Result<Copied> {
    let (source, info) = source.open(None).await?;
    check_size(call, &info)?;
    let (mut options, algorithm) = wanted.options(&info);
    wanted.conditions.apply(objects, call.key(), &mut options).await?;
    let expected = Expected {
        wanted: Some(algorithm),
        wants_md5: call.endpoint.etags == Etags::Md5,
        most: call.endpoint.object_size,
        ..Expected::default()
    };
    let mut body = Incoming::plain(arriving(source), expected)?;
    let mut upload = objects.write(call.key(), options).await.map_err(of_store)?;
    while let Some(chunk) = body.next().await? {
        upload.push(chunk).await.map_err(of_store)?;
    }
    let Arrived { md5, ended, sum } = body.finish().await?;
    let metadata = sum.iter().map(|sum| sum.keep(ended.length())).collect();
    let trailer = Trailer { etag: md5.map(hex::encode), metadata };
    let info = call.publish(call.key(), upload.finish_with(ended, trailer)).await?;
    Ok((info.map_err(|error| wanted.conditions.error(error))?, sum))
}
