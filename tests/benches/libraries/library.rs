//! The compared libraries: ours in this process, others in their own processes.

use crate::cell::Cell;
use crate::ours;
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use storage_tests::clients;
use storage_tests::figures::cargo;

/// A compared library, with its mode.
#[derive(Clone, Copy, PartialEq)]
pub enum Library {
    Ours { durable: bool },
    Python,
    OpenDal,
    ObjectStore { durable: bool },
}

impl Library {
    pub const ALL: [Self; 6] = [
        Self::Ours { durable: true },
        Self::Ours { durable: false },
        Self::Python,
        Self::OpenDal,
        Self::ObjectStore { durable: true },
        Self::ObjectStore { durable: false },
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours { durable: true } => "durable",
            Self::Ours { durable: false } => "not durable",
            Self::Python => "Python",
            Self::OpenDal => "OpenDAL",
            Self::ObjectStore { durable: true } => "object_store+fsync",
            Self::ObjectStore { durable: false } => "object_store",
        }
    }

    /// Whether it behaves differently from its other mode over a backend.
    fn differs(self, backend: &str) -> bool {
        match self {
            Self::Ours { durable: false } => matches!(backend, "filesystem" | "sqlite"),
            Self::ObjectStore { durable: true } => backend == "filesystem",
            Self::ObjectStore { durable: false } | Self::Ours { durable: true } => true,
            Self::Python | Self::OpenDal => true,
        }
    }
}

/// A library that is ready to measure.
pub struct Running {
    library: Library,
    process: Option<Process>,
}

struct Process {
    child: Child,
    tasks: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Running {
    /// Returns `None` if the library is not on this machine.
    pub fn start(library: Library) -> Result<Option<Self>> {
        let process = match library {
            Library::Ours { .. } => None,
            Library::Python => match python()? {
                Some(command) => Some(Process::start(command)?),
                None => return Ok(None),
            },
            Library::OpenDal | Library::ObjectStore { .. } => {
                Some(Process::start(Command::new(contenders()?))?)
            }
        };
        Ok(Some(Self { library, process }))
    }

    pub fn library(&self) -> Library {
        self.library
    }

    /// Measures a cell in a new folder or bucket, in seconds. `None` if the library has
    /// no counterpart.
    pub fn measure(&mut self, cell: &Cell, place: &Path, bucket: &Value) -> Result<Option<f64>> {
        if !self.library.differs(cell.backend) {
            return Ok(None);
        }
        let (library, durable) = match self.library {
            Library::Ours { durable } => return ours::measure(cell, durable, place, bucket),
            Library::Python => ("storage", true),
            Library::OpenDal => ("opendal", true),
            // Only its file store offers the choice.
            Library::ObjectStore { durable } => {
                ("object_store", durable || cell.backend != "filesystem")
            }
        };
        let task = json!({
            "library": library, "backend": cell.backend, "layer": cell.layer, "durable": durable,
            "folder": place.join("objects"), "bucket": bucket,
            "operation": cell.operation, "size": cell.size, "count": cell.count,
        });
        let process = self.process.as_mut().context("no process")?;
        writeln!(process.tasks, "{task}")?;
        process.tasks.flush()?;
        let mut line = String::new();
        process.answers.read_line(&mut line)?;
        let answer: Value = serde_json::from_str(&line).context("it ended")?;
        match &answer["error"] {
            Value::Null => Ok(answer["seconds"].as_f64()),
            error => bail!("{error}"),
        }
    }
}

impl Process {
    fn start(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().with_context(|| format!("{command:?}"))?;
        let tasks = child.stdin.take().context("no input")?;
        let answers = BufReader::new(child.stdout.take().context("no output")?);
        Ok(Self { child, tasks, answers })
    }
}

/// The bucket of a task that uses none.
pub fn no_bucket() -> Value {
    storage_tests::servers::config(0, "", "", "", "")
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Builds the program with OpenDAL and object_store.
fn contenders() -> Result<PathBuf> {
    let target = here("../target/contenders");
    let mut cargo = cargo();
    cargo.args(["build", "--release", "--locked", "--quiet", "--manifest-path"]);
    cargo.arg(here("contenders/Cargo.toml")).arg("--target-dir").arg(&target);
    ensure!(cargo.status()?.success(), "{cargo:?} failed");
    Ok(target.join("release/storage-contenders"))
}

/// The Python library, if its source is here.
fn python() -> Result<Option<Command>> {
    let Some(library) = std::env::var_os("STORAGE_PYTHON_LIBRARY") else { return Ok(None) };
    let bin = clients::venv("contender", "python/contender.txt")?;
    let mut command = Command::new(bin.join("python"));
    command.arg("-B").arg(here("python/contender.py")).arg(library);
    Ok(Some(command))
}
