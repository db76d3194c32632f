//! The parts that become an object.

use super::part::Part;
use crate::object::checksum::{Algorithm, Sent};
use crate::object::layout::Piece;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::xml::read::{Element, read};
use md5::{Digest, Md5};
use std::collections::BTreeMap;

/// The S3 limit on the size of a part but the last.
const MIN_PART: u64 = 5 * 1024 * 1024;

/// A part as CompleteMultipartUpload lists it.
#[derive(Debug)]
pub struct Wanted {
    /// Its number.
    pub number: u32,
    /// Its etag, without quotes.
    pub etag: Option<String>,
    /// Its checksums.
    pub sums: Sent,
}

/// Reads the document of CompleteMultipartUpload.
pub fn wanted(document: &[u8]) -> Result<Vec<Wanted>> {
    let root = read(document, "CompleteMultipartUpload")?;
    let parts: Vec<Wanted> = root.all("Part").map(wanted_part).collect::<Result<_>>()?;
    match parts.is_empty() {
        true => Err(error!(MalformedXML, "an upload needs at least one part")),
        false => Ok(parts),
    }
}

fn wanted_part(part: &Element) -> Result<Wanted> {
    let number = part.parsed("PartNumber")?;
    let number = number.ok_or_else(|| error!(MalformedXML, "a part has no PartNumber"))?;
    let etag = part.text_of("ETag")?.map(|etag| etag.trim().trim_matches('"').to_owned());
    Ok(Wanted { number, etag, sums: Sent::in_element(part)? })
}

/// Checks the parts that a client lists, and returns them.
pub fn choose(arrived: &BTreeMap<u32, Part>, wanted: &[Wanted]) -> Result<Vec<Part>> {
    let mut parts: Vec<Part> = Vec::with_capacity(wanted.len());
    let mut before = 0;
    for (index, Wanted { number, etag, sums }) in wanted.iter().enumerate() {
        if *number < before {
            return Err(Error::from(Code::InvalidPartOrder));
        }
        before = *number;
        // If a part is listed twice, the last entry counts.
        if wanted.get(index + 1).is_some_and(|next| next.number == *number) {
            continue;
        }
        let found = arrived.get(number);
        let part = found.filter(|part| etag.as_ref().is_none_or(|etag| *etag == part.etag()));
        let part = part.ok_or_else(|| {
            error!(InvalidPart, "part {number} did not arrive, or has another etag")
                .detail("PartNumber", number.to_string())
        })?;
        let sum = part.sum.as_ref().and_then(|sum| Some((sum, sums.of(sum.algorithm)?)));
        if sum.is_some_and(|(sum, wanted)| sum.value != wanted) {
            return Err(error!(InvalidPart, "part {number} has another checksum"));
        }
        parts.push(part.clone());
    }
    let small = parts.split_last().and_then(|(_, rest)| rest.iter().find(|p| p.size < MIN_PART));
    match small {
        None => Ok(parts),
        Some(part) => {
            Err(error!(EntityTooSmall, "every part but the last has at least {MIN_PART} bytes")
                .detail("PartNumber", part.number.to_string())
                .detail("ProposedSize", part.size.to_string())
                .detail("MinSizeAllowed", MIN_PART.to_string()))
        }
    }
}

/// The parts to store with the object. Checksums are included if they are by the object's
/// `algorithm`.
pub fn pieces(parts: &[Part], algorithm: Algorithm) -> Vec<Piece> {
    let piece = |part: &Part| {
        let sum = part.sum.as_ref().filter(|sum| sum.algorithm == algorithm);
        Piece { number: part.number, size: part.size, sum: sum.map(|sum| sum.value.clone()) }
    };
    parts.iter().map(piece).collect()
}

/// The etag of an object assembled from parts: the MD5 of their MD5s, `-`, and their
/// number. `None` unless the MD5s of all are known.
pub fn etag(parts: &[Part]) -> Option<String> {
    let mut digest = Md5::new();
    for part in parts {
        digest.update(part.md5?);
    }
    Some(format!("{}-{}", hex::encode(digest.finalize()), parts.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_store::ObjectInfo;

    fn arrived(parts: &[(u32, u64)]) -> BTreeMap<u32, Part> {
        let part = |(number, size): &(u32, u64)| {
            let md5 = hex::encode([*number as u8; 16]);
            let metadata = vec![(":md5".to_owned(), md5)];
            let info = ObjectInfo { size: Some(*size), metadata, ..ObjectInfo::default() };
            (*number, Part::of(*number, &info).unwrap())
        };
        parts.iter().map(part).collect()
    }

    fn chosen(listed: &str, parts: &[(u32, u64)]) -> Result<Vec<u32>, &'static str> {
        let parts_of = |number: &str| format!("<Part><PartNumber>{number}</PartNumber></Part>");
        let list: String = listed.split_whitespace().map(parts_of).collect();
        let document = format!("<CompleteMultipartUpload>{list}</CompleteMultipartUpload>");
        let found = wanted(document.as_bytes()).and_then(|wanted| choose(&arrived(parts), &wanted));
        let numbers = |parts: Vec<Part>| parts.iter().map(|part| part.number).collect();
        found.map(numbers).map_err(|error| error.code().name())
    }

    #[test]
    fn the_parts_of_an_object_are_those_that_are_listed() {
        let large = MIN_PART;
        let parts = [(1, large), (2, large), (3, 5)];
        assert_eq!(chosen("1 2 3", &parts), Ok(vec![1, 2, 3]));
        assert_eq!(chosen("1 3", &parts), Ok(vec![1, 3]));
        assert_eq!(chosen("1 1 2", &parts), Ok(vec![1, 2]));
        assert_eq!(chosen("2 1", &parts), Err("InvalidPartOrder"));
        assert_eq!(chosen("1 4", &parts), Err("InvalidPart"));
        assert_eq!(chosen("1 3", &[(1, large - 1), (3, 5)]), Err("EntityTooSmall"));
        assert_eq!(chosen("", &parts), Err("MalformedXML"));
        assert_eq!(chosen("x", &parts), Err("MalformedXML"));
    }

    #[test]
    fn a_part_with_another_etag_is_not_taken() {
        let parts = arrived(&[(1, 5)]);
        let right = parts[&1].etag();
        for (etag, fine) in [(format!("\"{right}\""), true), (right, true), ("0".into(), false)] {
            let document = format!(
                "<CompleteMultipartUpload><Part><PartNumber>1</PartNumber><ETag>{etag}</ETag>\
                 </Part></CompleteMultipartUpload>"
            );
            let wanted = wanted(document.as_bytes()).unwrap();
            assert_eq!(choose(&parts, &wanted).is_ok(), fine, "{etag}");
        }
    }
}
