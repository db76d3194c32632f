//! ListObjects, ListObjectsV2 and ListObjectVersions.

use crate::bucket::acl_document::write_owner;
use crate::call::Call;
use crate::object::metadata::{NO_VERSION, etag, modified, quoted};
use crate::protocol::date;
use crate::protocol::encoding::encoded_path;
use crate::protocol::error::{Result, error};
use crate::protocol::request::Request;
use crate::protocol::response::{Response, xml};
use crate::protocol::xml::write::{Writer, document};
use futures::StreamExt;
use std::borrow::Cow;
use storage_store::delimited::{Item, Query};
use storage_store::{Entry, ObjectInfo};

/// How many objects of unknown size to measure concurrently.
const MEASURES: usize = 8;

/// The most names in a page.
const MOST: u32 = 1_000;

/// How names are written: as they are, or as in URLs, since XML can't hold every character.
#[derive(Clone, Copy)]
pub struct Names {
    url: bool,
}

impl Names {
    /// What a request asks for.
    pub fn of(request: &Request) -> Result<Self> {
        match request.parameter("encoding-type")? {
            None | Some("") => Ok(Self { url: false }),
            Some("url") => Ok(Self { url: true }),
            Some(_) => Err(error!(InvalidArgument, "encoding-type is url")),
        }
    }

    /// Writes a name.
    pub fn write(self, writer: &mut Writer, element: &str, name: &str) {
        writer.text(element, &self.shown(name));
    }

    /// Writes the parameters that every listing repeats, in the order of S3.
    pub fn write_query(self, writer: &mut Writer, query: &Query) {
        if !query.delimiter.is_empty() {
            self.write(writer, "Delimiter", &query.delimiter);
        }
        writer.optional("EncodingType", self.url.then_some("url"));
    }

    fn shown(self, name: &str) -> Cow<'_, str> {
        match self.url {
            true => encoded_path(name),
            false => name.into(),
        }
    }
}

/// The page that a request asks for. `after` names the parameter with the last name before
/// it, `limit` that with the most names.
pub fn query(request: &Request, after: &'static str, limit: &'static str) -> Result<Query> {
    let limit = request.number(limit)?.unwrap_or(MOST).min(MOST);
    Ok(Query {
        prefix: request.text("prefix")?,
        delimiter: request.text("delimiter")?,
        after: request.text(after)?,
        limit: usize::try_from(limit).unwrap_or(usize::MAX),
    })
}

/// ListObjects.
pub async fn objects(call: &Call) -> Result<Response> {
    let request = &call.request;
    let query = query(request, "marker", "max-keys")?;
    let (names, page) = (Names::of(request)?, page(call, &query).await?);
    let owner = call.bucket()?.state.owner.as_deref();
    // Version 1 returns the prefix unencoded, and clients don't decode it. But XML can't
    // represent every character.
    let of_prefix = Names { url: names.url && !is_xml(&query.prefix) };
    Ok(xml(document("ListBucketResult", |result| {
        result.text("Name", request.bucket());
        of_prefix.write(result, "Prefix", &query.prefix);
        names.write(result, "Marker", &query.after);
        if let Some(last) = &page.last {
            names.write(result, "NextMarker", last);
        }
        result.value("MaxKeys", query.limit);
        names.write_query(result, &query);
        result.value("IsTruncated", page.last.is_some());
        page.write(result, names, Some(owner));
    })))
}

/// ListObjectsV2. A token is the last name of the previous page, in hexadecimal.
pub async fn objects_v2(call: &Call) -> Result<Response> {
    let request = &call.request;
    let mut query = query(request, "start-after", "max-keys")?;
    let start_after = query.after.clone();
    let token = request.parameter("continuation-token")?;
    if let Some(token) = token.filter(|token| !token.is_empty()) {
        let name = hex::decode(token).ok().and_then(|name| String::from_utf8(name).ok());
        query.after = name
            .filter(|name| !name.is_empty())
            .ok_or_else(|| error!(InvalidArgument, "the continuation token is not one of ours"))?;
    }
    let (names, page) = (Names::of(request)?, page(call, &query).await?);
    let with_owner = request.parameter("fetch-owner")? == Some("true");
    let owner = with_owner.then_some(call.bucket()?.state.owner.as_deref());
    Ok(xml(document("ListBucketResult", |result| {
        result.text("Name", request.bucket());
        names.write(result, "Prefix", &query.prefix);
        result.value("MaxKeys", query.limit);
        result.value("KeyCount", page.objects.len() + page.prefixes.len());
        result.optional("ContinuationToken", token);
        if !start_after.is_empty() {
            names.write(result, "StartAfter", &start_after);
        }
        names.write_query(result, &query);
        result.value("IsTruncated", page.last.is_some());
        result.optional("NextContinuationToken", page.last.as_ref().map(hex::encode).as_deref());
        page.write(result, names, owner);
    })))
}

