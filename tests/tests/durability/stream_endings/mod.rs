//! Objects that do not end as announced: with an error after all their bytes (a
//! checksum), or one byte late or early. No reader may take them for complete, and
//! nothing made from them may be published.

mod chains;
mod endpoint;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use std::sync::Arc;
use storage_conformance::cases::bytes;
use storage_host::Objects;
use storage_host::backends::memory::Memory;
use storage_host::mirrors::read_through;
use storage_host::store::{ByteRange, Error, ObjectStore, PutOptions, ReadOptions};
use storage_host::transfer::{Control, Copy, Endpoint, Mv, Sync, copy, mv, mv_one, sync};
use storage_tests::ill::{Ending, Ill};

/// Sizes that take one chunk in every stream; one here and several elsewhere; and
/// several.
const SIZES: [usize; 3] = [10, 200_000, 3_000_000];

/// Runs a test on a faulty store with an object, for every ending and size.
fn each(mut test: impl FnMut(Ill, Objects, usize, Bytes) -> Result<()>) -> Result<()> {
    for ending in Ending::ILL {
        for size in SIZES {
            for range in [true, false] {
                let ill = Ill::new(range);
                let objects = Objects::new("ill", ill.shared());
                let data = Bytes::from(bytes(size, 5));
                block(objects.put("k", data.clone(), PutOptions::default()))?;
                ill.end(ending);
                test(ill, objects, size, data)
                    .with_context(|| format!("{ending:?}, {size} bytes, range: {range}"))?;
            }
        }
    }
    Ok(())
}

fn block<T>(future: impl Future<Output = T>) -> T {
    thread_local! {
        static RUNTIME: tokio::runtime::Runtime = tokio::runtime::Runtime::new().unwrap();
    }
    RUNTIME.with(|runtime| runtime.block_on(future))
}

fn empty() -> (Arc<Memory>, Objects) {
    let memory = Arc::new(Memory::new());
    (memory.clone(), Objects::new("target", memory))
}

fn is_empty(memory: &Memory) -> Result<()> {
    ensure!(block(memory.stat("k")).err() == Some(Error::NotFound), "it was published");
    Ok(())
}

fn invalid<T>(what: &str, result: storage_host::Result<T>) -> Result<()> {
    match result {
        Err(Error::InvalidData(_)) => Ok(()),
        Err(error) => anyhow::bail!("{what}: {error}"),
        Ok(_) => anyhow::bail!("{what}: it was taken for whole"),
    }
}

/// Reads without requesting more bytes than announced.
async fn as_announced(objects: &Objects, range: Option<ByteRange>) -> Result<usize, Error> {
    let mut source = objects.read("k", ReadOptions { range, ..ReadOptions::default() }).await?;
    let size = usize::try_from(source.info().size.unwrap_or(0)).unwrap_or(0);
    let mut came = 0;
    while came < size {
        let chunk = source.next(64 * 1024).await?;
        if chunk.is_empty() {
            return Err(Error::Other(format!("an end after {came} bytes")));
        }
        came += chunk.len();
    }
    Ok(came)
}

#[test]
fn who_reads_hears_of_it_before_the_last_byte() -> Result<()> {
    each(|_, objects, size, _| {
        block(async {
            let get = objects.get("k", ReadOptions::default(), u64::MAX).await;
            invalid("get", get)?;
            invalid("read", as_announced(&objects, None).await)?;
            let size = size as u64;
            for range in [ByteRange::from(0), ByteRange::last(size), ByteRange::span(0, size + 9)] {
                invalid("a range", as_announced(&objects, Some(range)).await)?;
                let options = ReadOptions { range: Some(range), ..ReadOptions::default() };
                invalid("get of a range", objects.get("k", options, u64::MAX).await)?;
            }
            let mut found = Vec::new();
            read_through(&objects, |_, finding| found.extend(finding)).await?;
            ensure!(found.len() == 1, "reading through finds {found:?}");
            Ok(())
        })
    })
}

#[test]
fn what_is_published_needs_an_end_of_as_many_bytes() -> Result<()> {
    use storage_host::source::Ended;
    let (memory, objects) = empty();
    for length in [2, 4] {
        let mut upload = block(objects.write("k", PutOptions::default()))?;
        block(upload.push("abc".into()))?;
        invalid("finish", block(upload.finish(Ended::own(length))))?;
        is_empty(&memory)?;
    }
    each(|_, source, _, _| {
        let mut source = block(source.read("k", ReadOptions::default()))?;
        block(source.next(1))?;
        ensure!(block(source.end()).is_err(), "it was not read to its end");
        Ok(())
    })
}

#[test]
fn transfers_count_it_as_failed_write_nothing_and_keep_the_source() -> Result<()> {
    each(|ill, from, _, _| {
        let control = Control::default();
        let from = Endpoint::new(from, "");
        for overwrite in [true, false] {
            let (memory, objects) = empty();
            let to = Endpoint::new(objects, "");
            let what = Copy { from: from.clone(), to: to.clone(), overwrite };
            let counts = block(copy(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.copied, counts.failed.len()) == (0, 1), "copy: {counts:?}");
            is_empty(&memory)?;
            let what = Mv { from: from.clone(), to: to.clone(), overwrite };
            let counts = block(mv(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.moved, counts.failed.len()) == (0, 1), "move: {counts:?}");
            let one = |side: &Endpoint| Endpoint::new(side.objects.clone(), "k");
            let what = Mv { from: one(&from), to: one(&to), overwrite };
            let counts = block(mv_one(&what, &control)).map_err(|e| e.cause)?;
            ensure!((counts.moved, counts.failed.len()) == (0, 1), "move of one: {counts:?}");
            is_empty(&memory)?;
            let counts = block(sync(&Sync::new(from.clone(), to.clone()), &control));
            let counts = counts.map_err(|e| e.cause)?;
            ensure!((counts.copied, counts.failed.len()) == (0, 1), "sync: {counts:?}");
            is_empty(&memory)?;
        }
        // An object of the same size, so that the bytes are compared.
        let (memory, objects) = empty();
        let old = block(ill.memory.get("k", ReadOptions::default()))?.1;
        let own = PutOptions { etag: Some("own-1".to_owned()), ..PutOptions::default() };
        block(objects.put("k", old.clone(), own))?;
        let what = Sync::new(from, Endpoint::new(objects, ""));
        let counts = block(sync(&what, &control)).map_err(|e| e.cause)?;
        ensure!(
            (counts.copied, counts.skipped, counts.failed.len()) == (0, 0, 1),
            "sync: {counts:?}"
        );
        ensure!(block(memory.get("k", ReadOptions::default()))?.1 == old, "it was replaced");
        ensure!(block(ill.memory.exists("k"))?, "the source is gone");
        Ok(())
    })
}
