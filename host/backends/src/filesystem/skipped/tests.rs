use super::*;
use crate::filesystem::root::OddKeys;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

fn all(root: &Root, prefix: &str, limit: u32) -> Vec<(String, String)> {
    let mut options = ListOptions {
        prefix: prefix.to_owned(),
        limit: Some(limit),
        skipped: true,
        ..ListOptions::default()
    };
    let mut found = Vec::new();
    loop {
        let page = crate::filesystem::listing::list(root, &options).unwrap();
        assert!(page.entries.is_empty() && page.skipped.len() <= limit as usize);
        found.extend(page.skipped.into_iter().map(|s| (s.entry, s.reason)));
        assert!(page.next.is_none() || page.next != options.start_after);
        match page.next {
            Some(next) => options.start_after = Some(next),
            None => return found,
        }
    }
}

#[test]
fn pages_of_every_size_give_each_entry_once_with_its_reason() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &[u8]| home.path().join(Path::new(OsStr::from_bytes(name)));
    let own = "writing-7-00000000000000ff";
    for folder in [b"a/b".as_slice(), b"a-", b"l\xff/in", b"empty"] {
        fs::create_dir_all(at(folder)).unwrap();
    }
    for folder in ["metadata", "mine", own] {
        fs::create_dir_all(home.path().join(WITHIN).join(folder)).unwrap();
        fs::write(home.path().join(WITHIN).join(folder).join("f"), "x").unwrap();
    }
    for file in [b"a/b/k".as_slice(), b"a/x\xfe", b"l\xff/f", b"l\xff/in/f", b"z"] {
        fs::write(at(file), "x").unwrap();
    }
    for link in ["a/b/link", "a-/link", "link"] {
        std::os::unix::fs::symlink("nowhere", home.path().join(link)).unwrap();
    }
    let dir: OwnedFd = fs::File::open(home.path()).unwrap().into();
    let _socket = std::os::unix::net::UnixListener::bind(at(b"a/socket")).unwrap();
    let place = crate::filesystem::sidecar::SidecarPlace::of(home.path(), dir.as_fd()).unwrap();
    let root =
        Root::new(dir, "here".to_owned(), place, Err(Error::NotFound), false, OddKeys::Refuse)
            .unwrap();
    let (link, bytes) = ("a symbolic link", "its name is not UTF-8");
    let wanted = [
        // Only what the store itself names is its own there.
        (".storage-host/mine/f", "its name is kept for the store's own folder, .storage-host"),
        ("a/b/link", link),
        ("a/socket", "a socket"),
        ("a/x\\xfe", bytes),
        ("a-/link", link),
        // In byte order, with 0xff last.
        ("link", link),
        ("l\\xff/f", bytes),
        ("l\\xff/in/f", bytes),
    ];
    for limit in 1..8 {
        for prefix in ["", "a", "a/", "a/b/", "a/b/l", "l", "link", "b", "../"] {
            let wanted: Vec<_> = wanted
                .iter()
                .filter(|(entry, _)| entry.starts_with(prefix))
                .map(|(entry, reason)| ((*entry).to_owned(), (*reason).to_owned()))
                .collect();
            assert_eq!(all(&root, prefix, limit), wanted, "{prefix:?}, pages of {limit}");
        }
    }
}
