//! How soon a command of the program is done, from its start.

use crate::Bench;
use anyhow::{Result, ensure};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use storage_tests::figures::{print_head, print_row};
use storage_tests::server::binary;

const STORES: &str = "stores:
  files: {type: FilesystemStore, config: {root_path: ./objects}}
  layout: {type: HashPrefixStore, base: files}
  main: {type: GzipStore, base: layout}
main: main
";

impl Bench {
    /// The program is that of the same profile, and has no directory to keep anything in.
    pub fn start(&self) -> Result<()> {
        println!("\n### Starting\n\nWhole commands, as a user waits for them, without a home that");
        println!(
            "can be written (with `precompiled`): the best of a second. The chain is a GzipStore over a"
        );
        println!("HashPrefixStore over files.\n");
        print_head(["time", "budget"]);
        let directory = tempfile::tempdir()?;
        std::fs::write(directory.path().join("stores.yaml"), STORES)?;
        done(directory.path(), &["put", "key", "stores.yaml"])?;
        for arguments in [&["--help"][..], &["ls"], &["get", "key", "-"]] {
            let mut best = Duration::MAX;
            let end = Instant::now() + Duration::from_secs(1);
            while Instant::now() < end {
                best = best.min(done(directory.path(), arguments)?);
            }
            let time = format!("{:.1} ms", best.as_secs_f64() * 1e3);
            print_row(arguments.join(" "), [time, "≤ 30 ms".to_owned()]);
        }
        Ok(())
    }
}

fn done(directory: &Path, arguments: &[&str]) -> Result<Duration> {
    let start = Instant::now();
    let status = Command::new(binary())
        .current_dir(directory)
        .args(arguments)
        .env_clear()
        .env("HOME", "/nonexistent")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()?;
    ensure!(status.success(), "{} {arguments:?}: {status}", binary().display());
    Ok(start.elapsed())
}
