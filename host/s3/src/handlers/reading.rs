//! GetObject, HeadObject and GetObjectAttributes.

use crate::call::Call;
use crate::object::checksum::Sum;
use crate::object::conditions::{OfRead, uses_range};
use crate::object::layout::{self, Piece};
use crate::object::metadata::{entry, etag, modified, only_version, show, sum};
use crate::object::outgoing;
use crate::object::tags::{TAGGING, count};
use crate::protocol::date;
use crate::protocol::error::{Error, Result, error};
use crate::protocol::range;
use crate::protocol::response::{Response, empty, set, xml};
use crate::protocol::signing::Signing;
use crate::protocol::xml::write::{Writer, document};
use crate::store_error::of_reading;
use http::header::CONTENT_RANGE;
use http::{HeaderValue, StatusCode};
use storage_store::chunk_size::piece;
use storage_store::source::Source;
use storage_store::{ByteRange, Error as StoreError, ObjectInfo, ReadOptions};

/// GetObject.
pub async fn get(call: &Call) -> Result<Response> {
    check(call)?;
    let (source, view) = open(call).await?;
    let info = source.info().clone();
    let mut response = view.response(call, &info)?;
    // An error before the first bytes still gets a status.
    let mut source = source.of(view.end - view.start);
    source.look(piece()).await.map_err(of_reading)?;
    *response.body_mut() = outgoing::body(source, call.endpoint.in_use.clone());
    Ok(response)
}

/// HeadObject.
pub async fn head(call: &Call) -> Result<Response> {
    check(call)?;
    let info = call.bucket()?.objects.stat_with_size(call.key()).await.map_err(of_reading)?;
    call.judged.check(&info)?;
    OfRead::of(&call.head())?.check(&info)?;
    let part = Part::of(call, &info)?;
    let range = wanted(call, part.as_ref(), &info)?;
    View::of(info.size.unwrap_or(0), part, range)?.response(call, &info)
}

/// What both refuse before they look for the object.
fn check(call: &Call) -> Result<()> {
    only_version(call.request.parameter("versionId")?)?;
    let replaces = |name: &str| name.starts_with("response-");
    // Otherwise a link to somebody's object could make a page of it.
    match call.request.signing == Signing::Unsigned
        && call.request.query.iter().any(|parameter| replaces(&parameter.name))
    {
        true => Err(error!(
            InvalidRequest,
            "headers of the response can't be replaced (response-…) in a request that is not \
             signed"
        )),
        false => Ok(()),
    }
}

/// What a client is shown of an object.
struct View {
    size: u64,
    start: u64,
    end: u64,
    part: Option<Part>,
    /// Whether it is only a part of the object's bytes.
    is_partial: bool,
}

impl View {
    fn of(size: u64, part: Option<Part>, range: Option<ByteRange>) -> Result<Self> {
        // A suffix of an empty object is all of it (RFC 9110, section 14.1.2).
        let is_suffix = |range: &ByteRange| range.offset.is_none() && range.length != Some(0);
        let range = range.filter(|range| size > 0 || !is_suffix(range));
        let (start, end) = match range {
            Some(range) => range.resolve(size).map_err(|_| outside(size, range))?,
            None => (0, size),
        };
        Ok(Self { size, start, end, part, is_partial: range.is_some() })
    }

    fn response(&self, call: &Call, info: &ObjectInfo) -> Result<Response> {
        let status = if self.is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
        let mut response = empty(status);
        show(info, &mut response, |name| call.request.parameter(name))?;
        set(&mut response, "accept-ranges", "bytes");
        set(&mut response, "content-length", (self.end - self.start).to_string());
        if self.is_partial {
            let (last, size) = (self.end.max(1) - 1, self.size);
            set(&mut response, "content-range", format!("bytes {}-{last}/{size}", self.start));
        }
        if let Some(count) = self.part.as_ref().and_then(|part| part.count) {
            set(&mut response, "x-amz-mp-parts-count", count.to_string());
        }
        if let Some(count) = count(entry(info, TAGGING)) {
            set(&mut response, "x-amz-tagging-count", count.to_string());
        }
        if call
            .head()
            .one("x-amz-checksum-mode")?
            .is_some_and(|m| m.eq_ignore_ascii_case("ENABLED"))
            && let Some(sum) = self.sum(info)
        {
            sum.show(&mut response);
        }
        Ok(response)
    }

