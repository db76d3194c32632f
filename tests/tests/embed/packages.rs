//! The host, built from the packages of its crates outside the repository.

use anyhow::{Context, Result, ensure};
use memchr::memmem;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use storage_tests::clients::run;
use storage_tests::packages;
use storage_tests::wasm::root;

/// The directory with the dependencies that this test was built with.
fn build_directory() -> Result<PathBuf> {
    let program = std::env::current_exe()?;
    let directory = program.ancestors().nth(3).context("no directory of builds")?;
    Ok(directory.to_owned())
}

fn build(workspace: &Path) -> Result<Output> {
    let mut cargo = packages::command();
    cargo
        .args(["build", "--offline", "--workspace"])
        .current_dir(workspace)
        .env("CARGO_BUILD_BUILD_DIR", build_directory()?)
        // Less to optimise; dependencies keep the level that they were compiled with.
        .env("CARGO_PROFILE_DEV_OPT_LEVEL", "0")
        .env("CARGO_TARGET_DIR", workspace.join("target"));
    Ok(cargo.output()?)
}

#[test]
fn the_host_is_built_from_packages_alone_and_runs() -> Result<()> {
    let outside = tempfile::tempdir()?;
    let (workspace, repository) = (fs::canonicalize(outside.path())?, fs::canonicalize(root())?);
    ensure!(!workspace.starts_with(&repository), "{} is in the repository", workspace.display());
    let repository = repository.to_str().context("a path that is no text")?;
    packages::unpack(&workspace)?;

    let sandbox = workspace.join(concat!("storage-sandbox-", env!("CARGO_PKG_VERSION")));
    for guest in ["decorators", "transforming"] {
        let wasm = fs::read(sandbox.join(format!("wasm/{guest}.wasm")))?;
        ensure!(memmem::find(&wasm, b"guest/core/src/").is_some(), "no path of a source: {guest}");
        ensure!(memmem::find(&wasm, repository.as_bytes()).is_none(), "{repository}: {guest}");
    }

    // Without the guests there is no build, and it says why.
    let guest = sandbox.join("wasm/transforming.wasm");
    let wasm = fs::read(&guest)?;
    fs::remove_file(&guest)?;
    let output = build(&workspace)?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success(), "it was built without a guest");
    ensure!(told.contains("this package lacks wasm/transforming.wasm"), "{told}");
    fs::write(&guest, wasm)?;

    let output = build(&workspace)?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let program = workspace.join("target/debug/storage-host");
    let sources = fs::read_to_string(program.with_extension("d"))?;
    let guest = guest.to_str().context("a path that is no text")?;
    ensure!(sources.contains(guest), "made without {guest}: {sources}");
    ensure!(!sources.contains(repository), "made with sources of {repository}: {sources}");

    let stores = "\
stores:
  files: {type: FilesystemStore, config: {root_path: data}}
  objects: {type: GzipStore, base: files}
main: objects
";
    fs::write(workspace.join("stores.yaml"), stores)?;
    fs::write(workspace.join("text"), "hello ".repeat(1_000))?;
    let host = || {
        let mut host = Command::new(&program);
        host.args(["-c", "stores.yaml"]).current_dir(&workspace);
        host
    };
    run(host().args(["put", "greeting", "text"]))?;
    ensure!(fs::read(workspace.join("data/greeting"))?.starts_with(&[0x1f, 0x8b]));
    ensure!(run(host().args(["get", "greeting", "-"]))? == "hello ".repeat(1_000));
    Ok(())
}
