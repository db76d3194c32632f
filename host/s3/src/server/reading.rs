//! HeadObject, GetObjectAttributes and GetObject.

use super::body::outgoing;
use super::buckets::Buckets;
use super::checksum::{Sum, show_sum};
use super::error::s3_read;
use super::judging::Judged;
use super::layout::{self, Piece};
use super::meta::{self, Conditions};
use super::s3::{range, signed};
use super::tags;
use http::Extensions;
use s3s::dto::*;
use s3s::{S3ErrorCode, S3Request, S3Response, S3Result, s3_error};
use storage_store::chunk_size::piece;
use storage_store::objects::Objects;
use storage_store::source::Source;
use storage_store::{ByteRange, Error, ObjectInfo, ReadOptions};

impl Buckets {
    pub(super) async fn head_object_answer(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let S3Request { input, extensions, .. } = req;
        let key = &input.key;
        meta::only_version(input.version_id.as_deref())?;
        let objects = self.bucket(&input.bucket).await?;
        let info = objects.stat_with_size(key).await.map_err(|e| s3_read(e, key))?;
        Judged::check(&extensions, &info)?;
        Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        }
        .check(&info, S3ErrorCode::NotModified)?;
        let (metadata, kept) = meta::show(&info);
        let size = info.size.unwrap_or(0);
        let part = part(&info, input.part_number)?;
        let wanted = wanted(&part, input.range)?;
        let (start, end) = match wanted {
            Some(wanted) => wanted.resolve(size).map_err(|e| s3_read(e, key))?,
            None => (0, size),
        };
        let is_whole = wanted.is_none();
        let sum = shown_sum(input.checksum_mode.as_ref(), kept.sum, &part, is_whole);
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            cache_control: input.response_cache_control.or(kept.cache_control),
            content_disposition: input.response_content_disposition.or(kept.content_disposition),
            content_encoding: input.response_content_encoding.or(kept.content_encoding),
            content_language: input.response_content_language.or(kept.content_language),
            content_type: Some(input.response_content_type.unwrap_or_else(|| content_type(&info))),
            content_length: Some(signed(end - start)),
            content_range: wanted.map(|_| content_range(start, end, size)),
            checksum_type: sum.as_ref().map(Sum::kind),
            e_tag: meta::etag(&info),
            expires: input.response_expires.or(kept.expires),
            last_modified: meta::modified(&info),
            metadata: Some(metadata),
            parts_count: part.and_then(|part| part.count),
            ..HeadObjectOutput::default()
        };
        show_sum!(output, &sum);
        let mut answer = S3Response::with_status(output, status(wanted));
        // The library has no output field for the tag count of HeadObject.
        let tags = tags::count(kept.tagging.as_ref());
        let tags =
            tags.map(|count| (http::HeaderName::from_static("x-amz-tagging-count"), count.into()));
        answer.headers.extend(tags);
        Ok(answer)
    }

    pub(super) async fn get_object_attributes_answer(
        &self,
        req: S3Request<GetObjectAttributesInput>,
    ) -> S3Result<S3Response<GetObjectAttributesOutput>> {
        let S3Request { input, extensions, .. } = req;
        let key = &input.key;
        meta::only_version(input.version_id.as_deref())?;
        let objects = self.bucket(&input.bucket).await?;
        let info = objects.stat_with_size(key).await.map_err(|e| s3_read(e, key))?;
        Judged::check(&extensions, &info)?;
        // Clients send all names in one header, or each in its own.
        let names = input.object_attributes.iter().flat_map(|names| names.as_str().split(','));
        let asked: Vec<_> = names.map(str::trim).collect();
        let asked = |name| asked.contains(&name);
        let storage_class = StorageClass::from_static(StorageClass::STANDARD);
        let sum = meta::show(&info).1.sum;
        let pieces = pieces(&info).filter(|_| asked(ObjectAttributes::OBJECT_PARTS));
        let object_parts = pieces.map(|pieces| {
            let most = input.max_parts.unwrap_or(1000).clamp(0, 1000);
            parts(&pieces, sum.as_ref(), input.part_number_marker.unwrap_or(0), most)
        });
        let sum = sum.filter(|_| asked(ObjectAttributes::CHECKSUM));
        let checksum = sum.map(|sum| {
            let mut shown = Checksum { checksum_type: Some(sum.kind()), ..Checksum::default() };
            show_sum!(shown, &Some(sum));
            shown
        });
        Ok(S3Response::new(GetObjectAttributesOutput {
            checksum,
            object_parts,
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
        let S3Request { input, extensions, .. } = req;
        meta::only_version(input.version_id.as_deref())?;
        let objects = self.bucket(&input.bucket).await?;
        let key = &input.key;
        let failed = |e| s3_read(e, key);
        let conditions = Conditions {
            if_match: input.if_match,
            if_none_match: input.if_none_match,
            if_modified_since: input.if_modified_since,
            if_unmodified_since: input.if_unmodified_since,
        };
        let (number, range) = (input.part_number, input.range);
        let opened = Opened::new(&objects, key, &conditions, &extensions, number, range);
        let Opened { source, size, part, wanted } = opened.await?;
        let info = source.info().clone();
        let (start, end) = wanted.unwrap_or_default().resolve(size).map_err(failed)?;
        // An error before the first bytes still gets a status.
        let mut source = source.of(end - start);
        source.look(piece()).await.map_err(failed)?;
        let (metadata, kept) = meta::show(&info);
        let is_whole = wanted.is_none();
        let sum = shown_sum(input.checksum_mode.as_ref(), kept.sum, &part, is_whole);
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(outgoing(source, self.in_use.clone())),
            cache_control: input.response_cache_control.or(kept.cache_control),
            content_disposition: input.response_content_disposition.or(kept.content_disposition),
            content_encoding: input.response_content_encoding.or(kept.content_encoding),
            content_language: input.response_content_language.or(kept.content_language),
            content_type: Some(input.response_content_type.unwrap_or_else(|| content_type(&info))),
            content_length: Some(signed(end - start)),
            content_range: wanted.map(|_| content_range(start, end, size)),
            checksum_type: sum.as_ref().map(Sum::kind),
            e_tag: meta::etag(&info),
            expires: input.response_expires.or(kept.expires),
            last_modified: meta::modified(&info),
            metadata: Some(metadata),
            parts_count: part.and_then(|part| part.count),
            tag_count: tags::count(kept.tagging.as_ref()),
            ..GetObjectOutput::default()
        };
        show_sum!(output, &sum);
        Ok(S3Response::with_status(output, status(wanted)))
    }
}

/// The content type that S3 reports for an object without one.
const CONTENT_TYPE: &str = "binary/octet-stream";

fn content_type(info: &ObjectInfo) -> String {
    info.content_type.clone().unwrap_or_else(|| CONTENT_TYPE.to_owned())
}

/// An object ready to be sent.
struct Opened {
    source: Source,
    size: u64,
    part: Option<Wanted>,
    wanted: Option<ByteRange>,
}

impl Opened {
    async fn new(
        objects: &Objects,
        key: &str,
        conditions: &Conditions,
        extensions: &Extensions,
        number: Option<i32>,
        range: Option<Range>,
    ) -> S3Result<Self> {
        let failed = |e| s3_read(e, key);
        if number.is_none() && conditions.is_empty() {
            let wanted = wanted(&None, range)?;
            let options = ReadOptions { range: wanted, ..ReadOptions::default() };
            match objects.read(key, options).await {
                Ok(source) => {
                    Judged::check(extensions, source.info())?;
                    if let Some(size) = source.info().size {
                        return Ok(Self { source, size, part: None, wanted });
                    }
                }
                // Fall through: the access check below comes before this error.
                Err(Error::InvalidRange) => {}
                Err(error) => return Err(failed(error)),
            }
        }
        // The response begins with the length. A size that only reading reveals
        // is measured first, and holds for that version alone.
        let stat = objects.stat(key).await.map_err(failed)?;
        Judged::check(extensions, &stat)?;
        conditions.check(&stat, S3ErrorCode::NotModified)?;
        let measured = match stat.size {
            Some(_) => None,
            None => Some(objects.stat_with_size(key).await.map_err(failed)?),
        };
        // The position of a part holds for that version alone, too.
        let part = part(measured.as_ref().unwrap_or(&stat), number)?;
        let wanted = wanted(&part, range)?;
        let mut options = ReadOptions { range: wanted, ..ReadOptions::default() };
        if measured.is_some() || part.is_some() {
            options.if_match = measured.as_ref().unwrap_or(&stat).etag.clone();
        }
        let source = objects.read(key, options).await.map_err(failed)?;
        let info = source.info();
        Judged::check(extensions, info)?;
        conditions.check(info, S3ErrorCode::NotModified)?;
        let size = info.size.or(measured.and_then(|measured| measured.size)).ok_or_else(|| {
            // Replaced in between by an object of unknown size.
            s3_error!(ServiceUnavailable, "the object changed while it was being opened; try again")
        })?;
        Ok(Self { source, size, part, wanted })
    }
}

/// The part that a client asked for.
struct Wanted {
    range: Option<ByteRange>,
    /// The number of parts in the object.
    count: Option<i32>,
    piece: Option<Piece>,
}

/// The parts of an object, if their sizes still add up to its size.
fn pieces(info: &ObjectInfo) -> Option<Vec<Piece>> {
    let pieces = layout::kept(&info.metadata)?;
    let size = pieces.iter().try_fold(0u64, |sum, piece| sum.checked_add(piece.size));
    (size == info.size).then_some(pieces)
}

fn part(info: &ObjectInfo, number: Option<i32>) -> S3Result<Option<Wanted>> {
    let Some(number) = number else { return Ok(None) };
    let missing = || s3_error!(InvalidPart, "the object has no part {number}");
    let Some(pieces) = pieces(info) else {
        // An object written in one request is its own part 1.
        let whole = Wanted { range: None, count: None, piece: None };
        return if number == 1 { Ok(Some(whole)) } else { Err(missing()) };
    };
    let (start, piece) = layout::find(&pieces, number).ok_or_else(missing)?;
    Ok(Some(Wanted {
        range: (piece.size > 0).then(|| ByteRange::span(start, piece.size)),
        count: i32::try_from(pieces.len()).ok(),
        piece: Some(piece.clone()),
    }))
}

fn wanted(part: &Option<Wanted>, asked: Option<Range>) -> S3Result<Option<ByteRange>> {
    match (part, asked) {
        (Some(_), Some(_)) => {
            Err(s3_error!(InvalidRequest, "Range and partNumber can't be given together"))
        }
        (Some(part), None) => Ok(part.range),
        (None, asked) => Ok(asked.map(range)),
    }
}

/// The checksum for a response, if the client wants it: of the whole object or
/// of a part, never of a range.
fn shown_sum(
    mode: Option<&ChecksumMode>,
    whole: Option<Sum>,
    part: &Option<Wanted>,
    is_whole: bool,
) -> Option<Sum> {
    mode.filter(|mode| mode.as_str() == ChecksumMode::ENABLED)?;
    match part.as_ref().and_then(|part| part.piece.as_ref()) {
        Some(piece) => layout::sum(whole.as_ref(), piece),
        None => whole.filter(|_| is_whole),
    }
}

fn content_range(start: u64, end: u64, size: u64) -> String {
    format!("bytes {start}-{}/{size}", end.max(1) - 1)
}

fn status(wanted: Option<ByteRange>) -> http::StatusCode {
    if wanted.is_some() { http::StatusCode::PARTIAL_CONTENT } else { http::StatusCode::OK }
}

/// A page of an object's parts, after part number `after`.
fn parts(pieces: &[Piece], whole: Option<&Sum>, after: i32, most: i32) -> GetObjectAttributesParts {
    let mut rest = pieces.iter().filter(|piece| piece.number > after);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(most).unwrap_or(0)).collect();
    let shown = |piece: &&Piece| {
        let mut shown = ObjectPart {
            part_number: Some(piece.number),
            size: Some(signed(piece.size)),
            ..ObjectPart::default()
        };
        show_sum!(shown, &layout::sum(whole, piece));
        shown
    };
    GetObjectAttributesParts {
        is_truncated: Some(rest.next().is_some()),
        max_parts: Some(most),
        next_part_number_marker: page.last().map(|piece| piece.number),
        part_number_marker: Some(after),
        parts: Some(page.iter().map(shown).collect()),
        total_parts_count: i32::try_from(pieces.len()).ok(),
    }
}
