//! The command `storage-host plugin` for authors of plug-ins.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use storage_host::engine::DECORATORS;
use storage_tests::guests::HOSTILE;
use storage_tests::server::run;
use storage_tests::templates;
use tempfile::TempDir;

/// Creates a directory with these files.
fn with(files: &[(&str, &[u8])]) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for (name, bytes) in files {
        fs::write(directory.path().join(name), bytes)?;
    }
    Ok(directory)
}

/// Exit code, standard output and standard error of `plugin …`.
fn plugin(directory: &Path, args: &[&str]) -> Result<(i32, String, String)> {
    let output = run(directory, &[&["plugin"][..], args].concat());
    let code = output.status.code().context("it was killed")?;
    Ok((code, String::from_utf8(output.stdout)?, String::from_utf8(output.stderr)?))
}

fn ok(directory: &Path, args: &[&str]) -> Result<String> {
    let (code, out, error) = plugin(directory, args)?;
    ensure!(code == 0, "{args:?} ended with {code}: {out}{error}");
    Ok(out)
}

/// The hostile plug-in with a text replaced by another of the same length.
fn altered(from: &str, to: &str) -> Result<Vec<u8>> {
    let mut bytes = HOSTILE.component()?;
    let places: Vec<_> = memchr::memmem::find_iter(&bytes, from).collect();
    ensure!(from.len() == to.len() && !places.is_empty(), "{from:?} is not there");
    for place in places {
        bytes[place..place + to.len()].copy_from_slice(to.as_bytes());
    }
    Ok(bytes)
}

#[test]
fn inspect_says_what_the_built_in_pack_is() -> Result<()> {
    let here = with(&[("decorators.wasm", DECORATORS)])?;
    let told: Value =
        serde_json::from_str(&ok(here.path(), &["inspect", "decorators.wasm", "--json"])?)?;
    assert_eq!(told["world"], "decorator-pack");
    assert_eq!(told["contract"], "0.1.0");
    assert_eq!(told["size"], DECORATORS.len());
    let sum = Command::new("sha256sum").arg(here.path().join("decorators.wasm")).output()?;
    let sum = String::from_utf8(sum.stdout)?;
    assert_eq!(told["sha256"].as_str(), sum.split_whitespace().next());
    let mut kinds = told["types"].as_array().into_iter().flatten();
    let prefix = kinds.find(|kind| kind["name"] == "PrefixStore").context("no PrefixStore")?;
    assert_eq!(prefix["config"]["required"][0], "prefix");
    let text = ok(here.path(), &["inspect", "decorators.wasm"])?;
    for line in [
        "world: decorator-pack, of contract 0.1.0",
        "\nGzipStore (also AsyncGzipStore)\n",
        "level (integer",
    ] {
        assert!(text.contains(line), "no {line:?} in {text}");
    }
    Ok(())
}

#[test]
fn inspect_says_what_is_given_and_what_is_refused() -> Result<()> {
    let here = with(&[("hostile.wasm", &HOSTILE.component()?)])?;
    let told: Value =
        serde_json::from_str(&ok(here.path(), &["inspect", "hostile.wasm", "--json"])?)?;
    let answer = |interface: &str| {
        let mut imports = told["imports"].as_array().into_iter().flatten();
        let found = imports.find(|import| {
            import["name"].as_str().is_some_and(|name| name.starts_with(&format!("{interface}@")))
        });
        found.map(|import| import["answer"].clone()).unwrap_or_default()
    };
    assert_eq!(answer("wasi:filesystem/types"), "refused");
    assert_eq!(answer("wasi:sockets/tcp"), "refused");
    assert_eq!(answer("wasi:clocks/wall-clock"), "sandbox");
    assert_eq!(answer("storage:object-store/object-store"), "contract");
    let text = ok(here.path(), &["inspect", "hostile.wasm"])?;
    let (_, refused) = text.split_once("refused when it is called:\n").context(text.clone())?;
    assert!(refused.starts_with("    wasi:"), "{text}");
    assert!(text.contains("\nHostileStore (also Bad)\n  Does harm\\nwhere it is told to\n"));
    Ok(())
}

#[test]
fn inspect_of_what_is_no_plug_in_says_why() -> Result<()> {
    let hostile = HOSTILE.component()?;
    let later = altered("storage:object-store/types@0.1.0", "storage:object-store/types@0.9.0")?;
    let here = with(&[
        ("garbage.wasm", b"garbage"),
        ("empty.wasm", b""),
        ("module.wasm", b"\0asm\x01\0\0\0"),
        ("half.wasm", &hostile[..hostile.len() / 2]),
        ("later.wasm", &later),
        ("trap.wasm", &altered("kinds: well", "kinds: trap")?),
        ("loop.wasm", &altered("kinds: well", "kinds: loop")?),
    ])?;
    for (file, why) in [
        ("garbage.wasm", "it is not a wasm file"),
        ("empty.wasm", "it is not a wasm file"),
        ("module.wasm", "it is a core module"),
        ("half.wasm", "not all of one"),
        ("later.wasm", "it is made for version 0.9.0 of the contract"),
        ("trap.wasm", "it was asked for its store types and failed"),
        ("loop.wasm", "used more than 2s of processor time"),
        ("missing.wasm", "can't be read"),
        (".", "is not a regular file"),
    ] {
        for verb in ["inspect", "check"] {
            let (code, _, error) = plugin(here.path(), &[verb, file])?;
            assert_eq!(code, 3, "{verb} {file}: {error}");
            assert!(error.contains(why) && error.contains(file), "{verb} {file}: {error}");
        }
    }
    let (_, _, error) = plugin(here.path(), &["inspect", "later.wasm", "--json"])?;
    let error: Value = serde_json::from_str(error.trim())?;
    assert_eq!(error["error"]["code"], "invalid-config");
    Ok(())
}