    /// The checksum of the whole object or of a part, never of a range.
    fn sum(&self, info: &ObjectInfo) -> Option<Sum> {
        let whole = sum(info);
        match self.part.as_ref().and_then(|part| part.piece.as_ref()) {
            Some(piece) => layout::sum(whole.as_ref(), piece),
            None => whole.filter(|_| !self.is_partial),
        }
    }
}

/// The error for a range that is not in an object.
fn outside(size: u64, range: ByteRange) -> Error {
    let asked = match (range.offset, range.length) {
        (Some(first), Some(length)) => {
            format!("bytes={first}-{}", first.saturating_add(length).saturating_sub(1))
        }
        (Some(first), None) => format!("bytes={first}-"),
        (None, length) => format!("bytes=-{}", length.unwrap_or(0)),
    };
    let error = error!(InvalidRange, "the object has {size} bytes")
        .detail("RangeRequested", asked)
        .detail("ActualObjectSize", size.to_string());
    match HeaderValue::from_str(&format!("bytes */{size}")) {
        Ok(value) => error.header(CONTENT_RANGE, value),
        Err(_) => error,
    }
}

/// Opens the object, with the range of it that is wanted.
async fn open(call: &Call) -> Result<(Source, View)> {
    let (objects, key, head) = (&call.bucket()?.objects, call.key(), call.head());
    let conditions = OfRead::of(&head)?;
    let is_plain = call.request.number("partNumber")?.is_none() && !head.has("if-range");
    if is_plain && conditions.is_empty() {
        let range = head.one("range")?.and_then(range::parse);
        let options = ReadOptions { range, ..ReadOptions::default() };
        match objects.read(key, options).await {
            Ok(source) => {
                call.judged.check(source.info())?;
                if let Some(size) = source.info().size {
                    return Ok((source, View::of(size, None, range)?));
                }
            }
            // Fall through: the check of the ACL comes before this error.
            Err(StoreError::InvalidRange) => {}
            Err(error) => return Err(of_reading(error)),
        }
    }
    // The response begins with the length. A size that only reading reveals is measured
    // first, and holds for that version alone.
    let stat = objects.stat(key).await.map_err(of_reading)?;
    call.judged.check(&stat)?;
    conditions.check(&stat)?;
    let is_measured = stat.size.is_none();
    let stat = match is_measured {
        true => objects.stat_with_size(key).await.map_err(of_reading)?,
        false => stat,
    };
    // The position of a part, and what is outside, hold for that version alone, too.
    let part = Part::of(call, &stat)?;
    let range = wanted(call, part.as_ref(), &stat)?;
    let view = View::of(stat.size.unwrap_or(0), part, range)?;
    let range = range.filter(|_| view.is_partial);
    let mut options = ReadOptions { range, ..ReadOptions::default() };
    if is_measured || view.part.is_some() {
        options.if_match = stat.etag.clone();
    }
    let changed =
        || error!(ServiceUnavailable, "the object changed while it was being opened; try again");
    let source = objects.read(key, options).await.map_err(|error| match error {
        StoreError::PreconditionFailed | StoreError::InvalidRange => changed(),
        error => of_reading(error),
    })?;
    call.judged.check(source.info())?;
    conditions.check(source.info())?;
    // It may have been replaced by one of another size in between.
    let size = source.info().size.or(stat.size).ok_or_else(changed)?;
    let view = View::of(size, view.part, range)?;
    Ok((source, view))
}

/// The range of bytes that is wanted: that of a part, or of the header.
fn wanted(call: &Call, part: Option<&Part>, info: &ObjectInfo) -> Result<Option<ByteRange>> {
    let head = call.head();
    match (part, head.one("range")?.and_then(range::parse)) {
        (Some(_), Some(_)) => {
            Err(error!(InvalidRequest, "Range and partNumber can't be given together"))
        }
        (Some(part), None) => Ok(part.range),
        (None, Some(range)) => Ok(uses_range(&head, info)?.then_some(range)),
        (None, None) => Ok(None),
    }
}

/// The part that a client asked for.
struct Part {
    range: Option<ByteRange>,
    /// The number of parts in the object.
    count: Option<usize>,
    piece: Option<Piece>,
}

