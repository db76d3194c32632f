//! Opens a root: its directory and its side directory.

use super::root::{OddKeys, Root};
use super::sidecar::{Sidecar, SidecarPlace};
use super::{Filesystem, errno};
use crate::backend::OpenArgs;
use rustix::fd::AsFd;
use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;
use storage_store::{Error, Result};

impl Filesystem {
    /// Opens the files below `root_path`. Also serves the stores that keep objects
    /// as files under other names.
    pub(crate) fn open(
        args: &OpenArgs,
        root_path: &Path,
        durable: bool,
        odd_keys: OddKeys,
    ) -> Result<Self> {
        let bad = |problem: String| args.bad(&problem);
        if root_path.as_os_str().is_empty() {
            return Err(bad("root_path is empty; name a directory".to_owned()));
        }
        let shown = root_path.display().to_string();
        let path = args.directory.join(root_path);
        let missing = !path.exists();
        if missing {
            args.may_create("root_path", &path)?;
        }
        let at = |e: std::io::Error| match e.kind() {
            std::io::ErrorKind::NotADirectory | std::io::ErrorKind::AlreadyExists => bad(format!(
                "root_path {shown} is not a directory; name a directory, or move that file away"
            )),
            _ => match errno::at(&shown, e) {
                Error::NotFound => bad(format!("root_path {shown} can't be reached")),
                error => error,
            },
        };
        if missing {
            std::fs::create_dir_all(&path).map_err(at)?;
        }
        let path = path.canonicalize().map_err(at)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(&path, flags, Mode::empty()).map_err(|e| at(e.into()))?;
        let place = SidecarPlace::of(&path, dir.as_fd()).map_err(|e| at(e.into()))?;
        let writable = rustix::fs::accessat(&dir, ".", Access::WRITE_OK, AtFlags::EACCESS);
        let no_place = |e: Errno| {
            let shown_place = place.path().display();
            match e {
                Errno::XDEV => bad(format!(
                    "{shown_place} is on another filesystem than root_path {shown}, so files that \
                     are written there can't be moved into it; move it away"
                )),
                Errno::NOTDIR | Errno::LOOP => bad(format!(
                    "{shown_place} is not a directory; files that are written to root_path {shown} \
                     are kept there until they are whole: move it away"
                )),
                e => errno::at(&shown_place.to_string(), e),
            }
        };
        let sidecar = match writable {
            // Reading works all the same.
            Err(e) => {
                let error = errno::at(&shown, e);
                tracing::warn!(target: "storage", store = %args.name, "objects can only be read: {error}");
                Err(error)
            }
            Ok(()) if args.is_check() => {
                place.rehearse(dir.as_fd()).map_err(no_place)?;
                Err(Error::Unsupported("the store was opened to look only".to_owned()))
            }
            Ok(()) => Ok(Sidecar::open(place.path(), dir.as_fd()).map_err(no_place)?),
        };
        let root = Root::new(dir, shown.clone(), place, sidecar, durable, odd_keys);
        let root = root.map_err(|e| errno::at(&shown, e))?;
        if let Some((place, why)) = root.hidden() {
            let place = place.display();
            tracing::warn!(target: "storage", store = %args.name, "objects in {place} can't be seen: {why}");
        }
        Ok(Self { root: Arc::new(root) })
    }
}
