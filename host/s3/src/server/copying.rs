//! CopyObject.

use super::acl::{ACL, Wish};
use super::buckets::Buckets;
use super::checksum::{Algorithm, Sum, show_sum};
use super::copy_source::copy_source;
use super::error::{s3, s3_moved, s3_read};
use super::judging::Judged;
use super::layout::{PART_SUMS, PARTS};
use super::limits;
use super::meta::{self, Conditions, Kept, kept};
use super::settings;
use super::tags::TAGGING;
use super::users;
use http::Extensions;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use storage_store::objects::{Objects, md5};
use storage_store::{Metadata, ObjectInfo, PutOptions, Trailer};

/// The settings of a copy that may differ from its source.
struct Wanted {
    /// The new content type, user metadata and headers; `None` keeps the
    /// source's.
    replaced: Option<(Option<String>, Metadata)>,
    /// The new tags; `None` keeps the source's.
    retagged: Option<Option<String>>,
    /// The copy's own metadata entries, such as its ACL.
    own: Metadata,
    /// The requested checksum algorithm.
    algorithm: Option<Algorithm>,
}

impl Wanted {
    /// The options to write the copy of an object, and the algorithm of its
    /// checksum.
    fn of(&self, info: &ObjectInfo) -> (PutOptions, Algorithm) {
        let (_, Kept { tagging, sum, .. }) = meta::show(info);
        let (content_type, mut metadata) = match self.replaced.clone() {
            Some(replaced) => replaced,
            None => (info.content_type.clone(), meta::carried(&info.metadata).collect()),
        };
        // A copy is one piece, however its source was uploaded, and does not
        // inherit its ACL.
        metadata.retain(|(name, _)| ![TAGGING, PARTS, PART_SUMS, ACL].contains(&name.as_str()));
        metadata.extend(self.own.iter().cloned());
        let tags = self.retagged.clone().unwrap_or(tagging);
        metadata.extend(tags.map(|tags| (TAGGING.to_owned(), tags)));
        let algorithm = self.algorithm.or(sum.map(|sum| sum.algorithm));
        let options = PutOptions { content_type, metadata, ..PutOptions::default() };
        (options, algorithm.unwrap_or(Algorithm::DEFAULT))
    }
}

/// A copied object and its checksum.
type Copied = (ObjectInfo, Option<Sum>);

impl Buckets {
    pub(super) async fn copy_object_answer(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let user = users::sender(&req)?.clone();
        let input = req.input;
        let source = copy_source(&req.headers, input.copy_source);
        let objects = self.bucket(&input.bucket).await?;
        let wish = Wish::of(&req.headers, &req.uri);
        let written = self.written(&input.bucket, &user, &wish).await?;
        let key = &input.key;
        let replace = input
            .metadata_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == MetadataDirective::REPLACE);
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let retag = input
            .tagging_directive
            .as_ref()
            .is_some_and(|directive| directive.as_str() == TaggingDirective::REPLACE);
        settings::allowed(&settings::asked!(input))?;
        if let CopySource::Bucket { bucket, key: from, .. } = &source
            && **bucket == *input.bucket
            && **from == **key
            && !replace
            && !retag
        {
            return Err(s3_error!(
                InvalidRequest,
                "an object can be copied onto itself only with new metadata (REPLACE)"
            ));
        }
        let announced = input.checksum_algorithm.as_ref().map(ChecksumAlgorithm::as_str);
        let algorithm = announced.map(Algorithm::parse).transpose()?;
        let tags = super::tags::checked(input.tagging.clone())?;
        let replaced = match replace {
            true => {
                let kept = kept!(input);
                Some((input.content_type, meta::keep(input.metadata, kept)?))
            }
            false => None,
        };
        let retagged = retag.then_some(tags);
        let wanted =
            Wanted { replaced, retagged, own: written.kept.into_iter().collect(), algorithm };
        let within =
            self.copied_within(&source, &conditions, &req.extensions, &objects, key, &wanted);
        let (info, sum) = match within.await? {
            Some(copied) => copied,
            None => {
                self.carried(&source, &conditions, &req.extensions, &objects, key, &wanted).await?
            }
        };
        let mut result = CopyObjectResult {
            e_tag: meta::etag(&info),
            last_modified: meta::modified(&info),
            checksum_type: sum.as_ref().map(Sum::kind),
            ..CopyObjectResult::default()
        };
        show_sum!(result, &sum);
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }

    /// Copies within one backend, so that no bytes come here. Returns `None`,
    /// with nothing done, if the objects are in different places, or if the MD5
    /// or the wanted checksum is not known without reading.
    async fn copied_within(
        &self,
        source: &CopySource,
        conditions: &Conditions,
        extensions: &Extensions,
        objects: &Objects,
        key: &str,
        wanted: &Wanted,
    ) -> S3Result<Option<Copied>> {
        let CopySource::Bucket { bucket, key: from, .. } = source else { return Ok(None) };
        let store = self.bucket(bucket).await?;
        let Some(located) = store.locate_copy(from, objects, key).await else { return Ok(None) };
        let info = store.stat(from).await.map_err(|e| s3_read(e, from))?;
        Judged::check(extensions, &info)?;
        conditions.check(&info, S3ErrorCode::PreconditionFailed)?;
        limits::check_size(extensions, info.size.unwrap_or(0))?;
        let (mut options, algorithm) = wanted.of(&info);
        let sum = meta::show(&info).1.sum;
        let sum = sum.filter(|sum| sum.algorithm == algorithm && !sum.composite);
        let (Some(sum), Some(size), Some(etag)) = (sum, info.size, md5(&info)) else {
            return Ok(None);
        };
        options.absorb(Trailer { etag: Some(etag.to_owned()), metadata: vec![sum.keep(size)] });
        let copied = located.copy(&info, options).await;
        Ok(copied.map_err(|e| s3(e, key))?.map(|info| (info, Some(sum))))
    }

    /// Copies by reading and writing.
    async fn carried(
        &self,
        source: &CopySource,
        conditions: &Conditions,
        extensions: &Extensions,
        objects: &Objects,
        key: &str,
        wanted: &Wanted,
    ) -> S3Result<Copied> {
        let (source, info) = self.source(source, None, conditions, extensions).await?;
        limits::check_size(extensions, info.size.unwrap_or(0))?;
        let (options, algorithm) = wanted.of(&info);
        let mut hasher = algorithm.hasher();
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        let ended = source.pour(&mut upload, |piece| hasher.update(piece)).await;
        let ended = ended.map_err(|fault| s3_moved(fault, key))?;
        let sum = Sum::finished(algorithm, hasher);
        let metadata = sum.iter().map(|sum| sum.keep(ended.length())).collect();
        let trailer = Trailer { etag: None, metadata };
        let info = upload.finish_with(ended, trailer).await.map_err(failed)?;
        Ok((info, sum))
    }
}
