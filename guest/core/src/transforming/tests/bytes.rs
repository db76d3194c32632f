//! Tests that objects and ranges read back as written, and that damage is noticed.

use super::kit::*;
use proptest::prelude::*;
use storage_contract::memory::Memory;
use storage_contract::store::Store;
use storage_contract::types::*;

fn sample(length: usize) -> Vec<u8> {
    (0..length).map(|i| u8::try_from(i / 7 % 251).unwrap()).collect()
}

fn base(forgets: bool) -> Watched {
    Watched { forgets, ..Watched::default() }
}

proptest! {
    #[test]
    fn objects_come_back_whole_and_in_part(
        length in 0usize..400, chunk_size in 1u32..70, piece in 1usize..150,
        offset in 0u64..450, count in 1u64..450, varies: bool, forgets: bool,
    ) {
        let made = if varies { runs(chunk_size) } else { sealed(chunk_size) };
        let store = over(base(forgets), made);
        let data = sample(length);
        let written = write(&*store, "k", &data, piece).unwrap();
        prop_assert_eq!(written.size, Some(length as u64));
        prop_assert_eq!(&store.stat("k").unwrap(), &written);
        let (info, got) = store.get("k", &ReadOptions::default()).unwrap();
        prop_assert_eq!((&info, &got), (&written, &data));
        prop_assert_eq!(&read(&*store, "k", None).unwrap(), &data);
        prop_assert_eq!(&store.put("k", &data, &PutOptions::default()).unwrap().size, &written.size);
        for range in [ByteRange::span(offset, count), ByteRange::from(offset), ByteRange::last(count)] {
            let got = read(&*store, "k", Some(range));
            match range.resolve(length as u64) {
                Ok((start, end)) => {
                    let wanted = &data[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
                    prop_assert_eq!(got.unwrap(), wanted);
                }
                Err(_) => prop_assert!(matches!(got, Err(Error::InvalidRange)), "{got:?}"),
            }
        }
    }

    #[test]
    fn damage_is_never_taken_for_an_object(
        length in 0usize..200, chunk_size in 1u32..70, varies: bool, forgets: bool,
        place in 0usize..1_000, bit in 0u8..8, cut in 0usize..1_000, more in 0usize..3,
    ) {
        let made = if varies { runs(chunk_size) } else { sealed(chunk_size) };
        let below = base(forgets);
        let store = over(below.clone(), made);
        let data = sample(length);
        put(&*store, "k", &data);
        let (info, stored) = below.base.get("k", &ReadOptions::default()).unwrap();
        let mut flipped = stored.clone();
        let place = place % stored.len();
        flipped[place] ^= 1 << bit;
        let cut = stored[..cut % stored.len()].to_vec();
        let longer = [stored.as_slice(), &vec![0; more + 1]].concat();
        for damaged in [flipped, cut, longer] {
            let options = PutOptions { metadata: info.metadata.clone(), ..PutOptions::default() };
            below.base.put("k", &damaged, &options).unwrap();
            for got in [get(&*store, "k"), read(&*store, "k", None)] {
                prop_assert!(matches!(got, Err(Error::InvalidData(_))), "{got:?}");
            }
            for range in [ByteRange::span(3, 50), ByteRange::last(20)] {
                let Ok((start, end)) = range.resolve(length as u64) else { continue };
                let wanted = &data[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()];
                // Damage outside the range need not be noticed.
                match read(&*store, "k", Some(range)) {
                    Ok(got) => prop_assert_eq!(&got, wanted),
                    Err(error) => prop_assert!(matches!(error, Error::InvalidData(_)), "{error:?}"),
                }
            }
            prop_assert!(store.stat("k").is_ok());
        }
    }
}

/// The frames of an object made by [`sealed`].
fn frames(stored: &[u8], chunk_size: usize) -> Vec<Vec<u8>> {
    stored[32..stored.len() - 60].chunks(8 + 4 + chunk_size).map(<[u8]>::to_vec).collect()
}

#[test]
fn frames_that_are_exchanged_repeated_left_out_or_of_another_object_are_noticed() {
    let memory = Memory::default();
    let store = over(memory.clone(), sealed(10));
    put(&*store, "k", &sample(50));
    let (info, stored) = memory.get("k", &ReadOptions::default()).unwrap();
    put(&*store, "k", &sample(50));
    let (_, other) = memory.get("k", &ReadOptions::default()).unwrap();
    let (own, foreign) = (frames(&stored, 10), frames(&other, 10));
    let [first, second, third, fourth, last] = &own[..] else { panic!("{} frames", own.len()) };
    for frames in [
        vec![second, first, third, fourth, last],
        vec![first, first, third, fourth, last],
        vec![first, second, third, last],
        vec![first, second, third, fourth],
        vec![first, &foreign[1], third, fourth, last],
        vec![first, second, third, fourth, &foreign[4]],
        vec![last],
        vec![],
    ] {
        let frames: Vec<u8> = frames.into_iter().flatten().copied().collect();
        let bytes = [&stored[..32], &frames, &stored[stored.len() - 60..]].concat();
        let options = PutOptions { metadata: info.metadata.clone(), ..PutOptions::default() };
        memory.put("k", &bytes, &options).unwrap();
        let got = get(&*store, "k");
        assert!(matches!(got, Err(Error::InvalidData(_))), "{got:?}");
    }
}

#[test]
fn a_part_is_read_without_the_rest() {
    for made in [sealed(1_000), runs(1_000)] {
        let below = base(false);
        let store = over(below.clone(), made);
        let data: Vec<u8> = (0..3_000_000u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
        write(&*store, "k", &data, 100_000).unwrap();
        for start in [0, 1_234_567, 2_999_000] {
            below.read.set(0);
            let part = read(&*store, "k", Some(ByteRange::span(start, 500))).unwrap();
            let from = usize::try_from(start).unwrap();
            assert_eq!(part, data[from..from + 500]);
            assert!(below.read.get() < 20_000, "{} bytes were read", below.read.get());
        }
    }
}

#[test]
fn objects_keep_to_their_own_chunk_size() {
    let memory = Memory::default();
    put(&*over(memory.clone(), sealed(10)), "k", &sample(100));
    let store = over(memory, sealed(64));
    assert_eq!(get(&*store, "k").unwrap(), sample(100));
    let part = read(&*store, "k", Some(ByteRange::span(55, 20))).unwrap();
    assert_eq!(part, sample(100)[55..75]);
}

#[test]
fn a_write_that_is_dropped_leaves_nothing() {
    for made in [sealed(10), backwards(1_000), picky(Some(1_000))] {
        let memory = Memory::default();
        let store = over(memory.clone(), made);
        let mut writer = store.write("k", &PutOptions::default()).unwrap();
        writer.push(&sample(100)).unwrap();
        drop(writer);
        assert_eq!(memory.exists("k"), Ok(false));
    }
}

#[test]
fn the_base_holds_exactly_what_a_whole_object_became() {
    let memory = Memory::default();
    let store = over(memory.clone(), backwards(1_000));
    let written = write(&*store, "k", b"hello", 2).unwrap();
    assert_eq!(get(&memory, "k").unwrap(), b"olleh");
    assert_eq!(get(&*store, "k").unwrap(), b"hello");
    assert_eq!(read(&*store, "k", None).unwrap(), b"hello");
    assert_eq!(store.stat("k").unwrap(), written);
    assert!(!store.capabilities().range);
    let options = ReadOptions { range: Some(ByteRange::from(1)), ..ReadOptions::default() };
    assert!(matches!(store.get("k", &options), Err(Error::Unsupported(_))));
}

#[test]
fn what_is_too_large_to_be_transformed_at_once_is_refused() {
    let memory = Memory::default();
    let store = over(memory.clone(), backwards(1_000));
    put(&*store, "k", &sample(1_000));
    for result in [
        store.put("k", &sample(1_001), &PutOptions::default()),
        write(&*store, "k", &sample(1_001), 100),
    ] {
        let error = result.unwrap_err();
        assert_eq!(
            error.to_string(),
            "limit exceeded: the object has more than the 1000 bytes that this store transforms at once"
        );
    }
    assert_eq!(get(&*store, "k").unwrap(), sample(1_000));
    put(&memory, "k", &sample(100_000));
    assert!(matches!(get(&*store, "k"), Err(Error::LimitExceeded(_))));
    put(&memory, "k", &sample(1_001));
    assert!(matches!(get(&*store, "k"), Err(Error::LimitExceeded(_))));
}

#[test]
fn the_size_is_that_of_what_is_read_where_something_is_lost() {
    let memory = Memory::default();
    let inner = over(memory.clone(), redacted(1_000));
    let etag = Some("0123456789abcdef0123456789abcdef".to_owned());
    let options = PutOptions { etag: etag.clone(), ..PutOptions::default() };
    let info = inner.put("k", b"a1b2", &options).unwrap();
    assert_eq!((info.size, &info.etag), (Some(2), &etag));
    assert_eq!(get(&*inner, "k").unwrap(), b"ab");
    assert_eq!(inner.stat("k").unwrap(), info);
    // A size stored by a decorator above belongs to other bytes.
    let options = PutOptions {
        metadata: vec![("storage-size".to_owned(), "9".to_owned())],
        ..PutOptions::default()
    };
    assert_eq!(inner.put("k", b"a1b2", &options).unwrap().metadata, Metadata::new());
    assert_eq!(inner.put("k", b"ab", &options).unwrap().metadata, options.metadata);
}
