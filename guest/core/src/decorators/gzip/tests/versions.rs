//! Objects that are replaced while a range is opened, and what callers ask of versions.

use super::*;

#[test]
fn a_range_is_of_one_version_whenever_the_object_is_replaced() {
    let (old, new) = (text(6 * MIB), text(8 * MIB).split_off(MIB));
    let stored = |data: &[u8]| {
        let (memory, gzip) = store(serde_json::json!({"level": 1}));
        put(&*gzip, data);
        (all(&memory).unwrap(), memory.stat("k").unwrap().metadata)
    };
    let (before, after) = (stored(&old), Rc::new(stored(&new)));
    for (etags, sizes) in [(true, true), (false, true), (true, false)] {
        for calls in 0..4 {
            let (base, gzip) = watched();
            base.hides_etags.set(!etags);
            base.hides_sizes.set(!sizes);
            let options = PutOptions { metadata: before.1.clone(), ..PutOptions::default() };
            let first = base.base.put("k", &before.0, &options).unwrap().etag;
            let after = after.clone();
            *base.later.borrow_mut() = Some((
                calls,
                Box::new(move |memory| {
                    if memory.stat("k").unwrap().etag == first {
                        let metadata = after.1.clone();
                        let options = PutOptions { metadata, ..PutOptions::default() };
                        memory.put("k", &after.0, &options).unwrap();
                    }
                }),
            ));
            base.reset();
            for range in [ByteRange::span(5 * MIB as u64, 1_000), ByteRange::last(1_000)] {
                let cut = |data: &[u8]| {
                    let (start, end) = range.resolve(data.len() as u64).unwrap();
                    data[start as usize..end as usize].to_vec()
                };
                match part(&*gzip, range) {
                    Ok(got) => assert!(got == cut(&old) || got == cut(&new), "{calls} {range:?}"),
                    // Without etags, nobody knows that it is another one.
                    Err(Error::InvalidData(_)) if !etags => {}
                    Err(error) => panic!("{calls} {range:?}: {error}"),
                }
            }
        }
    }
}

#[test]
fn an_object_that_is_replaced_all_the_time_is_unavailable_for_now() {
    let (base, gzip) = watched();
    put(&*gzip, &text(5 * MIB));
    let (bytes, info) = (all(&base.base).unwrap(), base.base.stat("k").unwrap());
    *base.later.borrow_mut() = Some((
        0,
        Box::new(move |memory| {
            let options = PutOptions { metadata: info.metadata.clone(), ..PutOptions::default() };
            memory.put("k", &bytes, &options).unwrap();
        }),
    ));
    let got = part(&*gzip, ByteRange::last(3));
    assert!(matches!(got, Err(Error::Unavailable(_))), "{:?}", got.map(|got| got.len()));
}

#[test]
fn what_callers_ask_of_a_version_holds_for_ranges() {
    let md5 = "0123456789abcdef0123456789abcdef";
    for masked in [false, true] {
        let (memory, gzip) = store(serde_json::json!({"level": 1}));
        let options = PutOptions { etag: Some(md5.to_owned()), ..PutOptions::default() };
        gzip.put("k", &text(5 * MIB), &options).unwrap();
        if masked {
            // Another tool's object: the etag is none of the plain bytes.
            let bytes = all(&memory).unwrap();
            memory.put("k", &bytes, &options).unwrap();
        }
        let etag = gzip.stat("k").unwrap().etag.unwrap();
        assert_eq!(etag != md5, masked);
        for range in
            [ByteRange::span(1, 3), ByteRange::from(4 * MIB as u64 + 9), ByteRange::last(7)]
        {
            let asked = |is: Option<&str>, not: Option<&str>| {
                let (if_match, if_none_match) = (is.map(str::to_owned), not.map(str::to_owned));
                let options = ReadOptions { range: Some(range), if_match, if_none_match };
                gzip.get("k", &options).map(|(info, _)| info.etag)
            };
            assert_eq!(asked(Some(&etag), Some("other")), Ok(Some(etag.clone())));
            assert_eq!(asked(Some("other"), None), Err(Error::PreconditionFailed));
            assert_eq!(asked(None, Some(&etag)), Err(Error::PreconditionFailed));
        }
    }
    let (_, gzip) = store(serde_json::json!({}));
    for range in [ByteRange::from(5 * MIB as u64), ByteRange::last(7), ByteRange::from(0)] {
        assert_eq!(part(&*gzip, range), Err(Error::NotFound));
    }
}
