//! The identity of files and directories behind bind mounts and hard links.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The path within its filesystem, prefixed with the device number: equal for
/// all bind mounts of a directory. `None` if the system does not tell.
pub(crate) fn within(path: &Path) -> Option<String> {
    let table = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let (there, missing) = existing(path)?;
    let (device, inner) = find(&table, &there)?;
    Some(format!("{device}{}", inner.join(missing).to_string_lossy()))
}

/// The identity of an existing file, whatever its name.
pub(crate) fn identity(path: &Path) -> Option<String> {
    let found = std::fs::metadata(path).ok()?;
    Some(format!("inode {}:{}", found.dev(), found.ino()))
}

/// The existing part of a path, resolved, and the rest.
fn existing(path: &Path) -> Option<(PathBuf, PathBuf)> {
    path.ancestors().find_map(|above| {
        let real = above.canonicalize().ok()?;
        Some((real, path.strip_prefix(above).ok()?.to_owned()))
    })
}

/// The device and the path in it, from a table in the form of
/// proc_pid_mountinfo(5). Of the mounts that contain the path, the innermost
/// counts; of equal ones, the last.
fn find<'a>(table: &'a str, path: &Path) -> Option<(&'a str, PathBuf)> {
    let mount = |line: &'a str| {
        let mut fields = line.split(' ').skip(2);
        let (device, root, point) = (fields.next()?, fields.next()?, fields.next()?);
        let point = unescape(point);
        let rest = path.strip_prefix(&point).ok()?;
        Some((point.len(), device, Path::new(&unescape(root)).join(rest)))
    };
    let innermost = table.lines().filter_map(mount).max_by_key(|(length, ..)| *length)?;
    Some((innermost.1, innermost.2))
}

/// Decodes the octal escapes for spaces, tabs, newlines and backslashes.
fn unescape(field: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.iter().fold(field.to_owned(), |text, (code, plain)| text.replace(code, plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:5 / /dev rw - devtmpfs none rw
30 22 254:0 /data/photos /mnt/my\\040photos rw - ext4 /dev/vda rw
31 22 254:16 / /mnt/disk rw - ext4 /dev/vdb rw
32 22 254:17 / /mnt/disk rw - ext4 /dev/vdc rw
";

    #[test]
    fn a_bind_mount_is_the_folder_that_it_shows() {
        let at = |path: &str| {
            find(TABLE, Path::new(path))
                .map(|(device, path)| format!("{device} {}", path.display()))
        };
        assert_eq!(at("/data/photos/a").as_deref(), Some("254:0 /data/photos/a"));
        assert_eq!(at("/mnt/my photos/a").as_deref(), Some("254:0 /data/photos/a"));
        assert_eq!(at("/mnt/my photos two").as_deref(), Some("254:0 /mnt/my photos two"));
        assert_eq!(
            at("/mnt/disk/x").as_deref(),
            Some("254:17 /x"),
            "the last one covers the other"
        );
    }

    #[test]
    fn what_is_not_there_yet_has_its_place_below_what_is() {
        let home = tempfile::tempdir().unwrap();
        let (there, missing) = existing(&home.path().join("a/b")).unwrap();
        assert_eq!((there, missing), (home.path().canonicalize().unwrap(), "a/b".into()));
        assert!(within(&home.path().join("a/b")).unwrap().ends_with("/a/b"));
    }
}
