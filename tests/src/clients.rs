//! Real S3 clients, installed from their registries on first use.

use crate::heads::{self, Tap};
use crate::server::Server;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// A directory of executables: `python` with boto3 and minio-py, `aws`,
/// `s5cmd`, `s3cmd` and `rclone`.
pub fn bin() -> Result<PathBuf> {
    let bin = venv("venv", "python/requirements.txt")?;
    // rclone's package hides the binary among its modules.
    let rclone = bin.join("rclone");
    if !rclone.exists() {
        let lib = bin.join("../lib");
        let python =
            fs::read_dir(&lib)?.next().context("a Python environment without modules")??;
        let binary = python.path().join("site-packages/rclone_api/bin/rclone");
        ensure!(binary.exists(), "{} is missing", binary.display());
        match symlink(fs::canonicalize(binary)?, rclone) {
            Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
    }
    Ok(bin)
}

/// A `node_modules` with the packages from `js/package-lock.json`.
fn node_modules() -> Result<PathBuf> {
    Ok(npm("js", &here("js"))?.join("node_modules"))
}

/// A folder below `target/clients` with a package's `package.json` and the modules from
/// its lock file. Installed once, and again when the lock file changes.
pub fn npm(name: &str, package: &Path) -> Result<PathBuf> {
    let version = Command::new("node").arg("--version").output();
    let version = version.map(|v| String::from_utf8_lossy(&v.stdout).trim().to_owned());
    let version = version.unwrap_or_else(|error| error.to_string());
    let major = version.trim_start_matches('v').split('.').next().and_then(|n| n.parse().ok());
    ensure!(
        major.is_some_and(|major: u32| major >= 20),
        "the tests of JavaScript packages need Node.js 20 or newer with npm in PATH; \
         `node --version`: {version}"
    );
    let target = here("../target/clients");
    fs::create_dir_all(&target)?;
    let lock = File::create(target.join("lock"))?;
    lock.lock()?;
    let directory = target.join(name);
    let wanted = fs::read_to_string(package.join("package-lock.json"))?;
    let stamp = directory.join("installed.json");
    if fs::read_to_string(&stamp).ok().as_deref() != Some(&wanted) {
        let _ = fs::remove_dir_all(&directory);
        fs::create_dir_all(&directory)?;
        for file in ["package.json", "package-lock.json"] {
            fs::copy(package.join(file), directory.join(file))?;
        }
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"]);
        run(npm.current_dir(&directory))?;
        fs::write(&stamp, &wanted)?;
    }
    Ok(directory)
}

/// The `bin` folder of a Python environment with the packages from a requirements file.
/// Installed once, and again when the requirements change.
pub fn venv(name: &str, requirements: &str) -> Result<PathBuf> {
    let target = here("../target/clients");
    fs::create_dir_all(&target)?;
    // Several test programs may run this at the same time.
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

/// Runs a script from `tests/python`, `tests/shell` or `tests/js` against a server and
/// returns what it printed.
pub fn script(server: &Server, name: &str, args: &[&str]) -> Result<String> {
    script_with(server, name, args, &[])
}

/// Like [`script`], with more environment variables.
pub fn script_with(
    server: &Server,
    name: &str,
    args: &[&str],
    environment: &[(&str, &str)],
) -> Result<String> {
    script_by(&[bin()?], server, name, args, environment)
}

/// Like [`script`], with the Python packages of `tests/python/programs.txt`. `debian` is a
/// program that it needs, from the Debian package of this name.
pub fn program_script(
    server: &Server,
    name: &str,
    args: &[&str],
    debian: Option<&str>,
) -> Result<String> {
    if let Some(program) = debian {
        let found = Command::new("sh").args(["-c", &format!("command -v {program}")]).output()?;
        ensure!(
            found.status.success(),
            "{program} is not in PATH; `apt-get install {program}` gets it"
        );
    }
    let bins = [venv("programs", "python/programs.txt")?, bin()?];
    script_by(&bins, server, name, args, &[])
}

/// Runs a script with the programs in these folders; the first has Python.
fn script_by(
    bins: &[PathBuf],
    server: &Server,
    name: &str,
    args: &[&str],
    environment: &[(&str, &str)],
) -> Result<String> {
    let (mut command, folder) = match Path::new(name).extension().and_then(|e| e.to_str()) {
        Some("sh") => (Command::new("bash"), "shell"),
        Some("cjs") => {
            let mut node = Command::new("node");
            node.env("NODE_PATH", node_modules()?);
            (node, "js")
        }
        _ => {
            let bin = bins.first().context("no Python")?;
            (Command::new(bin.join("python")), "python")
        }
    };
    let mut path: Vec<String> = bins.iter().map(|bin| bin.display().to_string()).collect();
    path.extend(std::env::var("PATH"));
    let tap = match std::env::var_os(heads::FOLDER) {
        Some(folder) => Some((PathBuf::from(folder), Tap::start(server.port())?)),
        None => None,
    };
    let port = tap.as_ref().map_or(server.port(), |(_, tap)| tap.port());
    let printed = run(command
        .arg(here(folder).join(name))
        .args(args)
        .env("PATH", path.join(":"))
        .env("ENDPOINT", format!("http://127.0.0.1:{port}"))
        .env("AWS_ACCESS_KEY_ID", crate::server::ACCESS_KEY)
        .env("AWS_SECRET_ACCESS_KEY", crate::server::SECRET_KEY)
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .envs(environment.iter().copied()));
    if let Some((folder, tap)) = tap {
        tap.save(&folder, name)?;
    }
    printed.with_context(|| format!("the server's log:\n{}", server.log()))
}

/// The operations that a script reports as working.
pub fn operations(printed: &str) -> BTreeSet<&str> {
    printed.lines().filter_map(|line| line.strip_prefix("did: ")).collect()
}

/// Runs a program to its end and returns what it printed.
pub fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(
        output.status.success(),
        "{command:?} ended with {}:\n{printed}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(printed)
}
