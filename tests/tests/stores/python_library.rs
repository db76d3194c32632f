//! Compatibility with data of the Python library `storage`, in both directions.
//!
//! `interop/fixtures` holds what the library wrote. To let it read what this project
//! writes, set `STORAGE_PYTHON_LIBRARY` to its source folder.

use anyhow::{Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;
use storage_tests::interop::{Fixture, factory, fixtures, folder, python, run, said};
use tempfile::TempDir;

const LIBRARY: &str = "STORAGE_PYTHON_LIBRARY";

/// All fixtures: each was written by the library, and these stores must write it alike.
const FORMATS: &[&str] = &[
    "base64",
    "caching",
    "filesystem",
    "gzip",
    "gzip-base64-url-prefix-mirror",
    "gzip-hash-prefix-sqlite",
    "hash-prefix",
    "hash-prefix-12-dash",
    "hash-prefix-safe-filesystem",
    "hashdir",
    "hashdir-width-3-depth-2",
    "json-filesystem",
    "json-sqlite-text-values",
    "mirroring",
    "prefix",
    "safe-filesystem",
    "sqlite",
    "sqlite-text-values",
    "text-cp1252",
    "text-latin-1",
    "text-shift-jis",
    "text-utf-16",
    "text-utf-8",
    "text-utf-8-sig",
    "url-encoding",
    "zip",
];

#[test]
fn every_fixture_has_its_row() -> Result<()> {
    let names: Vec<_> = fixtures()?.into_iter().map(|fixture| fixture.name).collect();
    assert_eq!(names, FORMATS);
    Ok(())
}

#[tokio::test]
async fn what_the_python_library_wrote_is_read() -> Result<()> {
    let work = tempfile::tempdir()?;
    let mut problems = Vec::new();
    for fixture in fixtures()? {
        let found = read(&fixture, work.path()).await;
        let found = found.unwrap_or_else(|error| vec![format!("{error:#}")]);
        if found.is_empty() {
            println!("read {}: {} objects", fixture.name, fixture.objects.len());
        }
        problems.extend(found.into_iter().map(|problem| format!("{}: {problem}", fixture.name)));
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

async fn read(fixture: &Fixture, work: &Path) -> Result<Vec<String>> {
    let factory = factory(&fixture.copy(work, true)?)?;
    let problems = fixture.problems(&factory.build().await?).await?;
    factory.close().await?;
    Ok(problems)
}

/// A folder with every fixture, its objects written by these stores.
async fn written() -> Result<TempDir> {
    let work = tempfile::tempdir()?;
    let mut problems = Vec::new();
    for fixture in fixtures()? {
        if let Err(error) = write(&fixture, work.path()).await {
            problems.push(format!("{}: {error:#}", fixture.name));
        }
    }
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(work)
}

async fn write(fixture: &Fixture, work: &Path) -> Result<()> {
    let factory = factory(&fixture.copy(work, false)?)?;
    let store = factory.build().await?;
    for (key, object) in &fixture.objects {
        store.put(key, object.written()?, Default::default()).await?;
    }
    let problems = fixture.problems(&store).await?;
    factory.close().await?;
    ensure!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[tokio::test]
async fn pythons_standard_library_reads_what_these_stores_wrote() -> Result<()> {
    let work = written().await?;
    said(&python(Path::new("python3"), "check_formats.py", &[work.path()])?)
}

#[tokio::test]
async fn the_python_library_reads_what_these_stores_wrote_and_writes_the_same() -> Result<()> {
    let Some((python3, library)) = library()? else { return Ok(()) };
    let work = written().await?;
    said(&python(&python3, "read_back.py", &[Path::new("--library"), &library, work.path()])?)?;
    // And it wrote something back.
    let mut problems = Vec::new();
    for name in FORMATS {
        let fixture = Fixture::load(&work.path().join(name))?;
        let factory = factory(&work.path().join(name))?;
        problems.extend(fixture.problems(&factory.build().await?).await?);
        factory.close().await?;
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    Ok(())
}

#[test]
fn the_python_library_writes_the_fixtures_again_as_they_are() -> Result<()> {
    let Some((python3, library)) = library()? else { return Ok(()) };
    let work = tempfile::tempdir()?;
    let (old, new) = (work.path().join("old"), work.path().join("new"));
    said(&python(&python3, "write_fixtures.py", &[Path::new("--library"), &library, &new])?)?;
    run(Command::new("cp").arg("-r").arg(folder().join("fixtures")).arg(&old))?;
    said(&python(&python3, "same_fixtures.py", &[&old, &new])?)
}

/// A Python interpreter with the library's dependencies, and the library. Prints a
/// notice if the library is not available.
fn library() -> Result<Option<(PathBuf, PathBuf)>> {
    let Some(library) = std::env::var_os(LIBRARY).map(PathBuf::from) else {
        println!("not run: the Python library is not here; set {LIBRARY}");
        return Ok(None);
    };
    let module = library.join("storage/config_builder.py");
    ensure!(module.is_file(), "{LIBRARY} is set, and there is no {}", module.display());
    // The dependencies without boto3, which is optional.
    let bin = storage_tests::clients::venv("library", "interop/requirements.txt")?;
    Ok(Some((bin.join("python"), library)))
}
