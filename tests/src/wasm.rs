//! Builds of crates for WebAssembly.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of plug-ins.
pub const TARGET: &str = "wasm32-wasip2";

/// The root of the repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// `cargo` without the outer build's settings, which are for the host target.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        let kept =
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_INCREMENTAL"].contains(&text.as_ref());
        if (text.starts_with("CARGO") && !kept)
            || text.starts_with("RUSTC")
            || ["RUSTFLAGS", "RUSTDOCFLAGS"].contains(&text.as_ref())
        {
            cargo.env_remove(&name);
        }
    }
    cargo
}
