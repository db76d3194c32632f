//! Plug-ins created by `plugin new`, built by the commands in their own README.md.

use crate::clients::run;
use crate::server::binary;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A plug-in from a template, in a folder that keeps its installed dependencies.
pub struct Started {
    /// The folder.
    pub directory: PathBuf,
    /// Its README.md.
    pub readme: String,
    /// Reserves the folder.
    _lock: File,
}

/// Runs `plugin new` with these arguments and the name.
pub fn started(name: &str, args: &[&str]) -> Result<Started> {
    let fresh = tempfile::tempdir()?;
    run(Command::new(binary())
        .args(["plugin", "new"])
        .args(args)
        .arg(name)
        .current_dir(fresh.path()))?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/clients/templates");
    let directory = folder.join(name);
    fs::create_dir_all(&directory)?;
    let lock = File::create(folder.join(format!("{name}.lock")))?;
    lock.lock()?;
    update(&fresh.path().join(name), &directory)?;
    let readme = fs::read_to_string(directory.join("README.md"))?;
    Ok(Started { directory: fs::canonicalize(directory)?, readme, _lock: lock })
}

impl Started {
    /// The first code block in a section of the README.
    pub fn block(&self, section: &str) -> Result<&str> {
        let text = self.readme.split_once(&format!("## {section}\n")).map(|(_, text)| text);
        let block = text.and_then(|text| text.split("```").nth(1));
        let block = block.and_then(|block| block.split_once('\n')).map(|(_, commands)| commands);
        block.with_context(|| format!("the README documents no commands under {section}"))
    }

    /// Runs the commands in a section and returns what they printed.
    pub fn follow(&self, section: &str) -> Result<String> {
        let mut bash = Command::new("bash");
        bash.args(["-e", "-u", "-c", self.block(section)?]).current_dir(&self.directory);
        // The outer build's settings are for the host target.
        for (name, _) in std::env::vars_os() {
            let text = name.to_string_lossy();
            let kept = ["CARGO_HOME", "CARGO_NET_OFFLINE"].contains(&text.as_ref());
            if (text.starts_with("CARGO") && !kept) || text.starts_with("RUSTC") {
                bash.env_remove(&name);
            }
        }
        let host = binary().parent().map(Path::to_path_buf).unwrap_or_default();
        let path = std::env::var("PATH").unwrap_or_default();
        run(bash.env("PATH", format!("{}:{path}", host.display())).env_remove("RUSTFLAGS"))
            .with_context(|| format!("{}, {section}", self.directory.display()))
    }
}

/// Copies changed files only, so that the rest need not be built again.
fn update(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type()?.is_dir() {
            update(&from, &to)?;
            continue;
        }
        let text = fs::read(&from)?;
        ensure!(!text.is_empty(), "{} is empty", from.display());
        if fs::read(&to).ok().as_ref() != Some(&text) {
            fs::write(&to, text)?;
        }
    }
    Ok(())
}