/// Options for the built-in types that do not accept every key and value.
const BUILT_IN: &[&str] = &[
    "--kind-config=TextEncodingStore={\"encoding\": \"utf-16\"}",
    "--kind-config=KeyValidatingStore={\"validators\": [{\"max_bytes\": 1024}]}",
    "--kind-config=RegexValidatingStore={\"pattern\": \"ok/\"}",
    "--kind-config=PrefixStore=@prefix.json",
    "--kind-config=RegexRoutingStore={\"routes\": [{\"pattern\": \"\", \"prefix\": \"a/\"}]}",
    "--key-prefix=RegexValidatingStore=ok/",
    "--key-prefix=UrlValidatingStore=https://example.com/",
    "--values=TextEncodingStore=text",
    "--values=JsonStore={\"a\": [1, \"{}\"]}",
];

#[test]
fn check_finds_nothing_wrong_with_the_built_in_decorators() -> Result<()> {
    let here = with(&[("pack.wasm", DECORATORS), ("prefix.json", b"{\"prefix\": \"a/\"}")])?;
    let (mut held, mut seen) = (0, Vec::new());
    // Some keys do not make a valid URL.
    let url = ["--kind=UrlValidatingStore", "--may-refuse-keys"];
    let all: Value = serde_json::from_str(&ok(here.path(), &["inspect", "pack.wasm", "--json"])?)?;
    let names = all["types"].as_array().into_iter().flatten().filter_map(|t| t["name"].as_str());
    let names: Vec<&str> = names.collect();
    let others: Vec<String> = names
        .iter()
        .filter(|name| **name != "UrlValidatingStore")
        .map(|name| format!("--kind={name}"))
        .collect();
    let others: Vec<&str> = others.iter().map(String::as_str).collect();
    for kinds in [&others[..], &url] {
        let args = [&["check", "pack.wasm", "--json"][..], BUILT_IN, kinds].concat();
        for line in ok(here.path(), &args)?.lines() {
            let told: Value = serde_json::from_str(line)?;
            assert_eq!(told["good"], true, "{line}");
            held += told["held"].as_u64().unwrap_or(0);
            seen.push(told["kind"].as_str().unwrap_or_default().to_owned());
        }
    }
    seen.sort();
    let mut names = names;
    names.sort_unstable();
    assert_eq!(seen, names);
    assert!(held > 1_700, "{held} cases");
    Ok(())
}

