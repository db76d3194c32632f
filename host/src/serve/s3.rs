//! The S3 operations over a set of buckets.

use super::body::{Expected, Incoming, outgoing, staging_failed};
use super::error::{s3, s3_read};
use super::list::{self, Item, Query};
use super::meta::{self, Conditions, Kept};
use super::staging::{self, Staging, Upload};
use crate::objects::{CHUNK, Objects};
use crate::store::{ByteRange, DeleteOptions, ObjectInfo, PutOptions, ReadOptions, Reader};
use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt};
use http::HeaderMap;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result, TrailingHeaders, s3_error};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::io::AsyncReadExt;

/// How many objects of unknown size are measured at a time for a listing.
const MEASURES: usize = 8;

/// The buckets being served.
pub struct Buckets {
    pub stores: BTreeMap<String, Objects>,
    pub staging: Arc<Staging>,
    /// Held by this set and by every stream that outlives its request: the
    /// stores may be closed when nobody holds it any more.
    pub in_use: Arc<()>,
}

impl Buckets {
    fn bucket(&self, name: &str) -> S3Result<&Objects> {
        self.stores.get(name).ok_or_else(|| S3Error::new(S3ErrorCode::NoSuchBucket))
    }

    /// The object that a copy is made of, for reading.
    async fn source(
        &self,
        source: &CopySource,
        range: Option<ByteRange>,
        conditions: Conditions,
    ) -> S3Result<(Box<dyn Reader>, ObjectInfo)> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented, "only objects of buckets here can be copied"));
        };
        let objects = self.bucket(bucket)?;
        let options = ReadOptions { range, ..ReadOptions::default() };
        let reader = objects.read(key, options).await.map_err(|e| s3_read(e, key))?;
        let info = reader.info().clone();
        conditions.check(&info, S3ErrorCode::PreconditionFailed)?;
        Ok((reader, info))
    }
}

/// The conditions of a write, as a store checks them.
fn put_conditions(
    objects: &Objects,
    options: &mut PutOptions,
    if_match: Option<IfMatch>,
    if_none_match: Option<IfNoneMatch>,
) -> S3Result<()> {
    if (if_match.is_some() || if_none_match.is_some()) && !objects.capabilities().conditional {
        return Err(s3_error!(NotImplemented, "this store does not check conditions of writes"));
    }
    if let Some(condition) = if_none_match {
        if !condition.is_any() {
            return Err(s3_error!(NotImplemented, "If-None-Match of a write can only be *"));
        }
        options.if_absent = true;
    }
    match if_match {
        Some(condition) if condition.is_any() => {
            Err(s3_error!(NotImplemented, "If-Match of a write can't be *"))
        }
        Some(condition) => {
            options.if_match = condition.into_etag().map(ETag::into_value);
            Ok(())
        }
        None => Ok(()),
    }
}

