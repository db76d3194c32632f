//! Runs a command of cargo for the published crates: `package`, or `publish`.

use anyhow::{Context, Result, ensure};
use std::ffi::OsString;
use std::process::Command;
use storage_tests::wasm::root;

const DIRTY: &str = "--allow-dirty";

fn main() -> Result<()> {
    let mut arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    ensure!(!arguments.is_empty(), "usage: packages package|publish [OPTION OF CARGO]…");
    // Cargo takes the guests, which are not in git, for changes that were forgotten.
    if !arguments.iter().any(|argument| argument == DIRTY) {
        let mut git = Command::new("git");
        let status = git.args(["status", "--porcelain"]).current_dir(root()).output();
        let status = status.context("git status")?;
        ensure!(
            status.status.success() && status.stdout.is_empty(),
            "there are changes that are not committed: commit them, or add {DIRTY}"
        );
        arguments.push(DIRTY.into());
    }
    storage_tests::packages::cargo(&arguments)
}
