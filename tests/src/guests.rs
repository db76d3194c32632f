//! Plug-ins that the tests build: one that does harm where its config says so
//! (`tests/hostile`), and a transformer of many rules (`tests/transformer`).

use anyhow::{Context, Result, bail, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const TARGET: &str = "wasm32-wasip2";

/// A plug-in of the tests.
pub struct Guest {
    folder: &'static str,
    file: &'static str,
    built: OnceLock<Result<Vec<u8>, String>>,
}

/// A pack that does harm.
pub static HOSTILE: Guest = Guest::new("hostile", "hostile_plugin.wasm");

/// A transformer of many rules, which may do harm, too.
pub static TRANSFORMER: Guest = Guest::new("transformer", "rules_transformer.wasm");

impl Guest {
    const fn new(folder: &'static str, file: &'static str) -> Self {
        Self { folder, file, built: OnceLock::new() }
    }

    /// The component; built once per process, which costs nothing when it is
    /// there.
    pub fn component(&self) -> Result<Vec<u8>> {
        let built = self.built.get_or_init(|| {
            let bytes = self.build().and_then(|file| Ok(std::fs::read(file)?));
            bytes.map_err(|error| format!("{error:#}"))
        });
        built.clone().map_err(anyhow::Error::msg)
    }

    /// Where the component is, built.
    pub fn file(&self) -> Result<PathBuf> {
        self.component()?;
        Ok(self.target().join(TARGET).join("release").join(self.file))
    }

    fn target(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../target").join(self.folder)
    }

    fn build(&self) -> Result<PathBuf> {
        let target = self.target();
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join(self.folder);
        cargo.arg("--manifest-path").arg(root.join("Cargo.toml"));
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
            let said = String::from_utf8_lossy(&output.stderr);
            bail!("the plug-in in tests/{} did not build:\n{said}", self.folder);
        }
        Ok(target.join(TARGET).join("release").join(self.file))
    }

    /// The component, with every `from` in it replaced by `to`, of the same
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
