//! Objects and indexes that are damaged or forged.

use super::*;

fn sample() -> (Vec<u8>, Memory, SharedStore, Vec<u8>) {
    let data = text(6 * MIB + 99);
    let (memory, gzip) = store(serde_json::json!({"level": 1}));
    put(&*gzip, &data);
    let stored = all(&memory).unwrap();
    (data, memory, gzip, stored)
}

#[test]
fn any_flipped_byte_of_an_index_costs_only_time() {
    let (data, memory, gzip, stored) = sample();
    let at = index_at(&stored);
    assert!(stored.len() - at < 200);
    for place in at..stored.len() {
        let mut bytes = stored.clone();
        bytes[place] ^= 0x5a;
        replace(&memory, &bytes);
        let range = ByteRange::span(5 * MIB as u64 + 7, 100);
        assert!(part(&*gzip, range).unwrap() == data[5 * MIB + 7..][..100], "at {place}");
        // The end of the object confirms that there is none after it, or does not.
        match part(&*gzip, ByteRange::last(10)) {
            Ok(got) => assert!(data.ends_with(&got) && got.len() == 10, "at {place}"),
            Err(error) => assert!(matches!(error, Error::InvalidData(_)), "at {place}: {error}"),
        }
    }
}

#[test]
fn an_index_that_is_cut_off_or_followed_by_bytes_is_none() {
    let (data, memory, gzip, stored) = sample();
    for cut in [1, 10, END_LENGTH - 1, END_LENGTH, END_LENGTH + 1, END_LENGTH + 20] {
        replace(&memory, &stored[..stored.len() - cut]);
        let range = ByteRange::span(5 * MIB as u64, 9);
        assert!(part(&*gzip, range).unwrap() == data[5 * MIB..][..9], "{cut}");
    }
    replace(&memory, &[&stored[..], &[0; 100]].concat());
    assert!(part(&*gzip, ByteRange::last(9)).unwrap() == data[data.len() - 9..]);
}

#[test]
fn two_objects_in_one_file_are_the_first_and_then_the_second() {
    let (data, memory, gzip, stored) = sample();
    let bytes = [&stored[..], &stored[..]].concat();
    memory.put("k", &bytes, &PutOptions::default()).unwrap();
    let both = [&data[..], &data[..]].concat();
    assert!(all(&*gzip).unwrap() == both);
    for at in [5 * MIB, 8 * MIB, 12 * MIB] {
        let got = part(&*gzip, ByteRange::span(at as u64, 100)).unwrap();
        assert!(got == both[at..at + 100], "{at}");
    }
    assert!(part(&*gzip, ByteRange::last(8 * MIB as u64)).unwrap() == both[both.len() - 8 * MIB..]);
}

#[test]
fn a_member_that_is_not_the_one_of_the_index_is_noticed_by_its_length() {
    let (_, memory, gzip, mut stored) = sample();
    let [from, to] = [member_at(&stored, 1), member_at(&stored, 2)];
    // As long as the second one, whole by itself, and of too few plain bytes.
    let packed = |size: usize| {
        let mut gzip = flate2::GzBuilder::new().write(Vec::new(), flate2::Compression::none());
        gzip.write_all(&vec![7; size]).unwrap();
        gzip.finish().unwrap()
    };
    let mut other =
        (0..to - from).rev().map(packed).find(|packed| packed.len() <= to - from).unwrap();
    other.resize(to - from, 0);
    stored[from..to].copy_from_slice(&other);
    replace(&memory, &stored);
    let start = 4 * MIB as u64;
    for range in [ByteRange::span(start + 5, 10), ByteRange::span(start, MIB as u64 + 100)] {
        assert!(matches!(part(&*gzip, range), Err(Error::InvalidData(_))), "{range:?}");
    }
}

#[test]
fn a_flipped_bit_of_a_member_is_noticed_by_any_range_in_it() {
    let (data, memory, gzip, stored) = sample();
    let from = index_at(&stored) - 200_000;
    for place in [from, from + 10_000, from + 100_000] {
        let mut bytes = stored.clone();
        bytes[place] ^= 1;
        replace(&memory, &bytes);
        // Somewhere in the member before the last.
        let got = part(&*gzip, ByteRange::span(5 * MIB as u64, MIB as u64));
        assert!(matches!(got, Err(Error::InvalidData(_))), "at {place}");
        let got = part(&*gzip, ByteRange::span(5 * MIB as u64 + 1, 10));
        assert!(matches!(got, Err(Error::InvalidData(_))), "at {place}");
        let other = part(&*gzip, ByteRange::span(4 * MIB as u64 + 1, 10)).unwrap();
        assert!(other == data[4 * MIB + 1..][..10]);
    }
}

#[test]
fn a_size_that_is_not_the_objects_is_not_believed() {
    let (data, memory, gzip, stored) = sample();
    for size in [data.len() - 1, data.len() + 1, 4 * MIB + 1, 100, 100 * MIB] {
        let metadata = vec![("storage-size".to_owned(), size.to_string())];
        let options = PutOptions { metadata, ..PutOptions::default() };
        memory.put("k", &stored, &options).unwrap();
        for range in [ByteRange::span(5 * MIB as u64, 10), ByteRange::last(10), ByteRange::from(50)]
        {
            match (part(&*gzip, range), range.resolve(size as u64)) {
                (Ok(got), Ok((start, end))) => {
                    assert!(got == data[start as usize..end as usize], "{size} {range:?}");
                    assert!(range.offset.is_some() && end < size as u64, "{size} {range:?}");
                }
                (Err(Error::InvalidRange), Err(Error::InvalidRange)) => {}
                (Err(Error::InvalidData(_)), Ok(_)) => {}
                (got, _) => panic!("{size} {range:?}: {:?}", got.map(|got| got.len())),
            }
        }
    }
}
