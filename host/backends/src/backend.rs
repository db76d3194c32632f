//! A backend type, and what opens a store of it.

use futures::future::BoxFuture;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use storage_contract::options::Property;
use storage_store::{Error, Result, SharedStore};

/// A backend type: its name, its config schema, and how to open a store.
pub struct Backend {
    /// The name used for `type` in the configuration.
    pub name: &'static str,
    /// Other names for the same type.
    pub aliases: &'static [&'static str],
    /// JSON Schema of its config, as JSON text: that of a struct of
    /// [`options!`](storage_contract::options!).
    pub config_schema: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// Where its objects are.
    pub medium: Medium,
    /// Config properties that name files whose contents are part of the config.
    pub files: &'static [&'static str],
    /// Opens a store of this type.
    pub open: fn(OpenArgs) -> BoxFuture<'static, Result<SharedStore>>,
}

/// Where the objects of a store are. `property` is the config property that says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Medium {
    /// In the store itself, as long as it is open.
    Process,
    /// In a folder, whose path the property holds.
    Folder {
        /// The config property.
        property: &'static str,
        /// Whether keys are paths in the folder.
        keys: bool,
    },
    /// In a file, whose path the property holds.
    File {
        /// The config property.
        property: &'static str,
        /// Whether writing replaces the file by another one.
        replaced: bool,
    },
    /// In the bucket that the property names.
    Bucket {
        /// The config property.
        property: &'static str,
        /// The config property with the URL of its server.
        server: &'static str,
    },
}

impl Medium {
    /// The config property with the path of the folder or file.
    pub fn path(&self) -> Option<&'static str> {
        match *self {
            Medium::Folder { property, .. } | Medium::File { property, .. } => Some(property),
            Medium::Process | Medium::Bucket { .. } => None,
        }
    }
}

/// The arguments of [`Backend::open`].
pub struct OpenArgs {
    /// The store's name in the configuration.
    pub name: String,
    /// Its config, a JSON object.
    pub config: serde_json::Value,
    /// The folder of the configuration file; relative paths in the config start
    /// here.
    pub directory: PathBuf,
    /// Whether to create missing directories and files. If not, a missing one is an
    /// error.
    pub create: bool,
    /// Only check: create and change nothing. Anything missing is an error that
    /// says what a real start would create, and is noted here.
    pub check: Option<Check>,
}

/// A check of a store. Clones share what it notes.
#[derive(Debug, Clone, Default)]
pub struct Check {
    missing: Arc<AtomicBool>,
}

impl Check {
    /// Whether something was missing that a start would create.
    pub fn would_create(&self) -> bool {
        self.missing.load(Ordering::Relaxed)
    }

    pub(crate) fn note_missing(&self) {
        self.missing.store(true, Ordering::Relaxed);
    }
}

impl OpenArgs {
    /// Reads the config.
    pub(crate) fn parse<T: Property>(&self) -> Result<T> {
        T::read(&self.config).map_err(|problem| self.bad(&problem))
    }

    /// An `InvalidConfig` error; `problem` says what is wrong and what to do. The caller
    /// names the store.
    pub(crate) fn bad(&self, problem: &str) -> Error {
        Error::InvalidConfig(problem.to_owned())
    }

    /// Whether the store is opened only to check it.
    pub(crate) fn is_check(&self) -> bool {
        self.check.is_some()
    }

    /// Checks, as far as possible without writing, that a start could create
    /// `path`.
    fn could_create(&self, path: &Path) -> std::result::Result<(), String> {
        use rustix::fs::{Access, AtFlags, CWD};
        let above = path.ancestors().skip(1).find(|above| above.symlink_metadata().is_ok());
        let Some(above) = above.filter(|above| !above.as_os_str().is_empty()) else {
            return Ok(());
        };
        if !above.is_dir() {
            return Err(format!("{} is not a directory", above.display()));
        }
        let wanted = Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(CWD, above, wanted, AtFlags::EACCESS)
            .map_err(|e| format!("{}: {}", above.display(), std::io::Error::from(e)))
    }

    /// Succeeds if the missing `path`, which the config property `what` names, may
    /// be created. Logs it, since an empty store in place of a full one usually
    /// means a mistyped path or an unmounted disk.
    pub(crate) fn may_create(&self, what: &str, path: &Path) -> Result<()> {
        let shown = path.display();
        if self.create {
            tracing::info!(target: "storage", "store {:?}: {what} {shown} does not exist; creating it", self.name);
            return Ok(());
        }
        let why = match &self.check {
            Some(check) => {
                self.could_create(path).map_err(|problem| {
                    self.bad(&format!("{what} {shown} does not exist and can't be made: {problem}"))
                })?;
                check.note_missing();
                "it would be created by a start"
            }
            None => "reading does not create it: correct the path, or write an object",
        };
        Err(self.bad(&format!("{what} {shown} does not exist; {why}")))
    }
}

/// What a presigned URL allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Read the object.
    Get,
    /// Write the object.
    Put,
}
