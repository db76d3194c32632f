//! Bad input: the exact error, with nothing lost or half-written.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use storage_host::source::Ended;
use storage_host::store::{Error, ListOptions, PutOptions};
use storage_host::{Objects, StoreFactory};

/// The error for a broken file, without its directory.
fn refusal(yaml: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("stores.yaml");
    std::fs::write(&file, yaml).unwrap();
    match StoreFactory::from_yaml(&file) {
        Ok(_) => panic!("accepted:\n{yaml}"),
        Err(error) => format!("{error:#}").replace(&format!("{}/", directory.path().display()), ""),
    }
}

/// Everything below a directory: paths and file contents.
fn tree(directory: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(tree(&path));
            found.insert(path.display().to_string(), None);
        } else {
            found.insert(path.display().to_string(), Some(std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// A factory over YAML in which `DIR` stands for the directory.
fn factory(directory: &Path, yaml: &str) -> Result<StoreFactory> {
    let file = directory.join("stores.yaml");
    std::fs::write(&file, yaml.replace("DIR", &directory.display().to_string()))?;
    StoreFactory::from_yaml(file)
}

#[test]
fn broken_files_are_refused_with_the_place_and_the_cure() {
    for (yaml, message) in [
        (
            "stores:\n  a: {type: DictStore\nmain: a\n",
            "stores.yaml:3:5: this is not YAML: while parsing a flow mapping, did not find expected ',' or '}'",
        ),
        (
            "stores:\n\ta: 1\n",
            "stores.yaml:2:2: this is not YAML: tabs disallowed within this context (block indentation)",
        ),
        (
            "",
            "stores.yaml:1:1: a configuration is a mapping with \"stores\" and \"main\", not nothing",
        ),
        (
            "stores:\n  m: {type: DictStore}\n  a: {type: NotifyingStore, base: m, config: {on_put: [{log: debug}]}}\nmain: a\n",
            "stores.yaml:3:62: store \"a\" (NotifyingStore): on_put[0].log must be a mapping or nothing, not text",
        ),
        (
            "just text\n",
            "stores.yaml:1:1: a configuration is a mapping with \"stores\" and \"main\", not text",
        ),
        ("main: a\n", "stores.yaml:1:1: \"stores\" is missing: a mapping of names to stores"),
        (
            "stores: []\nmain: a\n",
            "stores.yaml:1:9: \"stores\" must be a mapping of names to stores, with at least one",
        ),
        (
            "stores:\n  a: {type: DictStore}\nmain: a\nserve: {buckets: [a]}\n",
            "stores.yaml:4:18: serve.buckets must be text, not a list",
        ),
        (
            "stores:\n  a: {type: MirroringStore, base: []}\nmain: a\n",
            "stores.yaml:2:35: store \"a\": MirroringStore needs at least one base, and the list is empty",
        ),
        (
            "stores:\n  a: {type: DictStor}\nmain: a\n",
            "stores.yaml:2:13: store \"a\": there is no store type \"DictStor\"; did you mean \"DictStore\"?",
        ),
        (
            "stores:\n  a: {type: DictStore}\nmain: a\nsurver: {}\n",
            "stores.yaml:4:1: there is no section \"surver\"; did you mean \"serve\"?",
        ),
        (
            "stores:\n  a: {type: DictStore, bases: b}\nmain: a\n",
            "stores.yaml:2:24: store \"a\": there is no \"bases\"; did you mean \"base\"?",
        ),
        (
            "stores:\n  a: {type: FilesystemStore, config: {root_path: x, rootpath: x}}\nmain: a\n",
            "stores.yaml:2:53: store \"a\" (FilesystemStore): there is no \"rootpath\" here; did you mean \"root_path\"?",
        ),
        (
            "stores:\n  a: {type: FilesystemStore, config: {root_path: [5]}}\nmain: a\n",
            "stores.yaml:2:50: store \"a\" (FilesystemStore): root_path must be text, not a list",
        ),
        (
            "stores:\n  a: {type: IdentityStore, base: b}\n  b: {type: IdentityStore, base: c}\n  c: {type: IdentityStore, base: a}\nmain: a\n",
            "stores.yaml:2:3: these stores stand on each other: a → b → c → a",
        ),
        (
            "stores:\n  a: {type: IdentityStore, base: a}\nmain: a\n",
            "stores.yaml:2:3: these stores stand on each other: a → a",
        ),
        (
            "stores:\n  a: {type: IdentityStore, base: memry}\n  memory: {type: DictStore}\nmain: a\n",
            "stores.yaml:2:34: store \"a\": there is no store \"memry\"; did you mean \"memory\"?",
        ),
        (
            "stores:\n  a: {type: FilesystemStore, config: {root_path: \"${NO_SUCH_VARIABLE}/x\"}}\nmain: a\n",
            "stores.yaml:2:50: store \"a\" (FilesystemStore): the environment variable NO_SUCH_VARIABLE is not set; set it, or give a default: ${NO_SUCH_VARIABLE:-…}",
        ),
        (
            "stores:\n  a: {type: IdentityStore}\nmain: a\n",
            "stores.yaml:2:3: store \"a\": IdentityStore needs a base: the name of a store",
        ),
        (
            "stores:\n  a: {type: CachingStore, base: b}\n  b: {type: DictStore}\nmain: a\n",
            "stores.yaml:2:33: store \"a\": the base of CachingStore is a mapping with \"main_store\" and \"cache_store\", not text",
        ),
        (
            "stores:\n  a: {type: DictStore}\nmain: b\n",
            "stores.yaml:3:7: main: there is no store \"b\"; there are: a",
        ),
        (
            "stores:\n  a: {type: DictStore}\n  a: {type: DictStore}\nmain: a\n",
            "stores.yaml:3:3: \"a\" stands here for the second time; first on line 2",
        ),
        (
            "stores:\n  a: &x {type: DictStore, base: *x}\nmain: a\n",
            "stores.yaml:2:33: an alias inside the value that it stands for",
        ),
        ("stores:\n  a: {}\nmain: a\n", "stores.yaml:2:3: store \"a\" has no \"type\""),
        (
            "stores:\n  a: {type: DictStore}\nmain: a\nserve: {listen: nowhere}\n",
            "stores.yaml:4:17: serve.listen must be an address and a port, such as 127.0.0.1:9000",
        ),
    ] {
        assert_eq!(refusal(yaml), message, "for:\n{yaml}");
    }
}

#[test]
fn every_problem_of_a_file_is_told_at_once() {
    let yaml = "stores:\n  a: {type: DictStor}\n  b: {type: IdentityStore}\n  \
                c: {type: IdentityStore, base: c}\nmain: d\n";
    let message = refusal(yaml);
    for place in ["2:13: ", "3:3: ", "4:3: ", "5:7: "].map(|at| format!("stores.yaml:{at}")) {
        assert!(message.contains(&place), "{place} is not in:\n{message}");
    }
}

#[test]
fn a_file_with_any_number_of_problems_is_refused_with_the_first_hundred() {
    // Each of these names would otherwise be compared with all others for suggestions.
    let stores = |base: &str| {
        let store = |n| format!("  s{n}: {{type: IdentityStore, base: {base}{n}}}\n");
        (0..40_000).map(store).collect::<String>()
    };
    let message = refusal(&format!("stores:\n{}main: s0\n", stores("t")));
    assert_eq!(message.lines().count(), 101, "{message}");
    assert!(message.contains("did you mean"), "{message}");
    assert!(message.ends_with(": 39900 more problems"), "{message}");
    let message = refusal(&format!("stores:\n{}main: s0\n", stores("none/")));
    assert!(message.ends_with(": 39900 more problems"), "{message}");
}

#[test]
fn a_file_of_ninety_thousand_stores_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let stores: String = (0..90_000).map(|n| format!("  s{n}: {{type: DictStore}}\n")).collect();
    let file = directory.path().join("stores.yaml");
    std::fs::write(&file, format!("stores:\n{stores}main: s89999\n")).unwrap();
    let factory = StoreFactory::from_yaml(&file).unwrap();
    assert_eq!(factory.config().stores.len(), 90_000);
    let twice = refusal(&format!("stores:\n{stores}  s7: {{type: DictStore}}\nmain: s0\n"));
    assert!(twice.contains("\"s7\" stands here for the second time; first on line 9"), "{twice}");
    let values = "0,".repeat(600_000);
    let many = refusal(&format!("stores: [{values}]\n"));
    assert!(many.contains("more than 500000 values"), "{many}");
}

#[test]
fn stores_that_stand_on_one_store_in_ever_more_ways_are_refused() {
    let doubled = |levels: usize| {
        let store = |n| format!("  m{}: {{type: MirroringStore, base: [m{n}, m{n}]}}\n", n + 1);
        let stores: String = (0..levels).map(store).collect();
        format!("stores:\n  m0: {{type: DictStore}}\n{stores}main: m{levels}\n")
    };
    let message = refusal(&doubled(60));
    let wanted = "stores.yaml:9:3: store \"m7\": 128 ways lead from it down to stores that keep \
                  objects, and at most 64 may; let fewer stores below it stand on the same ones";
    assert_eq!(message, wanted);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("stores.yaml"), doubled(6)).unwrap();
    StoreFactory::from_yaml(directory.path().join("stores.yaml")).unwrap();
}

#[test]
fn a_tower_of_stores_is_refused_above_a_hundred() {
    let tower = |height: usize| {
        let store = |n| format!("  s{}: {{type: IdentityStore, base: s{n}}}\n", n + 1);
        let stores: String = (0..height - 1).map(store).collect();
        format!("stores:\n  s0: {{type: DictStore}}\n{stores}main: s{}\n", height - 1)
    };
    let wanted =
        "stores.yaml:102:3: store \"s100\": more than 100 stores stand on one another here";
    assert_eq!(refusal(&tower(20_000)), wanted);
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("stores.yaml"), tower(100)).unwrap();
    StoreFactory::from_yaml(directory.path().join("stores.yaml")).unwrap();
}

