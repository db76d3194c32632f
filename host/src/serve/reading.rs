//! Objects, for reading.

use super::body::outgoing;
use super::error::s3_read;
use super::meta::{self, Conditions};
use super::s3::{Buckets, range, signed};
use crate::store::ReadOptions;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, s3_error};

impl Buckets {
    pub(super) async fn head_object_answer(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let input = req.input;
        let key = &input.key;
        let info = self.bucket(&input.bucket)?.measured(key).await.map_err(|e| s3_read(e, key))?;
        Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        }
        .check(&info, S3ErrorCode::NotModified)?;
        let (metadata, kept) = meta::show(&info.metadata);
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: input.response_cache_control.or(kept.cache_control),
            content_disposition: input.response_content_disposition.or(kept.content_disposition),
            content_encoding: input.response_content_encoding.or(kept.content_encoding),
            content_language: input.response_content_language.or(kept.content_language),
            content_type: input.response_content_type.or(info.content_type.clone()),
            content_length: info.size.map(signed),
            e_tag: meta::etag(&info),
            expires: kept.expires,
            last_modified: meta::modified(&info),
            metadata: Some(metadata),
            ..HeadObjectOutput::default()
        }))
    }

    /// Parts and checksums are not kept, so they are left out, as S3 does for
    /// objects that have none.
    pub(super) async fn get_object_attributes_answer(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let input = req.input;
        let key = &input.key;
        let info = self.bucket(&input.bucket)?.measured(key).await.map_err(|e| s3_read(e, key))?;
        // All in one header, or each in its own.
        let names = input.object_attributes.iter().flat_map(|names| names.as_str().split(','));
        let asked: Vec<_> = names.map(str::trim).collect();
        let asked = |name| asked.contains(&name);
        let storage_class = StorageClass::from_static(StorageClass::STANDARD);
        Ok(S3Response::new(GetObjectAttributesOutput {
            e_tag: meta::etag(&info).filter(|_| asked(ObjectAttributes::ETAG)),
            last_modified: meta::modified(&info),
            object_size: info.size.map(signed).filter(|_| asked(ObjectAttributes::OBJECT_SIZE)),
            storage_class: Some(storage_class).filter(|_| asked(ObjectAttributes::STORAGE_CLASS)),
            ..GetObjectAttributesOutput::default()
        }))
    }

    pub(super) async fn get_object_answer(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let key = &input.key;
        let failed = |e| s3_read(e, key);
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let wanted = input.range.map(range);
        let mut options = ReadOptions { range: wanted, ..ReadOptions::default() };
        // The answer begins with the length, so a size that only reading
        // tells is learnt first, and holds for that version alone.
        let stat = objects.stat(key).await.map_err(failed)?;
        conditions.check(&stat, S3ErrorCode::NotModified)?;
        let measured = match stat.size {
            Some(_) => None,
            None => Some(objects.measured(key).await.map_err(failed)?),
        };
        if let Some(measured) = &measured {
            options.if_match.clone_from(&measured.etag);
        }
        let reader = objects.read(key, options).await.map_err(failed)?;
        let info = reader.info().clone();
        conditions.check(&info, S3ErrorCode::NotModified)?;
        let size = info.size.or(measured.and_then(|measured| measured.size)).ok_or_else(|| {
            // It was replaced in between by one whose size isn't known.
            s3_error!(ServiceUnavailable, "the object changed while it was being opened; try again")
        })?;
        let (start, end) = wanted.unwrap_or_default().resolve(size).map_err(failed)?;
        let (metadata, kept) = meta::show(&info.metadata);
        let output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(outgoing(reader, end - start, self.in_use.clone())),
            cache_control: input.response_cache_control.or(kept.cache_control),
            content_disposition: input.response_content_disposition.or(kept.content_disposition),
            content_encoding: input.response_content_encoding.or(kept.content_encoding),
            content_language: input.response_content_language.or(kept.content_language),
            content_type: input.response_content_type.or(info.content_type.clone()),
            content_length: Some(signed(end - start)),
            content_range: wanted.map(|_| format!("bytes {start}-{}/{size}", end.max(1) - 1)),
            e_tag: meta::etag(&info),
            expires: kept.expires,
            last_modified: meta::modified(&info),
            metadata: Some(metadata),
            ..GetObjectOutput::default()
        };
        let status =
            if wanted.is_some() { http::StatusCode::PARTIAL_CONTENT } else { http::StatusCode::OK };
        Ok(S3Response::with_status(output, status))
    }
}
