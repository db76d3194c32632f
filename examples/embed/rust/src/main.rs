//! Runs the example. Takes the path of `decorators-bare.wasm`.

use std::path::Path;
use wasmtime::{Result, error::Context};

fn main() -> Result<()> {
    let path = std::env::args_os().nth(1).context("usage: embed-rust COMPONENT")?;
    embed_rust::example::run(Path::new(&path), &mut std::io::stdout())
}
