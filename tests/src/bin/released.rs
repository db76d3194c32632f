//! Writes data of this version for the tests of later versions, to `tests/data/VERSION`
//! or a given folder.

use anyhow::{Result, bail};
use std::path::PathBuf;
use storage_tests::released::{folder, make};

#[tokio::main]
async fn main() -> Result<()> {
    let arguments: Vec<PathBuf> = std::env::args_os().skip(1).map(PathBuf::from).collect();
    match arguments.as_slice() {
        [] => make(&folder().join(env!("CARGO_PKG_VERSION"))).await,
        [folder] => make(folder).await,
        _ => bail!("usage: released [FOLDER]"),
    }
}
