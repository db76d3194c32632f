//! Builds the plug-ins in `examples/plugins` below `target`, as its README says.

use crate::clients::{npm, run, venv};
use crate::server::binary;
use crate::wasm::{TARGET, cargo, root};
use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

/// The component of a Rust crate.
pub fn rust(name: &str) -> Result<Vec<u8>> {
    let target = root().join("target/plugins");
    let mut cargo = cargo();
    cargo.args(["build", "--locked", "--quiet", "--profile", "plugin", "--target", TARGET]);
    cargo.args(["--package", name, "--manifest-path"]).arg(root().join("Cargo.toml"));
    run(cargo.arg("--target-dir").arg(&target))?;
    read(&target.join(TARGET).join("plugin").join(format!("{}.wasm", name.replace('-', "_"))))
}

/// The component of a JavaScript package.
pub fn javascript(name: &str) -> Result<Vec<u8>> {
    let package = modules(name)?;
    let source = format!("{name}.js");
    let made_of = ["package-lock.json", "build.mjs", &source].map(str::to_owned);
    built(&package.join("built"), &sources(name), &made_of, |component| {
        for file in &made_of {
            fs::copy(sources(name).join(file), package.join(file))?;
        }
        let mut node = Command::new("node");
        node.arg("build.mjs").arg(fs::canonicalize(root().join("wit"))?).arg(component);
        node.current_dir(&package);
        Ok(node)
    })
}

/// A package's folder below `target`, with its modules installed.
fn modules(name: &str) -> Result<PathBuf> {
    Ok(fs::canonicalize(npm(&format!("plugins/{name}"), &sources(name))?)?)
}

/// The component of a Python module.
pub fn python(name: &str) -> Result<Vec<u8>> {
    let sources = sources(name);
    let requirements = format!("../examples/plugins/{name}/requirements.txt");
    let bin = venv(&format!("plugins/{name}"), &requirements)?;
    let module = name.replace('-', "_");
    let made_of = ["requirements.txt".to_owned(), format!("{module}.py")];
    built(&bin.join("../built"), &sources, &made_of, |component| {
        let mut python = Command::new(bin.join("componentize-py"));
        python.arg("-d").arg(root().join("wit"));
        python.args(["-w", "transformer", "componentize", "-p"]).arg(&sources);
        python.arg("-p").arg(packages(&bin)?).args([&module, "-o"]).arg(component);
        Ok(python)
    })
}

fn sources(name: &str) -> PathBuf {
    root().join("examples/plugins").join(name)
}

/// The `site-packages` folder of a Python environment.
fn packages(bin: &Path) -> Result<PathBuf> {
    let lib = bin.join("../lib");
    let python = fs::read_dir(&lib)?.next().context("a Python environment without modules")??;
    Ok(python.path().join("site-packages"))
}

/// Builds a component by a command, unless neither its sources nor the contract have
/// changed.
fn built(
    directory: &Path,
    sources: &Path,
    made_of: &[String],
    command: impl FnOnce(&Path) -> Result<Command>,
) -> Result<Vec<u8>> {
    fs::create_dir_all(directory)?;
    let directory = fs::canonicalize(directory)?;
    // Several test programs may run this at the same time.
    let lock = File::create(directory.join("lock"))?;
    lock.lock()?;
    let mut digest = Sha256::new();
    for name in made_of {
        digest.update(read(&sources.join(name))?);
    }
    for name in ["request-context.wit", "transform.wit", "types.wit", "worlds.wit"] {
        digest.update(read(&root().join("wit").join(name))?);
    }
    let digest = hex::encode(digest.finalize());
    let (component, stamp) = (directory.join("component.wasm"), directory.join("made-of"));
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&digest) {
        run(&mut command(&component)?)?;
        fs::write(&stamp, &digest)?;
    }
    read(&component)
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| file.display().to_string())
}

/// A configuration in a directory of its own, with the component that it uses.
pub struct Example {
    directory: TempDir,
    environment: Vec<(String, String)>,
}

impl Example {
    /// The configuration of a plug-in in `examples/plugins`.
    pub fn new(name: &str, component: &[u8]) -> Result<Self> {
        let stores = String::from_utf8(read(&sources(name).join("stores.yaml"))?)?;
        Self::of(&stores, &format!("{name}.wasm"), component)
    }

    /// A configuration with the given stores.
    pub fn of(stores: &str, file: &str, component: &[u8]) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        fs::write(directory.path().join(file), component)?;
        fs::write(directory.path().join("stores.yaml"), stores)?;
        Ok(Self { directory, environment: Vec::new() })
    }

    /// Adds an environment variable.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    fn run(&self, args: &[&str]) -> Result<Output> {
        let mut command = Command::new(binary());
        command.current_dir(self.path()).args(args).stdin(Stdio::null());
        for (name, value) in &self.environment {
            command.env(name, value);
        }
        command.output().with_context(|| format!("{command:?}"))
    }

    /// Runs a verb of the real binary, which must succeed, and returns its output.
    pub fn ok(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args)?;
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{args:?} ended with {}: {error}", output.status);
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs a verb that must fail, and returns its error output.
    pub fn refused(&self, args: &[&str]) -> Result<String> {
        let output = self.run(args)?;
        ensure!(!output.status.success(), "{args:?} succeeded");
        Ok(String::from_utf8_lossy(&output.stderr).into_owned())
    }

    /// Puts an object.
    pub fn put(&self, key: &str, data: impl AsRef<[u8]>) -> Result<()> {
        fs::write(self.path().join("sent"), data)?;
        self.ok(&["put", key, "sent"]).map(drop)
    }

    /// Fails to put an object, and returns the error output.
    pub fn put_refused(&self, key: &str, data: impl AsRef<[u8]>) -> Result<String> {
        fs::write(self.path().join("sent"), data)?;
        self.refused(&["--json", "put", key, "sent"])
    }
}
