use super::*;
use crate::filesystem::root::{OddKeys, Root};
use crate::filesystem::sidecar::SidecarPlace;
use std::collections::BTreeSet;
use std::fs;
use storage_store::Error;

fn root(path: &std::path::Path) -> Root {
    let dir = fs::File::open(path).unwrap().into();
    let dir: rustix::fd::OwnedFd = dir;
    let place = SidecarPlace::of(path, rustix::fd::AsFd::as_fd(&dir)).unwrap();
    Root::new(dir, "here".to_owned(), place, Err(Error::NotFound), false, OddKeys::Refuse).unwrap()
}

/// All names after `after`, in parts.
fn all(names: &Names, root: &Root, prefix: &str, after: Option<&str>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let mut low = Low::below("", after).unwrap();
    loop {
        let (part, complete) =
            names.part(&|key| root.shown(key), root.dir(), ("", prefix), &low).unwrap().unwrap();
        assert!(part.len() <= names.part && (complete || !part.is_empty()));
        found.extend(part);
        if complete {
            return found;
        }
        low = Low::after(found.last().unwrap());
    }
}

#[test]
fn parts_of_every_size_give_each_name_once_and_in_order() {
    let home = tempfile::tempdir().unwrap();
    let mut model = BTreeSet::new();
    for i in 0..40 {
        let name = format!("{}{i:02}", ["a", "b-", "b"][i % 3]);
        if i % 4 == 0 {
            fs::create_dir(home.path().join(&name)).unwrap();
            model.insert(format!("{name}/"));
        } else {
            fs::write(home.path().join(&name), "").unwrap();
            model.insert(name);
        }
    }
    let root = root(home.path());
    // Names are kept only if the folder has been quiet for a while.
    for wait in [Duration::ZERO, 2 * TICK] {
        std::thread::sleep(wait);
        for (kept, part) in [(1, 1), (3, 2), (7, 3), (40, 7), (100, 100)] {
            let names = Names { form: Form::Plain, kept, part, windows: Mutex::default() };
            for prefix in ["", "a", "b-", "b-04/x", "c"] {
                let wanted = |name: &&String| {
                    name.starts_with(prefix)
                        || (name.ends_with('/') && prefix.starts_with(name.as_str()))
                };
                let wanted: Vec<_> = model.iter().filter(wanted).cloned().collect();
                assert_eq!(all(&names, &root, prefix, None), wanted, "{kept} {part} {prefix}");
                for after in ["a", "a09", "b20/k", "b20/", "b20", "z"] {
                    // The folder of a key is listed again.
                    let rest = |name: &&String| {
                        name.as_str() > after
                            || (name.ends_with('/') && after.starts_with(name.as_str()))
                    };
                    let wanted: Vec<_> = wanted.iter().filter(rest).cloned().collect();
                    let found = all(&names, &root, prefix, Some(after));
                    assert_eq!(found, wanted, "{kept} {part} {prefix} {after}");
                }
            }
        }
    }
}

#[test]
fn what_is_kept_is_not_believed_when_the_folder_changed() {
    let home = tempfile::tempdir().unwrap();
    for i in 0..20 {
        fs::write(home.path().join(format!("{i:02}")), "").unwrap();
    }
    std::thread::sleep(2 * TICK);
    let root = root(home.path());
    let names = Names { form: Form::Plain, kept: 10, part: 3, windows: Mutex::default() };
    assert_eq!(all(&names, &root, "", None).len(), 20);
    let kept = names.windows().len();
    assert_eq!(kept, 1);
    fs::remove_file(home.path().join("05")).unwrap();
    fs::write(home.path().join("055"), "").unwrap();
    let found = all(&names, &root, "", Some("04"));
    assert_eq!(found.first().map(String::as_str), Some("055"));
    assert_eq!(found.len(), 15);
}

#[test]
fn a_part_begins_after_a_key_or_in_its_folder() {
    let low = |name: &str, after| Some(Low { name: name.to_owned(), after });
    for (folder, after, wanted) in [
        ("", None, low("", false)),
        ("", Some("k"), low("k", true)),
        ("", Some("f/k"), low("f/", false)),
        ("f/", Some("f/k"), low("k", true)),
        ("f/", Some("f/"), low("", true)),
        ("f/", Some("f"), low("", false)),
        ("f/", Some("e/z"), low("", false)),
        ("f/", Some("g"), None),
    ] {
        assert_eq!(Low::below(folder, after), wanted, "{folder} {after:?}");
    }
}
