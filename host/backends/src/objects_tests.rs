//! Whole objects through the handle, over stores that give them in pieces.

use crate::limited::Limited;
use crate::memory::Memory;
use bytes::Bytes;
use std::sync::Arc;
use storage_store::chunk_size::CHUNK;
use storage_store::{ByteRange, Capabilities, Error, Objects, PutOptions, ReadOptions};

fn pieces(piece: usize) -> Limited {
    let capabilities = Capabilities { range: false, ..Capabilities::ALL };
    Limited { memory: Memory::new(), piece, capabilities }
}

#[tokio::test]
async fn an_object_in_one_piece_is_not_copied() {
    let objects = Objects::new("main", Arc::new(Memory::new()));
    let data = Bytes::from(vec![7; 3 * CHUNK]);
    objects.put("k", data.clone(), PutOptions::default()).await.unwrap();
    for max in [data.len() as u64, u64::MAX] {
        let (_, got) = objects.get("k", ReadOptions::default(), max).await.unwrap();
        assert_eq!((got.as_ptr(), got.len()), (data.as_ptr(), data.len()), "{max}");
    }
}

#[tokio::test]
async fn pieces_are_put_together_up_to_the_limit() {
    let data: Bytes = (0..1000u32).map(|i| i as u8).collect();
    for size in [1, 7, 999, 1000, 5000] {
        let objects = Objects::new("main", Arc::new(pieces(size)));
        objects.put("k", data.clone(), PutOptions::default()).await.unwrap();
        for max in [1000, u64::MAX] {
            let whole = objects.get("k", ReadOptions::default(), max).await.unwrap();
            assert_eq!(whole.1, data, "{size}");
            let range = Some(ByteRange::span(990, 5));
            let options = ReadOptions { range, ..ReadOptions::default() };
            assert_eq!(objects.get("k", options, max).await.unwrap().1, data[990..995]);
        }
        for max in [0, 999] {
            let refused = objects.get("k", ReadOptions::default(), max).await;
            let text = format!("the object is larger than {max} bytes");
            assert_eq!(refused, Err(Error::LimitExceeded(text)), "{size}");
        }
        objects.put("empty", Bytes::new(), PutOptions::default()).await.unwrap();
        assert!(objects.get("empty", ReadOptions::default(), 0).await.unwrap().1.is_empty());
    }
}
