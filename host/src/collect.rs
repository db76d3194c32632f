//! Whole objects in memory.

use crate::objects::CHUNK;
use crate::source::Source;
use crate::store::{Error, Result};
use bytes::{Bytes, BytesMut};

/// The error for an object larger than the caller allows.
pub(crate) fn larger_than(max: u64) -> Error {
    Error::LimitExceeded(format!("the object is larger than {max} bytes"))
}

/// The most memory to reserve because a store announced a size; more only for
/// bytes that have arrived.
const BELIEVED: u64 = 64 * 1024 * 1024;

/// Reads a source to its end; `length` is its size, if known. A single chunk is
/// returned without copying.
pub(crate) async fn collect(source: &mut Source, length: Option<u64>, max: u64) -> Result<Bytes> {
    if length.is_some_and(|length| length > max) {
        return Err(larger_than(max));
    }
    let ask = length.map_or(CHUNK as u64, |length| length.clamp(1, BELIEVED));
    let ask = usize::try_from(ask).unwrap_or(CHUNK);
    let first = source.next(ask).await?;
    if first.len() as u64 > max {
        return Err(larger_than(max));
    }
    if first.is_empty() {
        return Ok(first);
    }
    let mut chunk = source.next(CHUNK).await?;
    if chunk.is_empty() {
        return Ok(first);
    }
    let room = length.unwrap_or(0).min(BELIEVED).max(first.len() as u64 + chunk.len() as u64);
    let mut data = BytesMut::with_capacity(usize::try_from(room).unwrap_or(0));
    data.extend_from_slice(&first);
    drop(first);
    while !chunk.is_empty() {
        if (data.len() + chunk.len()) as u64 > max {
            return Err(larger_than(max));
        }
        data.extend_from_slice(&chunk);
        chunk = source.next(CHUNK).await?;
    }
    Ok(data.freeze())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backends::memory::Memory;
    use crate::objects::Objects;
    use crate::source::Ended;
    use crate::store::{
        ByteRange, Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page,
        PutOptions, ReadOptions, Reader, SharedStore, Writer,
    };
    use async_trait::async_trait;
    use std::sync::Arc;

    /// A store that reads in limited chunks and supports no ranges.
    struct Pieces(Memory, usize);

    struct Piece(Box<dyn Reader>, usize);

    #[async_trait]
    impl Reader for Piece {
        fn info(&self) -> &ObjectInfo {
            self.0.info()
        }
        async fn next(&mut self, max: usize) -> Result<Bytes> {
            self.0.next(max.min(self.1)).await
        }
    }

    #[async_trait]
    impl ObjectStore for Pieces {
        fn capabilities(&self) -> Capabilities {
            Capabilities { range: false, ..Capabilities::ALL }
        }
        async fn get(&self, _: &str, _: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
            Err(Error::LimitExceeded("only in pieces".to_owned()))
        }
        async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
            self.0.put(key, data, options).await
        }
        async fn exists(&self, key: &str) -> Result<bool> {
            self.0.exists(key).await
        }
        async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
            self.0.delete(key, options).await
        }
        async fn stat(&self, key: &str) -> Result<ObjectInfo> {
            self.0.stat(key).await
        }
        async fn list(&self, options: ListOptions) -> Result<Page> {
            self.0.list(options).await
        }
        async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
            Ok(Box::new(Piece(self.0.read(key, options).await?, self.1)))
        }
        async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
            self.0.write(key, options).await
        }
        async fn copy(
            &self,
            _: &str,
            _: &str,
            _: &str,
            _: PutOptions,
        ) -> Result<Option<ObjectInfo>> {
            Ok(None)
        }
        fn resolve(&self, _: &str) -> Result<Option<(SharedStore, String)>> {
            Ok(None)
        }
        async fn close(&self) -> Result<()> {
            Ok(())
        }
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
    async fn objects_come_whole_whatever_the_size_of_the_one_before() {
        // A chain returns no more than one call can carry.
        let engine = crate::factory::engine().unwrap();
        let node = storage_core::chain::Node {
            name: "main".to_owned(),
            kind: "IdentityStore".to_owned(),
            config: String::new(),
            bases: vec![storage_core::chain::Base::Name("memory".to_owned())],
        };
        let bases =
            [("memory".to_owned(), Arc::new(Memory::new()) as SharedStore)].into_iter().collect();
        let chain = engine.chain(vec![node], bases, crate::engine::Shared::silent()).await;
        let objects = Objects::new("main", Arc::new(chain.unwrap()));
        let of = |size: usize| Bytes::from_iter((0..size).map(|at| (at % 251) as u8));
        let large = usize::try_from(crate::store::MAX_INLINE_BYTES).unwrap() + 1;
        for size in [1000, large, large + 1, 1000, 1000] {
            let data = of(size);
            let mut upload = objects.write("k", PutOptions::default()).await.unwrap();
            upload.push(data.clone()).await.unwrap();
            upload.finish(Ended::own(data.len() as u64)).await.unwrap();
            let (info, got) = objects.get("k", ReadOptions::default(), u64::MAX).await.unwrap();
            assert_eq!((info.size, &got), (Some(size as u64), &data));
        }
    }

    #[tokio::test]
    async fn pieces_are_put_together_up_to_the_limit() {
        let data: Bytes = (0..1000u32).map(|i| i as u8).collect();
        for size in [1, 7, 999, 1000, 5000] {
            let objects = Objects::new("main", Arc::new(Pieces(Memory::new(), size)));
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
}
