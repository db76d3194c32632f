//! The reference implementation of an OCI registry, from Debian's package.

use super::{Process, free_port, listens, unpacked};
use crate::server::certify;
use anyhow::{Context, Result};
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

const PACKAGE: &str = "docker-registry";

/// The user of a guarded registry.
pub const USER: &str = "tests";
/// See [`USER`].
pub const PASSWORD: &str = "correct horse";
/// [`PASSWORD`] hashed with bcrypt, the only form that the registry accepts.
const HASH: &str = "$2y$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e";

/// The program from `PATH`, or else from the package, which is unpacked and not
/// installed, so that no service is set up.
fn binary() -> Result<PathBuf> {
    if Command::new(PACKAGE).arg("--version").output().is_ok_and(|done| done.status.success()) {
        return Ok(PACKAGE.into());
    }
    let root = unpacked(&[PACKAGE]).context(
        "there is no docker-registry in PATH, and Debian's package of it can't be had; put the \
         reference implementation of an OCI registry into PATH under this name",
    )?;
    Ok(root.join("usr/bin").join(PACKAGE))
}

enum Kind {
    Open,
    Guarded,
    Secured,
}

/// A running registry over an empty directory.
pub struct Registry {
    _process: Process,
    folder: TempDir,
    port: u16,
}

impl Registry {
    /// Starts a registry that anybody may write to.
    pub fn open() -> Result<Self> {
        Self::start(Kind::Open)
    }

    /// Starts a registry that requires [`USER`] and [`PASSWORD`].
    pub fn guarded() -> Result<Self> {
        Self::start(Kind::Guarded)
    }

    /// Starts a registry with TLS.
    pub fn secured() -> Result<Self> {
        Self::start(Kind::Secured)
    }

    fn start(kind: Kind) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let port = free_port()?;
        let shown = folder.path().display();
        let mut config = format!(
            "version: 0.1\nlog: {{level: warn}}\nstorage:\n  filesystem:\n    \
             rootdirectory: {shown}/data\nhttp:\n  addr: 127.0.0.1:{port}\n"
        );
        match kind {
            Kind::Open => {}
            Kind::Secured => {
                certify(folder.path())?;
                config += &format!(
                    "  tls:\n    certificate: {shown}/cert.pem\n    key: {shown}/key.pem\n"
                );
            }
            Kind::Guarded => {
                fs::write(folder.path().join("users"), format!("{USER}:{HASH}\n"))?;
                config +=
                    &format!("auth:\n  htpasswd:\n    realm: tests\n    path: {shown}/users\n");
            }
        }
        let file = folder.path().join("config.yml");
        fs::write(&file, config)?;
        let mut command = Command::new(binary()?);
        command.arg("serve").arg(&file);
        let process = Process::start(&command, folder.path().join("log"))?;
        process.wait(|| listens(port))?;
        Ok(Self { _process: process, folder, port })
    }

    /// The registry's part of a reference.
    pub fn name(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The certificate of a registry with TLS.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("cert.pem")
    }

    /// The file that holds the blob with this SHA-256.
    pub fn blob(&self, hex: &str) -> PathBuf {
        let start = hex.get(..2).unwrap_or_default();
        let blobs = self.folder.path().join("data/docker/registry/v2/blobs/sha256");
        blobs.join(start).join(hex).join("data")
    }
}
