//! Compares two objects.

use super::endpoint::{Endpoint, Known};
use super::report::Failure;
use bytes::Bytes;
use storage_store::chunk_size::CHUNK;

/// Whether the objects at `rest` are equal: by size, then by MD5 if both sides have
/// one, else by their bytes.
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
    same_bytes(from, to, rest).await
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
