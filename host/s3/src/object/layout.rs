//! An object's part sizes, kept for `partNumber` reads.

use super::checksum::Sum;
use std::fmt::Write;

/// The metadata key of the part sizes: `SIZE*COUNT` for each run of equal
/// parts, preceded by `NUMBER@` where part numbers were skipped.
pub const PARTS: &str = ":parts";

/// The metadata key of the parts' checksums, in order.
pub const PART_SUMS: &str = ":part-checksums";

/// The most bytes of part checksums to store, since backends limit metadata. An
/// object with more stores none.
const MAX_SUMS: usize = 8 * 1024;

const MAX_PARTS: usize = 10_000;

/// A part of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    pub number: u32,
    pub size: u64,
    /// Base64, by the algorithm of the object's checksum.
    pub sum: Option<String>,
}

/// The metadata that describes these parts.
pub fn keep(pieces: &[Piece]) -> Vec<(String, String)> {
    let mut text = String::new();
    let mut rest = pieces;
    let mut next = 1;
    while let Some(first) = rest.first() {
        let run = rest
            .iter()
            .zip(first.number..)
            .take_while(|(piece, number)| piece.number == *number && piece.size == first.size)
            .count();
        if !text.is_empty() {
            text.push(' ');
        }
        if first.number != next {
            let _ = write!(text, "{}@", first.number);
        }
        let _ = write!(text, "{}*{run}", first.size);
        next = first.number + u32::try_from(run).unwrap_or(u32::MAX);
        rest = rest.get(run..).unwrap_or_default();
    }
    let mut metadata = vec![(PARTS.to_owned(), text)];
    let sums: Option<Vec<&str>> = pieces.iter().map(|piece| piece.sum.as_deref()).collect();
    let sums = sums.map(|sums| sums.join(" ")).filter(|sums| sums.len() <= MAX_SUMS);
    metadata.extend(sums.map(|sums| (PART_SUMS.to_owned(), sums)));
    metadata
}

/// Parses the parts from metadata; `None` if there are none.
pub fn kept(metadata: &[(String, String)]) -> Option<Vec<Piece>> {
    let find = |name: &str| metadata.iter().find(|(n, _)| n == name).map(|(_, text)| text);
    let mut pieces: Vec<Piece> = Vec::new();
    let mut next: u32 = 1;
    for run in find(PARTS)?.split(' ') {
        let (number, run) = match run.split_once('@') {
            Some((number, run)) => (number.parse().ok()?, run),
            None => (next, run),
        };
        let (size, count) = run.split_once('*')?;
        let (size, count): (u64, u32) = (size.parse().ok()?, count.parse().ok()?);
        if count < 1 || usize::try_from(count).ok()? > MAX_PARTS - pieces.len() {
            return None;
        }
        next = number.checked_add(count)?;
        pieces.extend((number..next).map(|number| Piece { number, size, sum: None }));
    }
    if let Some(sums) = find(PART_SUMS) {
        for (piece, sum) in pieces.iter_mut().zip(sums.split(' ')) {
            piece.sum = Some(sum.to_owned());
        }
    }
    Some(pieces)
}

/// The offset of part `number`, and the part.
pub fn find(pieces: &[Piece], number: u32) -> Option<(u64, &Piece)> {
    let mut start = 0u64;
    for piece in pieces {
        if piece.number == number {
            return Some((start, piece));
        }
        start = start.checked_add(piece.size)?;
    }
    None
}

/// The checksum of one part of an object whose checksum is `whole`.
pub fn sum(whole: Option<&Sum>, piece: &Piece) -> Option<Sum> {
    Some(Sum { value: piece.sum.clone()?, ..whole?.clone() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_in_few_bytes_and_read_again() {
        let piece = |number, size| Piece { number, size, sum: None };
        for (pieces, text) in [
            (vec![piece(1, 5)], "5*1"),
            (vec![piece(1, 5), piece(2, 5), piece(3, 1)], "5*2 1*1"),
            (vec![piece(2, 5), piece(3, 5), piece(7, 5)], "2@5*2 7@5*1"),
        ] {
            let metadata = keep(&pieces);
            assert_eq!(metadata, [(PARTS.to_owned(), text.to_owned())]);
            assert_eq!(kept(&metadata).unwrap(), pieces);
        }
        let most: Vec<_> = (1..=10_000).map(|number| piece(number, 1 << 30)).collect();
        assert_eq!(kept(&keep(&most)).unwrap(), most);
    }

    #[test]
    fn checksums_of_parts_are_kept_where_they_are_few() {
        let piece = |number| Piece { number, size: 1, sum: Some("AAAAAA==".to_owned()) };
        let few: Vec<_> = (1..=100).map(piece).collect();
        assert_eq!(kept(&keep(&few)).unwrap(), few);
        let many: Vec<_> = (1..=2_000).map(piece).collect();
        assert_eq!(kept(&keep(&many)).unwrap()[0].sum, None);
    }

    #[test]
    fn nonsense_is_no_layout() {
        for text in ["", "5", "5*", "5*0", "5*-1", "5*99999", "x@5*1", "4294967295@1*9"] {
            assert_eq!(kept(&[(PARTS.to_owned(), text.to_owned())]), None, "{text:?}");
        }
    }
}
