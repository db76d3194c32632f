//! Ranges, of objects with an index and without.

use super::*;
use flate2::{Compression, GzBuilder};
use proptest::prelude::*;

/// Ranges around the borders of members.
fn borders(size: usize) -> Vec<ByteRange> {
    let mut ranges = vec![ByteRange::from(0), ByteRange::span(1, u64::MAX)];
    for at in [4 * MIB, 5 * MIB, 6 * MIB, size].map(|at| at as u64) {
        for (start, length) in
            [(at - 1, 1), (at - 1, 2), (at, 1), (at + 1, 1), (at - 10, MIB as u64)]
        {
            ranges.push(ByteRange::span(start, length));
        }
        ranges.extend([ByteRange::from(at - 1), ByteRange::from(at)]);
    }
    for length in [0, 1, 10_000, MIB as u64 + 1, size as u64, size as u64 + 1, u64::MAX] {
        ranges.extend([ByteRange::last(length), ByteRange::span(5 * MIB as u64, length)]);
    }
    ranges.extend([ByteRange::from(u64::MAX), ByteRange::span(u64::MAX, u64::MAX)]);
    ranges
}

fn check(store: &dyn Store, data: &[u8], range: ByteRange) {
    let wanted = range.resolve(data.len() as u64);
    let wanted = wanted.map(|(start, end)| &data[start as usize..end as usize]);
    let got = part(store, range);
    assert!(got.as_deref() == wanted.as_ref().map(|part| *part), "{range:?}: {:?}", got.err());
}

fn one_member(data: &[u8]) -> Vec<u8> {
    let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::new(1));
    gzip.write_all(data).unwrap();
    gzip.finish().unwrap()
}

#[test]
fn ranges_around_the_borders_of_members_are_parts_of_the_whole() {
    let data = text(6 * MIB + 77);
    let (memory, gzip) = store(serde_json::json!({"level": 1}));
    put(&*gzip, &data);
    for range in borders(data.len()) {
        check(&*gzip, &data, range);
    }
    // And where its size is only in its index.
    forget(&memory);
    assert_eq!(gzip.stat("k").unwrap().size, None);
    for range in borders(data.len()) {
        check(&*gzip, &data, range);
    }
}

#[test]
fn objects_of_one_large_member_are_read_by_range_too() {
    let data = text(9 * MIB);
    let (memory, gzip) = store(serde_json::json!({"level": 1}));
    put(&*gzip, &data);
    // As earlier versions wrote it.
    replace(&memory, &one_member(&data));
    for range in [5 * MIB, 9 * MIB - 3].map(|at| ByteRange::span(at as u64, 1_000)) {
        check(&*gzip, &data, range);
    }
    check(&*gzip, &data, ByteRange::last(10));
    forget(&memory);
    check(&*gzip, &data, ByteRange::span(8 * MIB as u64, 1_000));
    check(&*gzip, &data, ByteRange::last(10));
}

#[test]
fn members_of_others_are_read_by_range_too() {
    let data = text(7 * MIB);
    let (memory, gzip) = store(serde_json::json!({}));
    let mut bytes: Vec<u8> = data.chunks(3 * MIB).flat_map(one_member).collect();
    bytes.extend([0; 512]);
    memory.put("k", &bytes, &PutOptions::default()).unwrap();
    for range in [ByteRange::span(5 * MIB as u64, 100), ByteRange::last(9), ByteRange::from(3)] {
        check(&*gzip, &data, range);
    }
    check(&*gzip, &data, ByteRange::from(7 * MIB as u64));
}

#[test]
fn a_range_far_within_an_object_reads_little_of_it() {
    let data = text(40 * MIB);
    let (base, gzip) = watched();
    put(&*gzip, &data);
    let stored = base.base.stat("k").unwrap().size.unwrap();
    for range in [
        ByteRange::span(39 * MIB as u64 + 500, 1_000),
        ByteRange::span(20 * MIB as u64 - 5, 10),
        ByteRange::last(10),
    ] {
        base.reset();
        check(&*gzip, &data, range);
        let (bytes, calls) = (base.bytes.get(), base.calls.get());
        assert!(bytes < stored / 15, "{range:?}: {bytes} bytes of {stored} were read");
        assert_eq!(calls, 2, "{range:?}");
    }
}

