//! Secrets in files of their own. No message shows a secret.

use crate::files;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The most bytes of a file; far more than a key needs.
const MAX: u64 = 4_096;

/// Reads the secret in a file, without the line break at its end.
///
/// Warns if every user of the machine may read the file, but accepts it:
/// container platforms mount secrets like that, with nobody else to read them.
pub fn read(path: &Path) -> Result<String, String> {
    let shown = path.display();
    let failed = |error: std::io::Error| format!("{shown} can't be read: {error}");
    let file = files::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    let mut text = String::new();
    if let Err(error) = file.take(MAX + 1).read_to_string(&mut text) {
        return Err(match error.kind() {
            std::io::ErrorKind::InvalidData => format!("{shown} is not UTF-8 text"),
            _ => failed(error),
        });
    }
    if text.len() as u64 > MAX {
        return Err(format!("{shown} has more than {MAX} bytes: no secret is that long"));
    }
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = secret.strip_suffix('\r').unwrap_or(secret);
    if secret.is_empty() {
        return Err(format!("{shown} is empty"));
    }
    if secret.contains(char::is_control) {
        return Err(format!("{shown} must hold the secret alone, on one line"));
    }
    if found.permissions().mode() & 0o004 != 0 {
        tracing::warn!(
            target: "storage",
            "{shown} holds a secret, and every user of this machine may read it: chmod o-r {shown}"
        );
    }
    Ok(secret.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_the_one_line_of_its_file() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("secret");
        let read = |content: &[u8]| {
            std::fs::write(&path, content).unwrap();
            read(&path)
        };
        for content in [&b"key of mine"[..], b"key of mine\n", b"key of mine\r\n"] {
            assert_eq!(read(content).as_deref(), Ok("key of mine"));
        }
        assert_eq!(read(b" key\n").as_deref(), Ok(" key"), "spaces are its own");
        for (content, why) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"mine\nother", "on one line"),
            (b"mine\n\n", "on one line"),
            (b"mine\xff", "not UTF-8"),
            (&[b'm'; 5_000], "more than 4096"),
        ] {
            let error = read(content).unwrap_err();
            assert!(error.contains(why) && !error.contains("mine"), "{error}");
        }
        assert!(super::read(directory.path()).unwrap_err().contains("not a regular file"));
        assert!(super::read(&directory.path().join("none")).unwrap_err().contains("can't be read"));
    }
}
