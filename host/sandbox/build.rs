//! Passes the paths of the wasm guests to the crate. In the repository it builds them, so
//! that a plain `cargo build` suffices; a published package holds them. With the feature
//! `precompiled` it also compiles the decorators to machine code.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, exit};

const TARGET: &str = "wasm32-wasip2";

/// Each guest, and the variable that names its file to the crate.
const GUESTS: [(&str, &str); 2] =
    [("decorators", "DECORATORS_WASM"), ("transforming", "TRANSFORMING_WASM")];

#[cfg(feature = "precompiled")]
#[path = "src/precompile.rs"]
mod precompile;
#[cfg(feature = "precompiled")]
#[path = "src/settings.rs"]
mod settings;

fn main() {
    // Read at run time: a path compiled into the script may belong to another checkout.
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let root = manifest.ancestors().nth(2);
    let root = root.filter(|root| root.join("guest/component/Cargo.toml").exists());
    let built = root.map(build_guests);
    for (guest, variable) in GUESTS {
        let wasm = match &built {
            Some(folder) => folder.join(format!("storage_{guest}.wasm")),
            None => packaged(&manifest, guest),
        };
        println!("cargo::rustc-env={variable}={}", wasm.display());
        #[cfg(feature = "precompiled")]
        if guest == "decorators" {
            precompile_to_file(&wasm).unwrap_or_else(|error| fail(&error));
        }
    }
}

fn out_dir() -> PathBuf {
    PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default())
}

/// Writes a list in Rust of the component's machine code, for the highest level first.
#[cfg(feature = "precompiled")]
fn precompile_to_file(wasm: &Path) -> Result<(), String> {
    let bytes = std::fs::read(wasm).map_err(|e| format!("{}: {e}", wasm.display()))?;
    let variable = |name| env::var(name).unwrap_or_default();
    let write = |name: &str, bytes: &[u8]| {
        let file = out_dir().join(name);
        std::fs::write(&file, bytes).map_err(|e| format!("{}: {e}", file.display()))?;
        Ok::<_, String>(file)
    };
    let levels = precompile::levels(&variable("CARGO_CFG_TARGET_ARCH"));
    let mut list = String::new();
    for (at, level) in levels.iter().enumerate().rev() {
        let code = precompile::compile(&bytes, &variable("TARGET"), levels, at + 1);
        let code = code.map_err(|e| format!("the decorators, for {}: {e:#}", level.name))?;
        let file = write(&format!("{}.cwasm", level.name), &code)?;
        list += &format!("({:?}, include_bytes!({file:?})), ", level.name);
    }
    write("precompiled.rs", format!("&[{list}]").as_bytes())?;
    Ok(())
}

/// The file of a guest in a published package.
fn packaged(manifest: &Path, guest: &str) -> PathBuf {
    let wasm = manifest.join(format!("wasm/{guest}.wasm"));
    println!("cargo::rerun-if-changed={}", wasm.display());
    if !wasm.exists() {
        fail(&format!(
            "this package lacks wasm/{guest}.wasm: packages are made in the repository of \
             storage-host, with: cargo run -p storage-tests --bin packages -- package"
        ));
    }
    wasm
}

/// Builds the guests from the sources in the repository, and returns the folder that they
/// are in.
fn build_guests(root: &Path) -> PathBuf {
    for path in [
        "contract/src",
        "guest/core/src",
        "guest/sdk/src",
        "guest/component/src",
        "guest/transforming/src",
        "wit",
    ] {
        println!("cargo::rerun-if-changed={}", root.join(path).display());
    }
    for part in ["core", "sdk", "component", "transforming"] {
        println!(
            "cargo::rerun-if-changed={}",
            root.join(format!("guest/{part}/Cargo.toml")).display()
        );
    }
    for file in ["contract/Cargo.toml", "guest/component/Cargo.lock"] {
        println!("cargo::rerun-if-changed={}", root.join(file).display());
    }
    let target_dir = out_dir().join("guest");

    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo
        .args(["build", "--release", "--workspace", "--target", TARGET])
        .arg("--manifest-path")
        .arg(root.join("guest/component/Cargo.toml"))
        .arg("--target-dir")
        .arg(&target_dir);
    // Drop the outer build's settings, which are for the host target.
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
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags(root).join("\u{1f}"));

    match build(&mut cargo) {
        Err(Failure::NoTarget) if add_target() => {
            if let Err(failure) = build(&mut cargo) {
                fail(&failure.to_string());
            }
        }
        Err(failure) => fail(&failure.to_string()),
        Ok(()) => {}
    }
    target_dir.join(TARGET).join("release")
}

fn flags(root: &Path) -> Vec<String> {
    // SIMD makes base64 and inflate several times faster, and every runtime supports it.
    let mut flags = vec!["-Ctarget-feature=+simd128".to_owned()];
    // Panics name their source files. What is published has no paths of this machine.
    let home = env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo"));
    let registry = env::var_os("CARGO_HOME").map(PathBuf::from).or(home);
    for folder in [Some(root.to_owned()), registry.map(|home| home.join("registry/src"))] {
        flags.extend(folder.map(|folder| format!("--remap-path-prefix={}=", folder.display())));
    }
    flags
}

enum Failure {
    NoTarget,
    Other(String),
}

impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Failure::NoTarget => write!(
                f,
                "the Rust target {TARGET} is missing; install it with: rustup target add {TARGET}"
            ),
            Failure::Other(text) => f.write_str(text),
        }
    }
}

fn build(cargo: &mut Command) -> Result<(), Failure> {
    let output = cargo
        .output()
        .map_err(|error| Failure::Other(format!("cargo could not be started: {error}")))?;
    if output.status.success() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&output.stderr);
    let missing = ["can't find crate for `core`", "can't find crate for `std`"];
    match missing.iter().any(|missing| text.contains(missing)) {
        true => Err(Failure::NoTarget),
        false => Err(Failure::Other(format!("the decorators did not build:\n{text}"))),
    }
}

/// rustup adds the target from rust-toolchain.toml by itself only if automatic
/// installation is enabled.
fn add_target() -> bool {
    Command::new("rustup")
        .args(["target", "add", TARGET])
        .output()
        .is_ok_and(|output| output.status.success())
}

fn fail(message: &str) -> ! {
    println!("cargo::error={}", message.replace('\n', "\\n"));
    eprintln!("{message}");
    exit(1)
}