#[test]
fn a_range_that_is_too_large_for_one_call_is_refused_before_it_is_decoded() {
    let (base, gzip) = watched();
    put(&*gzip, &text(15 * MIB));
    base.reset();
    let range = Some(ByteRange::from(6 * MIB as u64));
    let got = gzip.get("k", &ReadOptions { range, ..ReadOptions::default() });
    assert!(matches!(got, Err(Error::LimitExceeded(_))));
    assert!(base.bytes.get() <= 16 * 1024, "only its end was read");
}

#[test]
fn a_range_in_the_first_member_looks_for_no_index() {
    let (base, gzip) = watched();
    put(&*gzip, &text(6 * MIB));
    base.reset();
    part(&*gzip, ByteRange::span(4 * MIB as u64 - 1, 10)).unwrap();
    assert_eq!(base.calls.get(), 2, "one to know the size, and one to read");
}

#[test]
fn a_range_over_a_base_without_ranges_is_refused() {
    let base = WithoutRanges { base: Memory::default() };
    let gzip = over(Rc::new(base), serde_json::json!({}));
    put(&*gzip, &text(100));
    assert!(!gzip.capabilities().range);
    assert!(matches!(part(&*gzip, ByteRange::from(1)), Err(Error::Unsupported(_))));
    let (_, with) = store(serde_json::json!({}));
    assert!(with.capabilities().range);
}

#[test]
fn what_lies_beyond_max_size_is_refused_by_range_as_it_is_whole() {
    let data = text(8 * MIB);
    let (memory, gzip) = store(serde_json::json!({"level": 1}));
    put(&*gzip, &data);
    let strict = over(Rc::new(memory), serde_json::json!({"max_size": 6 * MIB}));
    check(&*strict, &data, ByteRange::span(5 * MIB as u64 + 9, 1_000));
    check(&*strict, &data, ByteRange::span(100, 1_000));
    for range in [ByteRange::span(7 * MIB as u64, 1), ByteRange::last(1), ByteRange::from(0)] {
        assert!(matches!(part(&*strict, range), Err(Error::LimitExceeded(_))), "{range:?}");
    }
}

#[test]
fn an_object_without_bytes_has_no_ranges() {
    let (memory, gzip) = store(serde_json::json!({}));
    put(&*gzip, b"");
    for range in [ByteRange::from(0), ByteRange::from(5 * MIB as u64), ByteRange::last(1)] {
        assert_eq!(part(&*gzip, range), Err(Error::InvalidRange));
    }
    assert_eq!(part(&*gzip, ByteRange::default()), Ok(Vec::new()));
    // Nor has one without any at all, which is no gzip data.
    memory.put("k", b"", &PutOptions::default()).unwrap();
    for range in [ByteRange::from(5 * MIB as u64), ByteRange::last(1)] {
        assert!(matches!(part(&*gzip, range), Err(Error::InvalidData(_))));
    }
}

thread_local! {
    static LARGE: (Vec<u8>, SharedStore) = {
        let data = text(9 * MIB + MIB / 2);
        let (_, gzip) = store(serde_json::json!({"level": 1}));
        put(&*gzip, &data);
        (data, gzip)
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn any_range_is_a_part_of_the_whole(
        start in 0..10 * MIB as u64, length in 1..3 * MIB as u64, kind in 0..3,
    ) {
        let range = match kind {
            0 => ByteRange::span(start, length),
            1 => ByteRange::from(start),
            _ => ByteRange::last(length),
        };
        LARGE.with(|(data, gzip)| check(&**gzip, data, range));
    }
}