#[test]
fn a_broken_file_creates_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let yaml = "
stores:
  files: {type: FilesystemStore, config: {root_path: DIR/files}}
  database: {type: SqliteStore, config: {db_path: DIR/objects.db}}
  main: {type: IdentityStore, base: nothing}
main: main
";
    assert!(factory(directory.path(), yaml).is_err());
    let names: Vec<String> = tree(directory.path()).into_keys().collect();
    assert!(names.len() == 1 && names[0].ends_with("/stores.yaml"), "{names:?}");
}

const FILES: &str = "
stores:
  files: {type: FilesystemStore, config: {root_path: DIR/one/files, odd_keys: refuse}}
  main: {type: IdentityStore, base: files}
main: main
";

async fn listed(objects: &Objects) -> Vec<String> {
    let page = objects.list(ListOptions::default()).await.unwrap();
    page.entries.into_iter().map(|entry| entry.key).collect()
}

#[tokio::test]
async fn keys_that_lead_out_of_the_root_are_refused_and_touch_nothing() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("victim"), "untouched").unwrap();
    let factory = factory(directory.path(), FILES).unwrap();
    let objects = factory.build().await.unwrap();
    objects.put("kept", "kept".into(), PutOptions::default()).await.unwrap();
    let before = tree(directory.path());
    for key in [
        "../victim".to_owned(),
        "../../victim".to_owned(),
        "a/../../../victim".to_owned(),
        "..".to_owned(),
        "a/..".to_owned(),
        "/etc/passwd".to_owned(),
        format!("{}/victim", directory.path().display()),
        "a\0b".to_owned(),
        String::new(),
        "k".repeat(storage_contract::MAX_KEY_BYTES + 1),
    ] {
        let put = objects.put(&key, "evil".into(), PutOptions::default()).await;
        assert!(matches!(put, Err(Error::InvalidKey(_))), "put of {key:?} gave {put:?}");
        let written = match objects.write(&key, PutOptions::default()).await {
            Ok(mut upload) => {
                upload.push("evil".into()).await.unwrap();
                upload.finish(Ended::own(4)).await
            }
            Err(error) => Err(error),
        };
        assert!(matches!(written, Err(Error::InvalidKey(_))), "write of {key:?} gave {written:?}");
        let got = objects.get(&key, Default::default(), 1_000).await;
        assert!(matches!(got, Err(Error::InvalidKey(_))), "get of {key:?} gave {got:?}");
        let deleted = objects.delete(&key, Default::default()).await;
        assert!(matches!(deleted, Err(Error::InvalidKey(_))), "delete of {key:?}: {deleted:?}");
    }
    assert_eq!(tree(directory.path()), before);
    assert_eq!(listed(&objects).await, ["kept"]);
    factory.close().await.unwrap();
}

