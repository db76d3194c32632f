//! Opening a root: its directory, and the side directory next to it.

use super::root::Root;
use super::side::{self, Side};
use super::{Filesystem, error};
use crate::backends::OpenArgs;
use crate::store::{Error, Result};
use rustix::fs::{Access, AtFlags, Mode, OFlags};
use rustix::io::Errno;
use std::path::Path;
use std::sync::Arc;

impl Filesystem {
    /// Opens the files below `root_path`, for this store type and for those
    /// that keep their objects as files under other names.
    pub(in crate::backends) fn open(
        args: &OpenArgs,
        root_path: &Path,
        durable: bool,
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
            _ => match error::at(&shown, e) {
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
        let side = if args.check_only {
            Err(Error::Unsupported("the store was opened to look only".to_owned()))
        } else {
            let writable = rustix::fs::accessat(&dir, ".", Access::WRITE_OK, AtFlags::EACCESS);
            let opened = match side::place(&path) {
                Some(place) => Side::open(&place, rustix::fd::AsFd::as_fd(&dir)),
                None => Err(Errno::XDEV),
            };
            match (opened, writable) {
                (Ok(side), Ok(())) => Ok(side),
                // Reading works all the same.
                (_, Err(e)) => Err(error::at(&shown, e)),
                (Err(Errno::XDEV), Ok(())) => {
                    return Err(bad(format!(
                        "root_path {shown} is itself a mount point, and files being written are kept \
                     next to it on the same filesystem; name a directory inside of it"
                    )));
                }
                (Err(e), Ok(())) => {
                    let place = side::place(root_path).unwrap_or_default();
                    Err(error::at(&place.display().to_string(), e))
                }
            }
        };
        Ok(Self { root: Arc::new(Root::new(dir, shown, side, durable)) })
    }
}