/// ListObjectVersions: lists every object as the only version of its key, as S3 does for
/// unversioned buckets.
pub async fn versions(call: &Call) -> Result<Response> {
    let request = &call.request;
    let query = query(request, "key-marker", "max-keys")?;
    let (names, page) = (Names::of(request)?, page(call, &query).await?);
    let owner = call.bucket()?.state.owner.as_deref();
    let version_marker = request.parameter("version-id-marker")?;
    Ok(xml(document("ListVersionsResult", |result| {
        result.text("Name", request.bucket());
        names.write(result, "Prefix", &query.prefix);
        names.write(result, "KeyMarker", &query.after);
        result.optional("VersionIdMarker", version_marker);
        if let Some(last) = &page.last {
            names.write(result, "NextKeyMarker", last);
            result.text("NextVersionIdMarker", NO_VERSION);
        }
        result.value("MaxKeys", query.limit);
        names.write_query(result, &query);
        result.value("IsTruncated", page.last.is_some());
        for entry in &page.objects {
            result.element("Version", |version| {
                names.write(version, "Key", &entry.key);
                version.text("VersionId", NO_VERSION);
                version.value("IsLatest", true);
                write_info(version, &entry.info);
                write_owner(version, "Owner", owner);
            });
        }
        page.write_prefixes(result, names);
    })))
}

/// A page of objects and common prefixes.
struct Page {
    objects: Vec<Entry>,
    prefixes: Vec<String>,
    /// The last name, if there are more.
    last: Option<String>,
}

async fn page(call: &Call, query: &Query) -> Result<Page> {
    let bucket = call.bucket()?;
    let objects = &bucket.objects;
    let (items, more) = call.endpoint.snapshots.list(bucket, query).await?;
    let last = items.last().map(|item| item.name().to_owned()).filter(|_| more);
    let (mut prefixes, mut entries) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Prefix(prefix) => prefixes.push(prefix),
            Item::Object(entry) => entries.push(entry),
        }
    }
    let measured = futures::stream::iter(entries).map(|mut entry| async move {
        // One that was deleted meanwhile, or can't be read, is listed without a size.
        if entry.info.size.is_none()
            && let Ok(info) = objects.stat_with_size(&entry.key).await
        {
            entry.info = info;
        }
        entry
    });
    let objects = measured.buffered(MEASURES).collect().await;
    Ok(Page { objects, prefixes, last })
}

impl Page {
    fn write(&self, result: &mut Writer, names: Names, owner: Option<Option<&str>>) {
        for entry in &self.objects {
            result.element("Contents", |object| {
                names.write(object, "Key", &entry.key);
                write_info(object, &entry.info);
                if let Some(owner) = owner {
                    write_owner(object, "Owner", owner);
                }
            });
        }
        self.write_prefixes(result, names);
    }

    fn write_prefixes(&self, result: &mut Writer, names: Names) {
        for prefix in &self.prefixes {
            result.element("CommonPrefixes", |common| names.write(common, "Prefix", prefix));
        }
    }
}

fn write_info(writer: &mut Writer, info: &ObjectInfo) {
    writer.optional("LastModified", modified(info).map(date::to_iso).as_deref());
    writer.optional("ETag", etag(info).map(|etag| quoted(&etag)).as_deref());
    if let Some(size) = info.size {
        writer.value("Size", size);
    }
    writer.text("StorageClass", "STANDARD");
}

/// Whether XML can represent the text.
fn is_xml(text: &str) -> bool {
    text.chars().all(|c| c == '\t' || c == '\n' || (c >= ' ' && c != '\u{FFFE}' && c != '\u{FFFF}'))
}
