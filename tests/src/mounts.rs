//! Filesystems mounted for a test.

use anyhow::{Context, Result, ensure};
use std::ffi::OsStr;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const ALONE: &str = "STORAGE_TEST_MOUNTS";

/// Reruns the named test of this program, whatever its module, in a process with its own
/// mounts, which end with it in any case. Returns `false` in that process, which has to
/// do the test.
pub fn elsewhere(test: &str) -> Result<bool> {
    if std::env::var_os(ALONE).is_some() {
        return Ok(false);
    }
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private"]);
    if !rustix::process::geteuid().is_root() {
        unshare.args(["--user", "--map-root-user"]);
    }
    unshare.arg(std::env::current_exe()?).args([&format!("::{test}"), "--nocapture"]);
    // The parent removes the directory, after the mounts are gone.
    let directory = tempfile::tempdir()?;
    std::fs::set_permissions(directory.path(), Permissions::from_mode(0o755))?;
    let output = unshare.env(ALONE, "yes").env("TMPDIR", directory.path()).output();
    let output = output.context("unshare")?;
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success() && text.contains("ok. 1 passed;"),
        "{test}, run again where it may mount (that needs root, and loop devices for ext4): {text}"
    );
    print!("{text}");
    Ok(true)
}

/// The supported filesystems.
pub const KINDS: &[&str] = &["tmpfs", "ext4"];

/// Creates a directory and mounts a new filesystem there. It ends with the process.
pub fn mount(kind: &str, at: &Path) -> Result<()> {
    std::fs::create_dir_all(at)?;
    match kind {
        "ext4" => {
            let image = at.with_extension("image");
            std::fs::File::create(&image)?.set_len(96 << 20)?;
            command("mkfs.ext4", &["-q".as_ref(), "-F".as_ref(), image.as_ref()])?;
            let options = ["-o".as_ref(), "loop".as_ref(), image.as_ref(), at.as_ref()];
            command("mount", &options)?;
            std::fs::remove_file(image)?;
            Ok(())
        }
        kind => command("mount", &["-t".as_ref(), kind.as_ref(), kind.as_ref(), at.as_ref()]),
    }
}

/// Runs a system program.
pub fn command(program: &str, args: &[&OsStr]) -> Result<()> {
    let output = Command::new(program).args(args).output().with_context(|| program.to_owned())?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {args:?}: {error}");
    Ok(())
}
