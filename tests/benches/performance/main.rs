//! Updates the figures in `docs/performance.md`: builds everything, runs the three
//! benchmarks one after the other, and puts the output of each into its block of the
//! document.
//!
//! `cargo bench --profile dist --workspace --bench performance`, with any of
//!
//! - `-- sandbox`, `libraries`, `endpoint`: parts to measure (the benchmarks `budgets`,
//!   `libraries` and `throughput`); these come first;
//! - any options of these benchmarks, such as `--rounds 1`. If only some cells are
//!   measured, only their sections are replaced;
//! - `--build`: builds everything and measures nothing.
//!
//! Run nothing else meanwhile; any other load is recorded.

mod machine;

use anyhow::{Context, Result, ensure};
use machine::Watch;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use storage_tests::figures::{self, blocks, cargo};

/// The parts, as named in arguments and blocks, and their benchmarks.
const PARTS: [(&str, &str); 3] =
    [("sandbox", "budgets"), ("libraries", "libraries"), ("endpoint", "throughput")];

fn main() -> Result<()> {
    let wanted = figures::names();
    for name in &wanted {
        ensure!(PARTS.iter().any(|(part, _)| part == name), "there is no part {name:?}");
    }
    // `cargo bench` adds an argument itself.
    let passed = std::env::args().skip(1 + wanted.len()).filter(|arg| arg != "--bench");
    let passed: Vec<String> = passed.collect();
    let parts: Vec<_> = PARTS
        .into_iter()
        .filter(|(part, _)| wanted.is_empty() || wanted.iter().any(|name| name == part))
        .collect();
    build(&parts)?;
    if passed.iter().any(|arg| arg == "--build") {
        return Ok(());
    }
    for (part, bench) in parts {
        measure(part, bench, &passed).with_context(|| part.to_owned())?;
    }
    Ok(())
}

/// What is measured is built like what ships.
const SHIPPED: [&str; 6] =
    ["--profile", "dist", "--workspace", "--features", "storage-host/precompiled", "--locked"];

/// Builds all that these parts need, so that nothing compiles during a measurement.
fn build(parts: &[(&str, &str)]) -> Result<()> {
    run(cargo().arg("build").args(SHIPPED).args(["--bin", "storage-host"]))?;
    let benches = parts.iter().flat_map(|(_, bench)| ["--bench", bench]);
    run(cargo().args(["bench", "--no-run"]).args(SHIPPED).args(benches))?;
    if !parts.iter().any(|(part, _)| *part == "libraries") {
        return Ok(());
    }
    let mut contenders = cargo();
    contenders.args(["build", "--release", "--locked", "--manifest-path"]);
    contenders.arg(here("tests/contenders/Cargo.toml"));
    run(contenders.arg("--target-dir").arg(here("target/contenders")))
}

fn measure(part: &str, bench: &str, passed: &[String]) -> Result<()> {
    eprintln!("{part}: the bench {bench}");
    let watch = Watch::start()?;
    let mut command = cargo();
    command.arg("bench").args(SHIPPED).args(["--bench", bench, "--"]).args(passed);
    let output = command.stderr(Stdio::inherit()).output()?;
    let printed = String::from_utf8_lossy(&output.stdout);
    ensure!(output.status.success(), "{command:?} failed:\n{printed}");
    let origin = watch.end()?;
    println!("{origin}\n\n{printed}");
    let document = here("docs/performance.md");
    let text = std::fs::read_to_string(&document)?;
    std::fs::write(&document, blocks::replace(&text, part, &printed, &origin)?)?;
    Ok(())
}

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn run(command: &mut Command) -> Result<()> {
    ensure!(command.status()?.success(), "{command:?} failed");
    Ok(())
}
