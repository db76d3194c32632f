//! The packages of the published crates. That of storage-sandbox holds the guests as they
//! were built with this crate, so that its users need no target for wasm.

use crate::clients::run;
use crate::wasm::root;
use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use storage_host::engine::{DECORATORS, TRANSFORMING};

/// Runs `cargo package` or another command for all published crates.
pub fn cargo(arguments: &[OsString]) -> Result<()> {
    let target = root().join("target");
    fs::create_dir_all(&target)?;
    // Several processes may run this at the same time.
    let lock = File::create(target.join("packages.lock"))?;
    lock.lock()?;
    let _guests = Guests::write(root().join("host/sandbox/wasm"))?;
    let mut cargo = command();
    cargo.args(arguments).current_dir(root());
    for name in published()? {
        cargo.args(["--package", &name]);
    }
    let status = cargo.status().with_context(|| format!("{cargo:?}"))?;
    ensure!(status.success(), "{cargo:?} ended with {status}");
    Ok(())
}

/// Makes all packages, and unpacks them into a workspace in an empty directory, with the
/// versions and the profiles of the repository.
pub fn unpack(directory: &Path) -> Result<()> {
    let made = directory.join("target");
    let options = ["package", "--no-verify", "--allow-dirty", "--offline", "--quiet"];
    let mut arguments: Vec<OsString> = options.map(OsString::from).into();
    arguments.extend(["--target-dir".into(), made.clone().into()]);
    cargo(&arguments)?;
    let mut patches = String::new();
    for name in published()? {
        let version = env!("CARGO_PKG_VERSION");
        let package = made.join(format!("package/{name}-{version}.crate"));
        // With new times: those in packages are years old, and cargo would take what it
        // built of an earlier package for that of this one.
        run(Command::new("tar").arg("-xzmf").arg(package).arg("-C").arg(directory))?;
        patches += &format!("{name} = {{ path = \"{name}-{version}\" }}\n");
    }
    let manifest = fs::read_to_string(root().join("Cargo.toml"))?;
    let inherited = manifest.find("[workspace.package]").context("no [workspace.package]")?;
    let manifest = format!(
        "[workspace]\nresolver = \"3\"\nmembers = [\"{FEATURES}\", \"storage-*\"]\n\n\
         [patch.crates-io]\n{patches}\n{}",
        &manifest[inherited..]
    );
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    unify_features(&directory.join(FEATURES))
}

/// The folder of a crate with the dependencies of this one. Built beside the packages, it
/// gives their dependencies the features that they have here, so that what was compiled
/// for the tests serves them.
const FEATURES: &str = "features";

fn unify_features(directory: &Path) -> Result<()> {
    let manifest = include_str!("../Cargo.toml");
    let (manifest, _) = manifest.split_once("[lints]").context("no [lints]")?;
    let foreign = |line: &&str| !line.contains("path = ") && !line.starts_with("storage-");
    let manifest = manifest.lines().filter(foreign).collect::<Vec<_>>().join("\n");
    fs::create_dir_all(directory.join("src"))?;
    fs::write(directory.join("Cargo.toml"), manifest)?;
    fs::write(directory.join("src/lib.rs"), "//! Nothing.\n")?;
    Ok(())
}

/// The cargo that built this program, with its settings, but without what it says of this
/// package: some build scripts run again when that changes.
pub fn command() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}

/// The names of the crates whose manifest lets them be published.
fn published() -> Result<Vec<String>> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
    }
    #[derive(Deserialize)]
    struct Package {
        name: String,
        /// The registries, or all if absent.
        publish: Option<Vec<String>>,
    }
    let mut cargo = command();
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]);
    let metadata: Metadata = serde_json::from_str(&run(cargo.current_dir(root()))?)?;
    let published = metadata.packages.into_iter().filter(|package| package.publish.is_none());
    Ok(published.map(|package| package.name).collect())
}

/// The guests where packaging takes them from, and only meanwhile: a later package would
/// hold old ones.
struct Guests(PathBuf);

impl Guests {
    fn write(folder: PathBuf) -> Result<Self> {
        fs::create_dir_all(&folder)?;
        let guests = Self(folder);
        for (name, wasm) in [("decorators.wasm", DECORATORS), ("transforming.wasm", TRANSFORMING)] {
            fs::write(guests.0.join(name), wasm)?;
        }
        Ok(guests)
    }
}

impl Drop for Guests {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
