//! Builds the plug-ins of the tests: one that misbehaves as its config says
//! (`tests/hostile`), and a transformer with many rules (`tests/transformer`).

use crate::clients::run;
use crate::wasm::{TARGET, cargo, root};
use anyhow::{Context, Result, ensure};
use std::path::PathBuf;
use std::sync::OnceLock;

/// A test plug-in.
pub struct Guest {
    folder: &'static str,
    file: &'static str,
    built: OnceLock<Result<Vec<u8>, String>>,
}

/// A pack that misbehaves.
pub static HOSTILE: Guest = Guest::new("hostile", "hostile_plugin.wasm");

/// A transformer with many rules, which can misbehave, too.
pub static TRANSFORMER: Guest = Guest::new("transformer", "rules_transformer.wasm");

impl Guest {
    const fn new(folder: &'static str, file: &'static str) -> Self {
        Self { folder, file, built: OnceLock::new() }
    }

    /// The component's bytes, built once per process; an up-to-date build costs
    /// nothing.
    pub fn component(&self) -> Result<Vec<u8>> {
        let built = self.built.get_or_init(|| {
            let bytes = self.build().and_then(|file| Ok(std::fs::read(file)?));
            bytes.map_err(|error| format!("{error:#}"))
        });
        built.clone().map_err(anyhow::Error::msg)
    }

    /// The path of the built component.
    pub fn file(&self) -> Result<PathBuf> {
        self.component()?;
        Ok(self.target().join(TARGET).join("release").join(self.file))
    }

    fn target(&self) -> PathBuf {
        root().join("target").join(self.folder)
    }

    fn build(&self) -> Result<PathBuf> {
        let target = self.target();
        let mut cargo = cargo();
        cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
        cargo.arg("--manifest-path").arg(root().join("tests").join(self.folder).join("Cargo.toml"));
        run(cargo.arg("--target-dir").arg(&target))
            .with_context(|| format!("the plug-in in tests/{} did not build", self.folder))?;
        Ok(target.join(TARGET).join("release").join(self.file))
    }

    /// The component with every `from` replaced by `to`, which must have the same
    /// length.
    pub fn altered(&self, from: &str, to: &str) -> Result<Vec<u8>> {
        ensure!(from.len() == to.len(), "{from:?} and {to:?} differ in length");
        let mut bytes = self.component()?;
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
}
