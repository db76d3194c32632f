//! Runs a command of cargo for the published crates: `package`, or `publish`.

use anyhow::{Result, ensure};

fn main() -> Result<()> {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    ensure!(!arguments.is_empty(), "usage: packages package|publish [OPTION OF CARGO]…");
    storage_tests::packages::cargo(&arguments)
}
