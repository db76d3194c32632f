//! Builds the artifacts for embedders: the component in three forms, the contract, and
//! the cases as data.

use crate::clients::run;
use crate::recorded::make::make;
use crate::wasm::{cargo, root};
use anyhow::{Context, Result};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use storage_host::engine::DECORATORS;
use wit_component::ComponentEncoder;
use wit_parser::Resolve;

/// The component for WASI 0.2, as the host runs it.
pub const COMPONENT: &str = "decorators.wasm";

/// The component that imports only the contract.
pub const BARE: &str = "decorators-bare.wasm";

/// The core module of the bare component.
pub const CORE: &str = "decorators-core.wasm";

/// The contract as a package for registries.
pub const WIT: &str = "object-store.wasm";

/// The cases as data.
pub const CASES: &str = "cases.json";

const TARGET: &str = "wasm32-unknown-unknown";

/// Writes all artifacts to a directory. Leaves files alone that are up to date.
pub fn write(directory: &Path) -> Result<()> {
    let core = core_module()?;
    let bare = ComponentEncoder::default()
        .validate(true)
        .module(&core)
        .and_then(|mut encoder| encoder.encode())
        .map_err(|error| anyhow::anyhow!("the core module makes no component: {error:?}"))?;
    let wit = directory.join("wit");
    fs::create_dir_all(&wit).with_context(|| wit.display().to_string())?;
    for file in fs::read_dir(root().join("wit"))? {
        let file = file?;
        put(&wit.join(file.file_name()), &fs::read(file.path())?)?;
    }
    put(&directory.join(COMPONENT), DECORATORS)?;
    put(&directory.join(BARE), &bare)?;
    put(&directory.join(CORE), &core)?;
    put(&directory.join(WIT), &contract()?)?;
    put(&directory.join(CASES), &serde_json::to_vec(&make()?)?)
}

/// The directory of the artifacts, written once per test program.
pub fn directory() -> Result<PathBuf> {
    static MADE: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| make_directory().map_err(|error| format!("{error:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

fn make_directory() -> Result<PathBuf> {
    let directory = root().join("target/artifacts");
    fs::create_dir_all(&directory)?;
    // Several test programs may run this at the same time.
    let lock = File::create(directory.join("lock"))?;
    lock.lock()?;
    write(&directory)?;
    Ok(directory)
}

fn contract() -> Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let read = resolve.push_dir(root().join("wit"));
    let encoded = read.and_then(|(package, _)| wit_component::encode(&resolve, package));
    encoded.map_err(|error| anyhow::anyhow!("the contract can't be encoded: {error:?}"))
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    if fs::read(path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// The decorators without WASI.
fn core_module() -> Result<Vec<u8>> {
    let target_dir = root().join("target/bare");
    let mut cargo = cargo();
    cargo
        .args(["build", "--release", "--locked", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root().join("guest/component/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir)
        .env("RUSTFLAGS", "-C target-feature=+simd128");
    run(&mut cargo).with_context(|| {
        format!(
            "the decorators did not build for {TARGET}; it is added by: rustup target add {TARGET}"
        )
    })?;
    let wasm = target_dir.join(TARGET).join("release/storage_decorators.wasm");
    fs::read(&wasm).with_context(|| wasm.display().to_string())
}