impl Part {
    fn of(call: &Call, info: &ObjectInfo) -> Result<Option<Self>> {
        let Some(number) = call.request.number("partNumber")? else { return Ok(None) };
        let missing = || error!(InvalidPart, "the object has no part {number}");
        let Some(pieces) = pieces(info) else {
            // An object written in one request is its own part 1.
            let whole = Self { range: None, count: None, piece: None };
            return if number == 1 { Ok(Some(whole)) } else { Err(missing()) };
        };
        let (start, piece) = layout::find(&pieces, number).ok_or_else(missing)?;
        Ok(Some(Self {
            range: (piece.size > 0).then(|| ByteRange::span(start, piece.size)),
            count: Some(pieces.len()),
            piece: Some(piece.clone()),
        }))
    }
}

/// The parts of an object, if their sizes still add up to its size.
fn pieces(info: &ObjectInfo) -> Option<Vec<Piece>> {
    let pieces = layout::kept(&info.metadata)?;
    let size = pieces.iter().try_fold(0u64, |sum, piece| sum.checked_add(piece.size));
    (size == info.size).then_some(pieces)
}

/// What GetObjectAttributes can tell.
const ATTRIBUTES: [&str; 5] = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"];

/// GetObjectAttributes. Alone of all operations, it tells the etag without quotes.
pub async fn attributes(call: &Call) -> Result<Response> {
    only_version(call.request.parameter("versionId")?)?;
    let head = call.head();
    let names = head.list("x-amz-object-attributes")?.unwrap_or_default();
    let asked: Vec<&str> =
        names.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    if asked.is_empty() || asked.iter().any(|name| !ATTRIBUTES.contains(name)) {
        return Err(error!(
            InvalidArgument,
            "x-amz-object-attributes names one or more of {}",
            ATTRIBUTES.join(", ")
        ));
    }
    let asked = |name| asked.contains(&name);
    let info = call.bucket()?.objects.stat_with_size(call.key()).await.map_err(of_reading)?;
    call.judged.check(&info)?;
    let whole = sum(&info);
    let pieces = pieces(&info).filter(|_| asked("ObjectParts"));
    let after = call.request.number_of_header("x-amz-part-number-marker")?.unwrap_or(0);
    let most = call.request.number_of_header("x-amz-max-parts")?.unwrap_or(1_000).min(1_000);
    let mut response = xml(document("GetObjectAttributesResponse", |result| {
        result.optional("ETag", etag(&info).filter(|_| asked("ETag")).as_deref());
        if let Some(sum) = whole.as_ref().filter(|_| asked("Checksum")) {
            result.element("Checksum", |checksum| {
                sum.write(checksum);
                checksum.text("ChecksumType", sum.kind());
            });
        }
        if let Some(pieces) = &pieces {
            result.element("ObjectParts", |parts| {
                write_parts(parts, pieces, whole.as_ref(), after, most);
            });
        }
        result.optional("StorageClass", Some("STANDARD").filter(|_| asked("StorageClass")));
        if let Some(size) = info.size.filter(|_| asked("ObjectSize")) {
            result.value("ObjectSize", size);
        }
    }));
    if let Some(modified) = modified(&info) {
        set(&mut response, "last-modified", date::to_http(modified));
    }
    Ok(response)
}

/// Writes a page of an object's parts, after part number `after`.
fn write_parts(writer: &mut Writer, pieces: &[Piece], whole: Option<&Sum>, after: u32, most: u32) {
    let mut rest = pieces.iter().filter(|piece| piece.number > after);
    let page: Vec<_> = rest.by_ref().take(usize::try_from(most).unwrap_or(0)).collect();
    writer.value("PartsCount", pieces.len());
    writer.value("PartNumberMarker", after);
    if let Some(last) = page.last() {
        writer.value("NextPartNumberMarker", last.number);
    }
    writer.value("MaxParts", most);
    writer.value("IsTruncated", rest.next().is_some());
    for piece in page {
        writer.element("Part", |part| {
            if let Some(sum) = layout::sum(whole, piece) {
                sum.write(part);
            }
            part.value("PartNumber", piece.number);
            part.value("Size", piece.size);
        });
    }
}
