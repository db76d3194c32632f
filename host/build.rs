//! Builds the decorators for wasm and hands their place to the crate, so that
//! `cargo build` is all there is to do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-wasip2";

fn main() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for path in ["guest/core/src", "guest/core/Cargo.toml", "guest/component/src", "wit"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    for path in ["guest/component/Cargo.toml", "guest/component/Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let target_dir = out.join("guest");

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root.join("guest/component/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir);
    // The outer build's settings are for the host, not for the guest.
    for (name, _) in env::vars_os() {
        let text = name.to_string_lossy();
        let ours = ["RUSTFLAGS", "RUSTDOCFLAGS", "RUSTC", "RUSTDOC", "TARGET", "HOST", "PROFILE"];
        let outer =
            text.starts_with("CARGO") && text != "CARGO_HOME" && text != "CARGO_NET_OFFLINE";
        let wrapper = text.starts_with("RUSTC_") && text.ends_with("WRAPPER");
        if outer || wrapper || ours.contains(&text.as_ref()) {
            cargo.env_remove(&name);
        }
    }
    // base64 and inflate are several times faster with it; every runtime has it.
    cargo.env("RUSTFLAGS", "-C target-feature=+simd128");

    match cargo.output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => {
            let text = String::from_utf8_lossy(&output.stderr);
            if text.contains("can't find crate for `core`")
                || text.contains("can't find crate for `std`")
            {
                fail(&format!(
                    "the Rust target {TARGET} is missing; install it with: rustup target add {TARGET}"
                ));
            }
            fail(&format!("the decorators did not build:\n{text}"));
        }
        Err(error) => fail(&format!("cargo could not be started: {error}")),
    }
    let wasm = target_dir.join(TARGET).join("release/storage_decorators.wasm");
    println!("cargo::rustc-env=DECORATORS_WASM={}", wasm.display());
}

fn fail(message: &str) -> ! {
    println!("cargo::error={}", message.replace('\n', "\\n"));
    eprintln!("{message}");
    exit(1)
}