fn range(range: Range) -> ByteRange {
    match range {
        Range::Suffix { length } => ByteRange::last(length),
        Range::Int { first, last: None } => ByteRange::from(first),
        Range::Int { first, last: Some(last) } => {
            ByteRange::span(first, last.saturating_sub(first).saturating_add(1))
        }
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

/// What an answer with `encoding-type=url` encodes.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

fn encoded(url: bool, text: String) -> String {
    if url { utf8_percent_encode(&text, URL).to_string() } else { text }
}

fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}

/// A page of a listing, for both versions of the operation.
struct Listed {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    last: Option<String>,
    more: bool,
}

async fn listed(objects: &Objects, query: Query, url: bool) -> S3Result<Listed> {
    let (items, more) = list::list(objects, &query).await.map_err(|e| s3(e, ""))?;
    let last = items.last().map(|item| item.name().to_owned()).filter(|_| more);
    let mut prefixes = Vec::new();
    let mut entries = Vec::new();
    for item in items {
        match item {
            Item::Prefix(prefix) => {
                prefixes.push(CommonPrefix { prefix: Some(encoded(url, prefix)) });
            }
            Item::Object(entry) => entries.push(entry),
        }
    }
    let objects = objects.clone();
    let contents = futures::stream::iter(entries)
        .map(|entry| {
            let objects = objects.clone();
            async move {
                let info = match entry.info.size {
                    Some(_) => entry.info,
                    None => match objects.measured(&entry.key).await {
                        Ok(info) => info,
                        // Deleted meanwhile, or unreadable: listed as it stands.
                        Err(_) => entry.info,
                    },
                };
                Object {
                    key: Some(encoded(url, entry.key)),
                    size: info.size.map(signed),
                    e_tag: meta::etag(&info),
                    last_modified: meta::modified(&info),
                    storage_class: Some(ObjectStorageClass::from_static(
                        ObjectStorageClass::STANDARD,
                    )),
                    ..Object::default()
                }
            }
        })
        .buffered(MEASURES)
        .collect()
        .await;
    Ok(Listed { contents, prefixes, last, more })
}

fn page_size(max_keys: Option<i32>) -> S3Result<usize> {
    match max_keys {
        None => Ok(1000),
        Some(n) => usize::try_from(n)
            .map(|n| n.min(1000))
            .map_err(|_| s3_error!(InvalidArgument, "max-keys must not be negative")),
    }
}

#[async_trait]
impl S3 for Buckets {
    async fn list_buckets(
        &self,
        req: S3Request<ListBucketsInput>,
    ) -> S3Result<S3Response<ListBucketsOutput>> {
        let prefix = req.input.prefix.unwrap_or_default();
        let bucket = |name: &String| Bucket {
            name: Some(name.clone()),
            creation_date: Some(UNIX_EPOCH.into()),
            ..Bucket::default()
        };
        let buckets = self.stores.keys().filter(|name| name.starts_with(&prefix)).map(bucket);
        let owner = Owner { id: Some("storage".to_owned()), display_name: None };
        Ok(S3Response::new(ListBucketsOutput {
            buckets: Some(buckets.collect()),
            owner: Some(owner),
            ..ListBucketsOutput::default()
        }))
    }

    async fn head_bucket(
        &self,
        req: S3Request<HeadBucketInput>,
    ) -> S3Result<S3Response<HeadBucketOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(HeadBucketOutput::default()))
    }

    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> S3Result<S3Response<GetBucketLocationOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }

    async fn get_bucket_versioning(
        &self,
        req: S3Request<GetBucketVersioningInput>,
    ) -> S3Result<S3Response<GetBucketVersioningOutput>> {
        self.bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketVersioningOutput::default()))
    }

    async fn list_objects(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let url = is_url(input.encoding_type.as_ref());
        let limit = page_size(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().unwrap_or_default(),
            limit,
        };
        let page = listed(objects, query, url).await?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            prefix: Some(encoded(url, input.prefix.unwrap_or_default())),
            marker: Some(encoded(url, input.marker.unwrap_or_default())),
            max_keys: Some(i32::try_from(limit).unwrap_or(1000)),
            delimiter: input.delimiter.map(|delimiter| encoded(url, delimiter)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.more),
            next_marker: page.last.map(|last| encoded(url, last)),
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsOutput::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let url = is_url(input.encoding_type.as_ref());
        let limit = page_size(input.max_keys)?;
        // A token is the last name of the page before, in hexadecimal.
        let after = match &input.continuation_token {
            Some(token) => {
                hex::decode(token).ok().and_then(|name| String::from_utf8(name).ok()).ok_or_else(
                    || s3_error!(InvalidArgument, "the continuation token is not one of ours"),
                )?
            }
            None => input.start_after.clone().unwrap_or_default(),
        };
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after,
            limit,
        };
        let page = listed(objects, query, url).await?;
        let count = page.contents.len() + page.prefixes.len();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encoded(url, input.prefix.unwrap_or_default())),
            max_keys: Some(i32::try_from(limit).unwrap_or(1000)),
            key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|after| encoded(url, after)),
            delimiter: input.delimiter.map(|delimiter| encoded(url, delimiter)),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.more),
            next_continuation_token: page.last.map(hex::encode),
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsV2Output::default()
        }))
    }

    async fn head_object(
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

    async fn get_object(
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

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        let objects = self.bucket(&input.bucket)?;
        let key = &input.key;
        let kept = Kept {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            expires: input.expires,
        };
        let mut options = PutOptions {
            content_type: input.content_type,
            metadata: meta::keep(input.metadata, kept)?,
            ..PutOptions::default()
        };
        put_conditions(objects, &mut options, input.if_match, input.if_none_match)?;
        let expected = Expected {
            content_md5: input.content_md5,
            length: length(&headers, input.content_length),
            crc32: input.checksum_crc32.clone(),
            crc32c: input.checksum_crc32c.clone(),
            crc64nvme: input.checksum_crc64nvme.clone(),
            sha1: input.checksum_sha1.clone(),
            sha256: input.checksum_sha256.clone(),
        };
        let mut body = Incoming::new(input.body, expected, &headers, trailing_headers);
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        while let Some(chunk) = body.next().await? {
            upload.push(chunk).await.map_err(failed)?;
        }
        // A digest that doesn't match drops the upload unfinished.
        let (md5, _) = body.finish()?;
        let info = upload.finish_as(hex::encode(md5)).await.map_err(failed)?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: meta::etag(&info),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..PutObjectOutput::default()
        }))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let if_match = match input.if_match {
            Some(condition) if condition.is_any() => {
                return Err(s3_error!(NotImplemented, "If-Match of a delete can't be *"));
            }
            Some(condition) => condition.into_etag().map(ETag::into_value),
            None => None,
        };
        delete(objects, &input.key, if_match).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }

    async fn delete_objects(
        &self,
        req: S3Request<DeleteObjectsInput>,
    ) -> S3Result<S3Response<DeleteObjectsOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        if input.delete.objects.len() > 1000 {
            return Err(s3_error!(MalformedXML, "at most 1000 objects at a time"));
        }
        let done: Vec<_> = futures::stream::iter(input.delete.objects)
            .map(|object| async move {
                let done = delete(objects, &object.key, object.e_tag.map(ETag::into_value)).await;
                (object.key, done)
            })
            .buffered(MEASURES)
            .collect()
            .await;
        let mut output = DeleteObjectsOutput::default();
        for (key, done) in done {
            match done {
                Ok(()) if input.delete.quiet == Some(true) => {}
                Ok(()) => {
                    let deleted = DeletedObject { key: Some(key), ..DeletedObject::default() };
                    output.deleted.get_or_insert_default().push(deleted);
                }
                Err(error) => output.errors.get_or_insert_default().push(Error {
                    code: Some(error.code().as_str().to_owned()),
                    message: error.message().map(str::to_owned),
                    key: Some(key),
                    ..Error::default()
                }),
            }
        }
        Ok(S3Response::new(output))
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
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
        if let CopySource::Bucket { bucket, key: from, .. } = &input.copy_source
            && **bucket == *input.bucket
            && **from == **key
            && !replace
        {
            return Err(s3_error!(
                InvalidRequest,
                "an object can be copied onto itself only with new metadata (REPLACE)"
            ));
        }
        let (mut reader, info) = self.source(&input.copy_source, None, conditions).await?;
        let options = match replace {
            true => {
                let kept = Kept {
                    cache_control: input.cache_control,
                    content_disposition: input.content_disposition,
                    content_encoding: input.content_encoding,
                    content_language: input.content_language,
                    expires: input.expires,
                };
                let metadata = meta::keep(input.metadata, kept)?;
                PutOptions { content_type: input.content_type, metadata, ..PutOptions::default() }
            }
            false => {
                let mut metadata = info.metadata;
                metadata.retain(|(name, _)| !name.starts_with(storage_core::RESERVED_METADATA));
                PutOptions { content_type: info.content_type, metadata, ..PutOptions::default() }
            }
        };
        let failed = |e| s3(e, key);
        let mut upload = objects.write(key, options).await.map_err(failed)?;
        loop {
            let chunk = reader.next(CHUNK).await.map_err(|e| s3_read(e, key))?;
            if chunk.is_empty() {
                break;
            }
            upload.push(chunk).await.map_err(failed)?;
        }
        let info = upload.finish().await.map_err(failed)?;
        let result = CopyObjectResult {
            e_tag: meta::etag(&info),
            last_modified: meta::modified(&info),
            ..CopyObjectResult::default()
        };
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..CopyObjectOutput::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        crate::store::check_key(&input.key).map_err(|e| s3(e, &input.key))?;
        if !objects.capabilities().write {
            return Err(s3_error!(NotImplemented, "this store takes no writes"));
        }
        let kept = Kept {
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding,
            content_language: input.content_language,
            expires: input.expires,
        };
        let id = self.staging.start(Upload {
            bucket: input.bucket.clone(),
            key: input.key.clone(),
            content_type: input.content_type,
            metadata: meta::keep(input.metadata, kept)?,
            started: SystemTime::now(),
            parts: BTreeMap::new(),
        })?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..CreateMultipartUploadOutput::default()
        }))
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let S3Request { input, headers, trailing_headers, .. } = req;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let expected = Expected {
            content_md5: input.content_md5,
            length: length(&headers, input.content_length),
            crc32: input.checksum_crc32.clone(),
            crc32c: input.checksum_crc32c.clone(),
            crc64nvme: input.checksum_crc64nvme.clone(),
            sha1: input.checksum_sha1.clone(),
            sha256: input.checksum_sha256.clone(),
        };
        let body = Incoming::new(input.body, expected, &headers, trailing_headers);
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let (md5, size) = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, md5, size)?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(ETag::Strong(part.etag())),
            checksum_crc32: input.checksum_crc32,
            checksum_crc32c: input.checksum_crc32c,
            checksum_crc64nvme: input.checksum_crc64nvme,
            checksum_sha1: input.checksum_sha1,
            checksum_sha256: input.checksum_sha256,
            ..UploadPartOutput::default()
        }))
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted = match input.copy_source_range.as_deref().map(Range::parse) {
            None => None,
            Some(Ok(parsed)) => Some(range(parsed)),
            Some(Err(_)) => {
                return Err(s3_error!(InvalidArgument, "the copy source range is no range"));
            }
        };
        let conditions = Conditions {
            if_match: input.copy_source_if_match,
            if_none_match: input.copy_source_if_none_match,
            if_modified_since: input.copy_source_if_modified_since,
            if_unmodified_since: input.copy_source_if_unmodified_since,
        };
        let (reader, _) = self.source(&input.copy_source, wanted, conditions).await?;
        let stream = futures::stream::try_unfold(reader, |mut reader| async move {
            let chunk = reader.next(CHUNK).await?;
            Ok::<_, crate::Error>((!chunk.is_empty()).then_some((chunk, reader)))
        });
        let body = StreamingBlob::wrap(sync_wrapper::SyncStream::new(stream.into_stream()));
        let body = Incoming::new(
            Some(body),
            Expected::default(),
            &HeaderMap::new(),
            None::<TrailingHeaders>,
        );
        let mut part = self.staging.part(&input.upload_id, input.part_number).await?;
        let (md5, size) = part.fill(body).await?;
        let part = self.staging.keep(&input.upload_id, part, md5, size)?;
        let result = CopyPartResult {
            e_tag: Some(ETag::Strong(part.etag())),
            last_modified: Some(part.modified.into()),
            ..CopyPartResult::default()
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..UploadPartCopyOutput::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket)?;
        let found = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let wanted: Vec<_> = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default()
            .into_iter()
            .map(|part| (part.part_number.unwrap_or(0), part.e_tag.map(ETag::into_value)))
            .collect();
        let parts = found.chosen(&wanted)?;
        let mut options = PutOptions {
            content_type: found.content_type,
            metadata: found.metadata,
            ..PutOptions::default()
        };
        put_conditions(objects, &mut options, input.if_match, input.if_none_match)?;
        let (bucket, key, id) = (input.bucket, input.key, input.upload_id);
        let mut upload = objects.write(&key, options).await.map_err(|e| s3(e, &key))?;
        let (staging, in_use) = (self.staging.clone(), self.in_use.clone());
        // Large objects take a while: the answer begins at once and is kept
        // alive until the object stands.
        let future = async move {
            let etag = staging::etag(&parts);
            let mut buffer = vec![0; CHUNK];
            for part in &parts {
                let mut file =
                    tokio::fs::File::open(&part.path).await.map_err(|e| staging_failed(&e))?;
                loop {
                    let count = file.read(&mut buffer).await.map_err(|e| staging_failed(&e))?;
                    let Some(piece) = buffer.get(..count).filter(|piece| !piece.is_empty()) else {
                        break;
                    };
                    let piece = bytes::Bytes::copy_from_slice(piece);
                    upload.push(piece).await.map_err(|e| s3(e, &key))?;
                }
            }
            let info = upload.finish_as(etag).await.map_err(|e| s3(e, &key))?;
            staging.remove(&id);
            drop(in_use);
            Ok(CompleteMultipartUploadOutput {
                bucket: Some(bucket),
                e_tag: meta::etag(&info),
                key: Some(key),
                ..CompleteMultipartUploadOutput::default()
            })
        };
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            future: Some(Box::pin(future)),
            ..CompleteMultipartUploadOutput::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        self.staging.remove(&input.upload_id);
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }

    async fn list_parts(
        &self,
        req: S3Request<ListPartsInput>,
    ) -> S3Result<S3Response<ListPartsOutput>> {
        let input = req.input;
        let upload = self.staging.find(&input.upload_id, &input.bucket, &input.key)?;
        let after = input.part_number_marker.unwrap_or(0);
        let most = usize::try_from(input.max_parts.unwrap_or(1000)).unwrap_or(1000).min(1000);
        let mut rest = upload.parts.iter().filter(|(number, _)| **number > after);
        let parts: Vec<Part> = rest
            .by_ref()
            .take(most)
            .map(|(number, part)| Part {
                e_tag: Some(ETag::Strong(part.etag())),
                last_modified: Some(part.modified.into()),
                part_number: Some(*number),
                size: Some(signed(part.size)),
                ..Part::default()
            })
            .collect();
        let more = rest.next().is_some();
        Ok(S3Response::new(ListPartsOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(more),
            max_parts: i32::try_from(most).ok(),
            next_part_number_marker: parts.last().and_then(|part| part.part_number),
            part_number_marker: input.part_number_marker,
            parts: Some(parts),
            ..ListPartsOutput::default()
        }))
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.bucket(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let uploads = self.staging.list(&input.bucket).into_iter();
        let uploads = uploads.filter(|(_, upload)| upload.key.starts_with(&prefix)).take(1000);
        let uploads = uploads.map(|(id, upload)| MultipartUpload {
            initiated: Some(upload.started.into()),
            key: Some(upload.key),
            upload_id: Some(id),
            ..MultipartUpload::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            uploads: Some(uploads.collect()),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            ..ListMultipartUploadsOutput::default()
        }))
    }
}

/// Deleting what is not there is no error in S3.
async fn delete(objects: &Objects, key: &str, if_match: Option<String>) -> S3Result<()> {
    let conditional = if_match.is_some();
    match objects.delete(key, DeleteOptions { if_match }).await {
        Err(crate::Error::NotFound) if !conditional => Ok(()),
        done => done.map_err(|error| s3(error, key)),
    }
}

/// How many bytes the client says that the object has.
fn length(headers: &HeaderMap, content_length: Option<i64>) -> Option<i64> {
    match headers.get("x-amz-decoded-content-length") {
        Some(decoded) => decoded.to_str().ok().and_then(|text| text.parse().ok()),
        None if headers
            .get("content-encoding")
            .is_some_and(|v| v.as_bytes().starts_with(b"aws-chunked")) =>
        {
            None
        }
        None => content_length,
    }
}
