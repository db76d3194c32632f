//! ListObjects, ListObjectsV2 and ListObjectVersions.

use super::buckets::Buckets;
use super::error::s3;
use super::meta::{self, NO_VERSION};
use super::s3::signed;
use super::users::owner;
use futures::StreamExt;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};
use storage_store::delimited::{self, Item, Query};
use storage_store::objects::Objects;

/// How many objects of unknown size to measure concurrently.
const MEASURES: usize = 8;

impl Buckets {
    pub(super) async fn list_objects_answer(
        &self,
        req: S3Request<ListObjectsInput>,
    ) -> S3Result<S3Response<ListObjectsOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket).await?;
        let url = is_url(input.encoding_type.as_ref());
        let limit = page_size(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.marker.clone().unwrap_or_default(),
            limit,
        };
        let query_prefix = query.prefix.clone();
        let owner = owner(self.state(&input.bucket).await?.owner.as_deref());
        let page = listed(&objects, query, url, Some(owner)).await?;
        Ok(S3Response::new(ListObjectsOutput {
            name: Some(input.bucket),
            // Version 1 returns the prefix unencoded, and clients don't decode
            // it. But XML can't represent every character.
            prefix: Some(encoded(url && !is_xml(&query_prefix), query_prefix)),
            marker: Some(encoded(url, input.marker.unwrap_or_default())),
            max_keys: Some(i32::try_from(limit).unwrap_or(1000)),
            delimiter: delimiter(url, input.delimiter),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.more),
            next_marker: page.last.map(|last| encoded(url, last)),
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsOutput::default()
        }))
    }

    pub(super) async fn list_objects_v2_answer(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket).await?;
        let url = is_url(input.encoding_type.as_ref());
        let limit = page_size(input.max_keys)?;
        // A token is the last name of the previous page, in hexadecimal.
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
        let owner = match input.fetch_owner {
            Some(true) => Some(owner(self.state(&input.bucket).await?.owner.as_deref())),
            _ => None,
        };
        let page = listed(&objects, query, url, owner).await?;
        let count = page.contents.len() + page.prefixes.len();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encoded(url, input.prefix.unwrap_or_default())),
            max_keys: Some(i32::try_from(limit).unwrap_or(1000)),
            key_count: Some(i32::try_from(count).unwrap_or(i32::MAX)),
            continuation_token: input.continuation_token,
            start_after: input.start_after.map(|after| encoded(url, after)),
            delimiter: delimiter(url, input.delimiter),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.more),
            next_continuation_token: page.last.map(hex::encode),
            contents: Some(page.contents),
            common_prefixes: Some(page.prefixes),
            ..ListObjectsV2Output::default()
        }))
    }

    /// Lists every object as the only version of its key, as S3 does for
    /// unversioned buckets.
    pub(super) async fn list_object_versions_answer(
        &self,
        req: S3Request<ListObjectVersionsInput>,
    ) -> S3Result<S3Response<ListObjectVersionsOutput>> {
        let input = req.input;
        let objects = self.bucket(&input.bucket).await?;
        let url = is_url(input.encoding_type.as_ref());
        let limit = page_size(input.max_keys)?;
        let query = Query {
            prefix: input.prefix.clone().unwrap_or_default(),
            delimiter: input.delimiter.clone().unwrap_or_default(),
            after: input.key_marker.clone().unwrap_or_default(),
            limit,
        };
        let owner = owner(self.state(&input.bucket).await?.owner.as_deref());
        let page = listed(&objects, query, url, Some(owner)).await?;
        let version = |object: Object| ObjectVersion {
            key: object.key,
            size: object.size,
            e_tag: object.e_tag,
            last_modified: object.last_modified,
            owner: object.owner,
            is_latest: Some(true),
            version_id: Some(NO_VERSION.to_owned()),
            storage_class: Some(ObjectVersionStorageClass::from_static(
                ObjectVersionStorageClass::STANDARD,
            )),
            ..ObjectVersion::default()
        };
        Ok(S3Response::new(ListObjectVersionsOutput {
            name: Some(input.bucket),
            prefix: Some(encoded(url, input.prefix.unwrap_or_default())),
            key_marker: Some(encoded(url, input.key_marker.unwrap_or_default())),
            version_id_marker: input.version_id_marker,
            max_keys: Some(i32::try_from(limit).unwrap_or(1000)),
            delimiter: delimiter(url, input.delimiter),
            encoding_type: input.encoding_type,
            is_truncated: Some(page.more),
            next_version_id_marker: page.last.as_ref().map(|_| NO_VERSION.to_owned()),
            next_key_marker: page.last.map(|last| encoded(url, last)),
            versions: Some(page.contents.into_iter().map(version).collect()),
            common_prefixes: Some(page.prefixes),
            ..ListObjectVersionsOutput::default()
        }))
    }
}

/// A page of objects and common prefixes, for all list operations.
struct Listed {
    contents: Vec<Object>,
    prefixes: Vec<CommonPrefix>,
    last: Option<String>,
    more: bool,
}

async fn listed(
    objects: &Objects,
    query: Query,
    url: bool,
    owner: Option<Owner>,
) -> S3Result<Listed> {
    let (items, more) = delimited::list(objects, &query).await.map_err(|e| s3(e, ""))?;
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
            let (objects, owner) = (objects.clone(), owner.clone());
            async move {
                let info = match entry.info.size {
                    Some(_) => entry.info,
                    None => match objects.stat_with_size(&entry.key).await {
                        Ok(info) => info,
                        // Deleted meanwhile, or unreadable: list it without a
                        // size.
                        Err(_) => entry.info,
                    },
                };
                Object {
                    key: Some(encoded(url, entry.key)),
                    size: info.size.map(signed),
                    e_tag: meta::etag(&info),
                    last_modified: meta::modified(&info),
                    owner,
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

/// Whether XML can represent the text.
fn is_xml(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || c == '\n' || (c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}'))
}

/// The characters that `encoding-type=url` encodes.
const URL: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub(super) fn encoded(url: bool, text: String) -> String {
    if url { utf8_percent_encode(&text, URL).to_string() } else { text }
}

/// Encodes a delimiter; an empty one counts as none.
pub(super) fn delimiter(url: bool, delimiter: Option<String>) -> Option<String> {
    delimiter.filter(|delimiter| !delimiter.is_empty()).map(|delimiter| encoded(url, delimiter))
}

pub(super) fn is_url(encoding: Option<&EncodingType>) -> bool {
    encoding.is_some_and(|encoding| encoding.as_str() == EncodingType::URL)
}
