use super::*;
use crate::backend::OpenArgs;
use crate::filesystem::{Filesystem, OddKeys, reader};
use std::path::Path;
use storage_store::{ByteRange, Error, ObjectStore, PutOptions};

fn open(directory: &Path) -> Filesystem {
    let args = OpenArgs {
        name: "files".to_owned(),
        config: serde_json::json!({"root_path": "root"}),
        directory: directory.to_owned(),
        create: true,
        check: None,
    };
    Filesystem::open(&args, Path::new("root"), false, OddKeys::Keep).unwrap()
}

/// Whether this filesystem gives bytes without waiting.
fn gives(root: &Root, key: &str) -> bool {
    let Ok(file) = path::open_cached(root.dir(), key, OFlags::RDONLY) else { return false };
    let mut byte = [0];
    let into = &mut [IoSliceMut::new(&mut byte)];
    root.is_local() && rustix::io::preadv2(&file, into, 0, ReadWriteFlags::NOWAIT) == Ok(1)
}

#[tokio::test]
async fn what_is_in_memory_is_read_as_by_another_thread() {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    let root = &files.root;
    let most = usize::try_from(MOST).unwrap();
    for (key, length) in [("empty", 0), ("a/b/small", 5), ("most", most), ("more", most + 1)] {
        for content_type in [None, Some("text/plain".to_owned())] {
            let etag = content_type.as_ref().map(|_| "own".to_owned());
            let options = PutOptions { content_type, etag, ..PutOptions::default() };
            let bytes = (0..length).map(|at| (at % 251) as u8).collect::<Vec<_>>();
            files.put(key, bytes.into(), options).await.unwrap();
            let matching = |etag: &str| ReadOptions {
                if_none_match: Some(etag.to_owned()),
                ..ReadOptions::default()
            };
            let ranges = [ByteRange::span(1, 3), ByteRange::from(4), ByteRange::last(2)];
            let ranged = |range| ReadOptions { range: Some(range), ..ReadOptions::default() };
            let all = [ReadOptions::default(), matching("own"), matching("other")];
            for options in all.into_iter().chain(ranges.map(ranged)) {
                let waiting = reader::all(root.clone(), key.to_owned(), &options);
                let found = get(root, key, &options);
                let is_small = length <= most && (length == 0 || gives(root, key));
                assert_eq!(found.is_some(), is_small && root.is_local(), "{key} {options:?}");
                assert!(found.is_none_or(|found| found == waiting), "{key} {options:?}");
            }
        }
    }
}

#[tokio::test]
async fn what_is_no_plain_file_is_left_to_the_other_thread() {
    let directory = tempfile::tempdir().unwrap();
    let files = open(directory.path());
    for key in ["a", "a/odd", "p//q"] {
        files.put(key, "x".into(), PutOptions::default()).await.unwrap();
    }
    std::os::unix::fs::symlink("a", directory.path().join("root/link")).unwrap();
    let pipe = directory.path().join("root/pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, FileType::Fifo, 0o600.into(), 0).unwrap();
    for key in ["a/odd", "p//q", "link", "pipe", "missing", "../root/a", "a\0", ""] {
        assert!(get(&files.root, key, &ReadOptions::default()).is_none(), "{key:?}");
    }
    let missing = files.get("missing", ReadOptions::default()).await;
    assert_eq!(missing, Err(Error::NotFound));
    assert_eq!(files.get("a/odd", ReadOptions::default()).await.unwrap().1, "x");
}
