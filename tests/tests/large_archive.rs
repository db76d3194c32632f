//! An archive with many entries, in a test program of its own because it counts the
//! bytes that the process reads.

use anyhow::{Context, Result, ensure};
use storage_host::store::ListOptions;
use storage_tests::archive::{Archive, as_python_reads, check_with_unzip};

#[test]
fn a_hundred_thousand_entries_are_read_once() -> Result<()> {
    let archive = Archive::made("many")?;
    let objects = archive.open()?;
    let read = || -> Result<u64> {
        let io = std::fs::read_to_string("/proc/self/io")?;
        Ok(io.split_whitespace().nth(1).context("rchar")?.parse()?)
    };
    let directory = std::fs::metadata(archive.path())?.len() / 4;
    let before = read()?;
    for i in (0..100_000).step_by(500) {
        let key = format!("folder-{:02}/{i:06}", i % 100);
        assert_eq!(archive.get(&objects, &key)?, format!("object {i}").as_bytes());
        archive.runtime.block_on(objects.list(ListOptions {
            prefix: format!("folder-{:02}/", i % 100),
            limit: Some(3),
            ..ListOptions::default()
        }))?;
    }
    let read = read()? - before;
    ensure!(read < directory, "{read} bytes read; the directory has about {directory}");
    archive.put(&objects, "one more", b"here")?;
    archive.close(&objects)?;
    assert_eq!(as_python_reads(&archive)?.len(), 100_001);
    check_with_unzip(&archive)
}
