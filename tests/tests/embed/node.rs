//! The component in Node.js: tests the package in `examples/embed/node`.

use anyhow::Result;
use std::path::Path;
use std::process::Command;
use storage_tests::clients::run;
use storage_tests::embedding::{self, Package};

fn node(package: &Package, node: &Path, arguments: &[&str]) -> Result<String> {
    run(Command::new(node).args(arguments).current_dir(&package.directory))
}

/// Runs the package's own tests and the shared cases.
fn holds(on: &Path, bindings: &str) -> Result<()> {
    let package = embedding::node()?;
    let files = ["test/stores.test.mjs", "test/fs-backend.test.mjs", "test/promises.test.mjs"];
    node(&package, on, &[&["--test"], files.as_slice()].concat())?;
    let cases = package.cases.display().to_string();
    let told = node(&package, on, &["cases/run.mjs", &cases, bindings])?;
    println!("{told}");
    assert!(told.contains(", 0 failed"), "{told}");
    Ok(())
}

#[test]
fn every_case_holds_over_backends_that_answer_at_once() -> Result<()> {
    holds(Path::new("node"), "sync")
}

#[test]
fn every_case_holds_over_backends_that_answer_with_promises() -> Result<()> {
    holds(&embedding::node_with_jspi()?, "jspi")
}

#[test]
fn the_types_fit_a_program() -> Result<()> {
    let package = embedding::node()?;
    run(Command::new("npm").args(["run", "--silent", "types"]).current_dir(&package.directory))?;
    Ok(())
}

#[test]
fn the_example_does_what_its_page_says() -> Result<()> {
    let package = embedding::node()?;
    let data = tempfile::tempdir()?;
    let root = data.path().join("data");
    let told = node(&package, Path::new("node"), &["example.mjs", &root.display().to_string()])?;
    let lines: Vec<_> = told.lines().collect();
    let [put, got, listed, refused] = lines.as_slice() else { panic!("{told}") };
    assert_eq!([*put, *got], ["put greeting done", "hello"]);
    assert!(listed.starts_with("greeting "), "{told}");
    assert_eq!(*refused, r#"told: "farewell": there is no such object"#);
    assert_eq!(std::fs::read(root.join("greeting"))?.get(..2), Some(&[0x1f, 0x8b][..]));
    Ok(())
}
