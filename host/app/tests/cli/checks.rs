//! A configuration that passes `check` works with `run`; and sizes with units.

use super::Here;
use std::fs;

fn configured(serve: &str) -> Here {
    let here = Here::new();
    let stores = "stores:\n  files: {type: FilesystemStore, config: {root_path: files}}\n  \
                  hashed: {type: HashdirStore, config: {root_path: hashed}}\n";
    fs::write(here.path().join("stores.yaml"), format!("{stores}{serve}\n")).unwrap();
    fs::create_dir(here.path().join("files")).unwrap();
    fs::create_dir(here.path().join("hashed")).unwrap();
    fs::write(here.path().join("no.pem"), "not a certificate").unwrap();
    here
}

#[test]
fn check_refuses_what_run_refuses() {
    for (serve, wanted) in [
        ("main: files\nserve: {listen: '0.0.0.0:0'}", "can be reached by others"),
        ("main: files\nserve: {listen: '0.0.0.0:0', anonymous: true}", "can be reached by others"),
        ("main: files\nserve: {tls: {cert: gone.pem, key: gone.pem}}", "can't be read"),
        ("main: files\nserve: {tls: {cert: no.pem, key: no.pem}}", "no certificate"),
        ("main: files\nserve: {staging: no.pem}", "serve.staging"),
        ("main: hashed\nserve: {buckets: dynamic}", "this one can't list"),
    ] {
        let here = configured(serve);
        let output = here.run(&["check"]);
        let said = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(3), "{serve}: {said}");
        assert!(said.contains("failed  serve: ") && said.contains(wanted), "{serve}: {said}");
        let (code, error) = here.fails(&["run"]);
        assert!(code != 0 && error.contains(wanted), "{serve}: {error}");
    }
}

#[test]
fn a_staging_directory_that_is_not_there_yet_is_no_fault() {
    let here = configured("main: files\nserve: {staging: new/staging}");
    assert!(here.ok(&["check"]).contains("ok      files"));
    assert!(!here.path().join("new").exists());
}

#[test]
fn certificates_and_staging_are_beside_the_file_that_names_them() {
    let serve = "main: files\nserve: {tls: {cert: no.pem, key: no.pem}}";
    let here = configured(serve);
    let file = here.path().join("stores.yaml");
    let etc = here.path().join("etc");
    fs::create_dir(&etc).unwrap();
    fs::rename(file, etc.join("stores.yaml")).unwrap();
    let output = here.run(&["-c", "etc/stores.yaml", "check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("etc/no.pem can't be read"), "{said}");
}

#[test]
fn sizes_take_units_in_the_configuration() {
    let here = Here::new();
    let stores = |size: &str| {
        format!(
            "stores:\n  files: {{type: FilesystemStore, config: {{root_path: files}}}}\n  \
             zipped: {{type: GzipStore, base: files, config: {{max_size: {size}}}}}\n\
             main: zipped\nserve: {{limits: {{object_size: 64MiB}}}}\n"
        )
    };
    for (size, fits) in [("1K", true), ("1KiB", true), ("1023", false), ("1KB", false)] {
        fs::write(here.path().join("stores.yaml"), stores(size)).unwrap();
        here.ok_with(&["put", "k"], &[b'x'; 1024]);
        assert_eq!(here.run(&["get", "k"]).status.success(), fits, "{size}");
    }
    fs::write(here.path().join("stores.yaml"), stores("huge")).unwrap();
    let (code, error) = here.fails(&["check"]);
    assert!(code == 3 && error.contains("max_size: \"huge\" is not a size"), "{error}");
    let typo = stores("1").replace("GzipStore", "Gzip");
    fs::write(here.path().join("stores.yaml"), typo).unwrap();
    let (_, error) = here.fails(&["check"]);
    assert!(error.contains("did you mean \"GzipStore\"?"), "{error}");
}

#[test]
fn a_store_that_fails_keeps_no_other_from_being_checked() {
    let here = Here::new();
    let stores = "stores:\n  first: {type: FilesystemStore, config: {root_path: first}}\n  \
                  gone: {type: FilesystemStore, config: {root_path: gone}}\n  \
                  under: {type: FilesystemStore, config: {root_path: a-file/below}}\n  \
                  last: {type: FilesystemStore, config: {root_path: last}}\nmain: first\n";
    fs::write(here.path().join("stores.yaml"), stores).unwrap();
    fs::write(here.path().join("a-file"), "").unwrap();
    for root in ["first", "last"] {
        fs::create_dir(here.path().join(root)).unwrap();
        fs::write(here.path().join(root).join("k"), "x").unwrap();
    }
    let output = here.run(&["check"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success());
    assert!(said.contains("failed  under") && said.contains("is not a directory"), "{said}");
    assert!(said.contains("new     gone") && said.contains("ok      last"), "{said}");
    let output = here.run(&["check", "--deep"]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(!output.status.success() && said.contains("last: 1 object"), "{said}");
}

#[test]
fn a_store_may_be_exposed_by_a_name_that_yaml_reads_as_something_else() {
    let here = Here::new();
    let stores = "stores: {on: {type: MemoryStore}, '12': {type: MemoryStore}}\nmain: on";
    for (name, is_one) in [("on", true), ("12", true), ("[a]", false), ("{a: b}", false)] {
        let text = format!("{stores}\nserve: {{expose: {{data: {name}}}}}\n");
        fs::write(here.path().join("stores.yaml"), text).unwrap();
        let said = String::from_utf8(here.run(&["check"]).stderr).unwrap();
        assert_eq!(said.contains("serve.expose"), !is_one, "{name}: {said}");
    }
}
