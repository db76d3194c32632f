//! Real S3 clients, installed from their registry on first use.

use crate::server::Server;
use anyhow::{Context, Result, ensure};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A directory of executables: `python` with boto3, and `aws`.
pub fn bin() -> Result<PathBuf> {
    venv("venv", "python/requirements.txt")
}

/// The executables of a Python environment with what a file of requirements
/// names. Made once, and again when the requirements change.
pub fn venv(name: &str, requirements: &str) -> Result<PathBuf> {
    let target = here("../target/clients");
    fs::create_dir_all(&target)?;
    // Several test programs may come here at a time.
    let lock = File::create(target.join("lock"))?;
    lock.lock()?;
    let venv = target.join(name);
    let requirements = here(requirements);
    let wanted = fs::read_to_string(&requirements)?;
    let stamp = venv.join("installed.txt");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&venv);
        run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
        let mut pip = Command::new(venv.join("bin/pip"));
        run(pip.args(["install", "--quiet", "--requirement"]).arg(&requirements))?;
        fs::write(&stamp, &wanted)?;
    }
    Ok(venv.join("bin"))
}

/// Runs a script of `tests/python` against a server.
pub fn script(server: &Server, name: &str, args: &[&str]) -> Result<()> {
    let bin = bin()?;
    let script = here("python").join(name);
    let mut command = match script.extension().and_then(|e| e.to_str()) {
        Some("sh") => Command::new("bash"),
        _ => Command::new(bin.join("python")),
    };
    let path = format!("{}:{}", bin.display(), std::env::var("PATH").unwrap_or_default());
    run(command
        .arg(&script)
        .args(args)
        .env("PATH", path)
        .env("ENDPOINT", server.endpoint())
        .env("AWS_ACCESS_KEY_ID", crate::server::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", crate::server::SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null"))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    print!("{}", String::from_utf8_lossy(&output.stdout));
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}
