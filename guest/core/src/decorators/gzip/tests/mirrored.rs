//! Compressed objects with a copy elsewhere.

use super::*;
use crate::decorators::faulty::{Faulty, args};
use crate::decorators::mirroring;

#[test]
fn a_mirror_goes_on_elsewhere_where_a_compressed_object_is_rotten() {
    let children = [Faulty::new(), Faulty::new()];
    let mut given = args(&Rc::default(), "{}", &[&children[0], &children[1]]);
    let packed = |child: &Faulty| over(child.shared(), serde_json::json!({"level": 1}));
    given.bases = children.iter().map(packed).collect();
    let mirror = (mirroring::KIND.build)(given).unwrap();
    let data = text(6 * MIB);
    put(&*mirror, &data);
    let stored = children[0].holds("k").unwrap();
    // The checksums of members: the bytes before them are right, which no reader can know.
    for member in [1, 2, 3] {
        let place = member_at(&stored, member) - 8;
        let mut rotten = stored.clone();
        rotten[place] ^= 0x55;
        replace(&children[0].memory, &rotten);
        assert!(all(&*packed(&children[0])).is_err());
        assert!(all(&*mirror).unwrap() == data);
        for range in [ByteRange::from(100), ByteRange::span(5 * MIB as u64 + 9, 100_000)] {
            let (start, end) = range.resolve(data.len() as u64).unwrap();
            assert!(part(&*mirror, range).unwrap() == data[start as usize..end as usize]);
        }
    }
}
