//! A plug-in that does harm where its config says so (`tests/hostile`).

use anyhow::{Context, Result, bail, ensure};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// The component; built once per process, which costs nothing when it is there.
pub fn component() -> Result<Vec<u8>> {
    static BUILT: OnceLock<Result<Vec<u8>, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

fn build() -> Result<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let target = root.join("../target/hostile");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    cargo.arg("--manifest-path").arg(root.join("hostile/Cargo.toml"));
    cargo.arg("--target-dir").arg(&target);
    // The settings of the outer build are for the host.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let outer =
            text.starts_with("CARGO") && text != "CARGO_HOME" && text != "CARGO_NET_OFFLINE";
        if outer || text.starts_with("RUSTC") || text == "RUSTFLAGS" || text == "RUSTDOCFLAGS" {
            cargo.env_remove(&name);
        }
    }
    let output = cargo.output().with_context(|| format!("{cargo:?}"))?;
    if !output.status.success() {
        bail!("the hostile plug-in did not build:\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(std::fs::read(target.join(TARGET).join("release/hostile_plugin.wasm"))?)
}

/// The component, with every `from` in it replaced by `to`, of the same length.
pub fn altered(from: &str, to: &str) -> Result<Vec<u8>> {
    ensure!(from.len() == to.len(), "{from:?} and {to:?} differ in length");
    let mut bytes = component()?;
    let mut at = 0;
    let mut found = false;
    while let Some(next) =
        bytes[at..].windows(from.len()).position(|window| window == from.as_bytes())
    {
        at += next;
        bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        found = true;
    }
    ensure!(found, "there is no {from:?} in the component");
    Ok(bytes)
}
