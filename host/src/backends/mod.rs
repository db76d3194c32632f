//! The native backends: one file each.

mod ahead;
mod blocking;
mod bucket;
pub mod filesystem;
pub mod hashdir;
pub mod memory;
pub mod safe_filesystem;
mod spool;
pub mod sqlite;
pub mod zip;

use crate::store::{Error, Result, SharedStore};
pub use bucket::presign::Method;
use futures::future::BoxFuture;
use std::path::{Path, PathBuf};

/// A backend's type: its name, its config, and how to open one.
pub struct Backend {
    /// The name, as configuration gives it in `type`.
    pub name: &'static str,
    /// Other names for the same type.
    pub aliases: &'static [&'static str],
    /// JSON Schema of its config, as JSON text. Describes every property with
    /// `type`, `description` and, where there is one, `default`; closes with
    /// `"additionalProperties": false`.
    pub config_schema: &'static str,
    /// One line of documentation.
    pub doc: &'static str,
    /// The property that names the folder or file which the objects are in, as
    /// long as that is never replaced by the store itself.
    pub place: Option<&'static str>,
    /// Properties that name files whose contents are a part of the config.
    pub files: &'static [&'static str],
    /// Opens a store of this type.
    pub open: fn(OpenArgs) -> BoxFuture<'static, Result<SharedStore>>,
}

/// What a backend is opened with.
pub struct OpenArgs {
    /// The store's name in the configuration.
    pub name: String,
    /// Its config, a JSON object.
    pub config: serde_json::Value,
    /// Where relative paths in the config start: the folder of its file.
    pub directory: PathBuf,
    /// Whether directories and files that are missing are made. Otherwise their
    /// absence is an error.
    pub create: bool,
    /// Look, don't touch: nothing may be created or changed, and whatever is
    /// missing is an error that says what a real start would create.
    pub check_only: bool,
}

/// A default of configs.
fn yes() -> bool {
    true
}

impl OpenArgs {
    /// A config that can't work; `problem` says why and what to do.
    fn bad(&self, problem: &str) -> Error {
        Error::InvalidConfig(format!("store {:?}: {problem}", self.name))
    }

    /// Whether a start could make `path`, as far as that can be told.
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

    /// What `what` (a name in the config) says is not at `path`: whether it may
    /// be made. Whoever starts it is told, since an empty store where a full one
    /// was expected is most often a mistyped path or a disk that is not mounted.
    fn may_create(&self, what: &str, path: &Path) -> Result<()> {
        let shown = path.display();
        if self.create {
            tracing::info!(target: "storage", "store {:?}: {what} {shown} does not exist; creating it", self.name);
            return Ok(());
        }
        if self.check_only {
            self.could_create(path).map_err(|problem| {
                self.bad(&format!("{what} {shown} does not exist and can't be made: {problem}"))
            })?;
        }
        let why = match self.check_only {
            true => "it would be created by a start",
            false => "reading does not create it: correct the path, or write an object",
        };
        Err(self.bad(&format!("{what} {shown} does not exist; {why}")))
    }
}

/// Makes a URL with which whoever holds it may read or write one object for a
/// while; `kind` is the type of the store, which must be a BucketStore.
pub(crate) async fn presign(
    kind: &str,
    args: &OpenArgs,
    key: &str,
    method: Method,
    expires: std::time::Duration,
) -> Result<String> {
    if kind != bucket::BACKEND.name {
        return Err(Error::Unsupported(format!(
            "store {:?} is a {kind}: only a BucketStore has servers that take presigned URLs; name \
             the bucket's own store, and the key as it is there",
            args.name
        )));
    }
    bucket::presign::presign(args, key, method, expires).await
}

/// Every backend, in the order that documentation lists them.
pub static BACKENDS: &[&Backend] = &[
    &memory::BACKEND,
    &filesystem::BACKEND,
    &safe_filesystem::BACKEND,
    &hashdir::BACKEND,
    &sqlite::BACKEND,
    &bucket::BACKEND,
    &zip::BACKEND,
];
