//! Compares two objects.

use super::endpoint::{Endpoint, Known};
use super::report::Failure;
use bytes::Bytes;
use storage_store::ReadOptions;
use storage_store::checksum::Crc64;
use storage_store::chunk_size::CHUNK;

/// Whether the objects at `rest` are equal: by size, then by a digest that both sides
/// have; by that of one side, and the bytes of the other; else by their bytes.
pub(super) async fn equal(
    from: &Endpoint,
    source: &Known,
    to: &Endpoint,
    target: &Known,
    rest: &str,
) -> Result<bool, Failure> {
    if let (Some(a), Some(b)) = (source.size, target.size)
        && a != b
    {
        return Ok(false);
    }
    if let (Some(a), Some(b)) = (&source.md5, &target.md5) {
        return Ok(a == b);
    }
    if let (Some(a), Some(b)) = (&source.crc64, &target.crc64) {
        return Ok(a == b);
    }
    // A listing may leave metadata out. Asking costs less than reading.
    if source.crc64.is_some() != target.crc64.is_some() {
        let [a, b] = [known(from, rest).await?, known(to, rest).await?];
        if let (Some(a), Some(b)) = (&a.crc64, &b.crc64) {
            return Ok(a == b);
        }
    }
    if let Some(known) = &target.crc64 {
        return Ok(crc64(from, rest).await? == *known);
    }
    if let Some(known) = &source.crc64 {
        return Ok(crc64(to, rest).await? == *known);
    }
    same_bytes(from, to, rest).await
}

/// What a store tells of one object.
async fn known(side: &Endpoint, rest: &str) -> Result<Known, Failure> {
    let key = side.key(rest);
    let info = side.objects.stat(&key).await;
    info.map(|info| Known::of(&info)).map_err(|e| side.failure("compare", &key, e))
}

/// Reads an object to compute its CRC-64/NVME.
async fn crc64(side: &Endpoint, rest: &str) -> Result<String, Failure> {
    let key = side.key(rest);
    let failed = |e| side.failure("compare", &key, e);
    let mut source = side.objects.read(&key, ReadOptions::default()).await.map_err(failed)?;
    let mut crc = Crc64::default();
    loop {
        let chunk = source.next(CHUNK).await.map_err(failed)?;
        if chunk.is_empty() {
            return Ok(crc.value());
        }
        crc.update(&chunk);
    }
}

async fn same_bytes(from: &Endpoint, to: &Endpoint, rest: &str) -> Result<bool, Failure> {
    let (a_key, b_key) = (from.key(rest), to.key(rest));
    let here = |e| from.failure("compare", &a_key, e);
    let there = |e| to.failure("compare", &b_key, e);
    let mut a = from.objects.read(&a_key, Default::default()).await.map_err(here)?;
    let mut b = to.objects.read(&b_key, Default::default()).await.map_err(there)?;
    let (mut left, mut right) = (Bytes::new(), Bytes::new());
    loop {
        if left.is_empty() {
            left = a.next(CHUNK).await.map_err(here)?;
        }
        if right.is_empty() {
            right = b.next(CHUNK).await.map_err(there)?;
        }
        let count = left.len().min(right.len());
        if count == 0 {
            return Ok(left.is_empty() && right.is_empty());
        }
        if left.split_to(count) != right.split_to(count) {
            return Ok(false);
        }
    }
}
