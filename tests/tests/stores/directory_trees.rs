//! Trees of files through every backend and back.

use anyhow::{Result, ensure};
use std::path::Path;
use std::process::Command;
use storage_tests::server::binary;

#[test]
fn twenty_thousand_files_come_back_identical_from_every_backend() -> Result<()> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("python/sync_trees.py");
    let output = Command::new("python3").arg(script).arg(binary()).output()?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