#[test]
fn check_names_what_a_store_fails_and_nothing_else() -> Result<()> {
    let here = with(&[("hostile.wasm", &HOSTILE.component()?)])?;
    let text = ok(here.path(), &["check", "hostile.wasm"])?;
    assert!(text.starts_with("HostileStore: all "), "{text}");
    for (config, case, why) in [
        (r#"{"at": "get", "do": "longer"}"#, "test_get_gives_what_was_put", "bytes of an object"),
        (r#"{"at": "stat", "do": "trap"}"#, "test_stat_agrees_with_get_and_read", "unreachable"),
        (r#"{"at": "next", "do": "short"}"#, "test_read_every_length", "ended after 0 of"),
        (r#"{"at": "list", "do": "still"}"#, "test_list_of_nothing", "does not get on"),
        (r#"{"at": "delete", "do": "ugly-error"}"#, "test_delete_removes_the_object", "one"),
    ] {
        let args = ["check", "hostile.wasm", "--kind-config", config, "--key-prefix", "bad/"];
        let (code, out, error) = plugin(here.path(), &[&args[..], &["--json"]].concat())?;
        assert_eq!(code, 4, "{config}: {error}");
        let told: Value = serde_json::from_str(&out)?;
        let failed = told["failed"].as_array().context("no list")?;
        let found = failed.iter().find(|failed| failed["case"] == case);
        let message =
            found.with_context(|| format!("{config}: {failed:?}"))?["message"].to_string();
        assert!(message.contains(why), "{config}: {message}");
        // Harmless operations are not blamed.
        assert!(told["held"].as_u64() > Some(10), "{config}: {out}");
        assert!(!failed.iter().any(|f| f["case"] == "test_capabilities_are_constant"), "{out}");
        let (code, text, _) = plugin(here.path(), &args)?;
        assert!(code == 4 && text.contains(&format!("  failed: {case}: ")), "{text}");
    }
    Ok(())
}

#[test]
fn check_ends_in_time_whatever_a_store_does() -> Result<()> {
    let here = with(&[("hostile.wasm", &HOSTILE.component()?)])?;
    let check = |config: &str, time: &str| {
        let args = ["check", "hostile.wasm", "--key-prefix=bad/", "--json", "--time-limit", time];
        plugin(here.path(), &[&args[..], &["--kind-config", config]].concat())
    };
    let (code, out, error) = check(r#"{"at": "get", "do": "sleep"}"#, "3s")?;
    assert_eq!(code, 4, "{error}");
    let told: Value = serde_json::from_str(&out)?;
    assert!(told["failed"].to_string().contains("the time was over"), "{out}");
    assert!(told["not_run"].as_array().is_some_and(|left| left.len() > 10), "{out}");

    let (code, out, _) = check(r#"{"at": "build", "do": "loop"}"#, "60s")?;
    let told: Value = serde_json::from_str(&out)?;
    assert_eq!((code, &told["failed"][0]["case"]), (4, &Value::from("build")), "{out}");
    assert!(out.contains("processor time"), "{out}");
    Ok(())
}

#[test]
fn check_says_how_a_config_is_given() -> Result<()> {
    let here = with(&[("pack.wasm", DECORATORS)])?;
    let check = |args: &[&str]| plugin(here.path(), &[&["check", "pack.wasm"][..], args].concat());
    let (code, _, error) = check(&["--kind=PrefixStore"])?;
    assert_eq!(code, 3);
    assert!(error.contains("PrefixStore: \"prefix\" is missing"), "{error}");
    assert!(error.contains("--kind-config 'PrefixStore={"), "{error}");
    let (code, _, error) = check(&["--kind=GzipStore", "--kind-config={\"levle\": 1}"])?;
    assert!(code == 3 && error.contains("did you mean \"level\""), "{error}");
    let (code, _, error) = check(&["--kind=NoStore"])?;
    assert!(code != 0 && error.contains("\"NoStore\" is none of its store types"), "{error}");
    let (code, _, error) = check(&["--values=letters"])?;
    assert!(code != 0 && error.contains("--values is bytes, text, json"), "{error}");
    let (code, _, error) = check(&["--kind=GzipStore", "--kind-config=@none.json"])?;
    assert!(code != 0 && error.contains("none.json"), "{error}");
    Ok(())
}

#[test]
fn new_overwrites_nothing_and_takes_names_that_every_language_takes() -> Result<()> {
    let here = with(&[("taken", b"work")])?;
    let new = |args: &[&str]| plugin(here.path(), &[&["new", "--lang=rust"][..], args].concat());
    assert_eq!(new(&["some/where/mine"])?.0, 0);
    let manifest = here.path().join("some/where/mine/Cargo.toml");
    fs::write(&manifest, "changed")?;
    for taken in ["some/where/mine", "taken"] {
        let (code, _, error) = new(&[taken])?;
        assert!(code != 0 && error.contains("exists already"), "{error}");
    }
    assert_eq!(fs::read_to_string(manifest)?, "changed");
    assert_eq!(fs::read(here.path().join("taken"))?, b"work");
    for name in ["Mine", "1st", "a_b", "..", "a b", "é"] {
        let (code, _, error) = new(&[name])?;
        assert!(code != 0 && error.contains("can't name a plug-in"), "{name}: {error}");
    }
    let (code, _, error) = plugin(here.path(), &["new", "--lang=js", "--world=pack", "x"])?;
    assert!(code != 0 && error.contains("for Rust alone"), "{error}");
    assert_eq!(fs::read_dir(here.path())?.count(), 2);
    Ok(())
}

/// Follows the README of a new plug-in from start to end.
fn new(name: &str, kind: &str, args: &[&str]) -> Result<()> {
    let plugin = templates::started(name, args)?;
    plugin.follow("Build")?;
    let told = plugin.follow("Check")?;
    ensure!(told.contains(&format!("\n{kind}: all ")), "{told}");
    // Put an object through the configuration that it documents.
    let stores = plugin.block("Use")?.replace("component: ", "component: PLACE/");
    let stores = stores.replace("PLACE", &plugin.directory.display().to_string());
    let here = with(&[("stores.yaml", stores.as_bytes()), ("in", b"some text")])?;
    for args in [&["put", "a/b", "in"][..], &["get", "a/b", "out"]] {
        let output = run(here.path(), args);
        ensure!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    ensure!(fs::read(here.path().join("out"))? == b"some text", "another text came back");
    Ok(())
}

#[test]
fn new_in_rust_builds_and_passes_as_its_readme_says() -> Result<()> {
    new("sums", "SumsStore", &["--lang=rust"])
}

#[test]
fn new_pack_in_rust_builds_and_passes_as_its_readme_says() -> Result<()> {
    new("words-pack", "WordsPackStore", &["--lang=rust", "--world=pack"])
}

#[test]
fn new_in_javascript_builds_and_passes_as_its_readme_says() -> Result<()> {
    new("js-sums", "JsSumsStore", &["--lang=js"])
}

#[test]
fn new_in_python_builds_and_passes_as_its_readme_says() -> Result<()> {
    new("py-sums", "PySumsStore", &["--lang=python"])
}
