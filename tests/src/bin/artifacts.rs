//! Writes the artifacts for embedders to a directory.

use anyhow::{Result, bail};
use std::path::Path;

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    let [directory] = arguments.as_slice() else {
        bail!("usage: artifacts DIRECTORY");
    };
    storage_tests::artifacts::write(Path::new(directory))
}