#[tokio::test]
async fn a_symbolic_link_out_of_the_root_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let outside = directory.path().join("outside");
    std::fs::create_dir_all(directory.path().join("one/files")).unwrap();
    std::fs::create_dir(&outside).unwrap();
    std::fs::write(outside.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink(&outside, directory.path().join("one/files/link")).unwrap();
    let factory = factory(directory.path(), FILES).unwrap();
    let objects = factory.build().await.unwrap();
    let got = objects.get("link/secret", Default::default(), 1_000).await;
    assert!(got.is_err(), "read through the link: {got:?}");
    let put = objects.put("link/new", "evil".into(), PutOptions::default()).await;
    assert!(put.is_err(), "written through the link: {put:?}");
    assert!(objects.delete("link/secret", Default::default()).await.is_err());
    assert_eq!(std::fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(std::fs::read(outside.join("secret")).unwrap(), b"secret");
    factory.close().await.unwrap();
}

#[tokio::test]
async fn a_key_under_another_object_is_refused_and_harms_neither() {
    let directory = tempfile::tempdir().unwrap();
    let factory = factory(directory.path(), FILES).unwrap();
    let objects = factory.build().await.unwrap();
    objects.put("a", "first".into(), PutOptions::default()).await.unwrap();
    let below = objects.put("a/b", "second".into(), PutOptions::default()).await;
    assert!(below.is_err(), "{below:?}");
    let got = objects.get("a", Default::default(), 100).await.unwrap().1;
    assert_eq!((&got[..], listed(&objects).await), (&b"first"[..], vec!["a".to_owned()]));
    factory.close().await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let text = "this is a diary, and no database\n".repeat(200);
    std::fs::write(directory.path().join("diary.db"), &text).unwrap();
    let yaml = "
stores:
  main: {type: SqliteStore, config: {db_path: DIR/diary.db}}
main: main
";
    let factory = factory(directory.path(), yaml).unwrap();
    let before = tree(directory.path());
    let error = match factory.build().await {
        Ok(_) => panic!("it was opened"),
        Err(error) => format!("{error:#}"),
    };
    assert!(error.starts_with("store \"main\" (SqliteStore): "), "{error}");
    assert!(error.contains("diary.db") && error.contains("database"), "{error}");
    assert_eq!(tree(directory.path()), before);
}

#[tokio::test]
async fn a_root_that_is_a_file_is_refused_and_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("one")).unwrap();
    std::fs::write(directory.path().join("one/files"), "a file").unwrap();
    let factory = factory(directory.path(), FILES).unwrap();
    let before = tree(directory.path());
    let error = match factory.build().await {
        Ok(_) => panic!("it was opened"),
        Err(error) => format!("{error:#}"),
    };
    assert!(error.contains("one/files"), "{error}");
    assert_eq!(tree(directory.path()), before);
}

#[tokio::test]
async fn an_upload_that_is_given_up_leaves_no_file_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let factory = factory(directory.path(), FILES).unwrap();
    let objects = factory.build().await.unwrap();
    objects.put("kept", "kept".into(), PutOptions::default()).await.unwrap();
    let before = tree(directory.path());
    let mut upload = objects.write("deep/half", PutOptions::default()).await.unwrap();
    for _ in 0..20 {
        upload.push(vec![7; 300_000].into()).await.unwrap();
    }
    drop(upload);
    factory.close().await.unwrap();
    assert_eq!(tree(directory.path()), before);
}
