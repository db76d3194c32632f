//! Checks statements of the documentation against the code.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The folders of the published crates.
const SHIPPED: &[&str] = &[
    "conformance",
    "contract",
    "guest/component",
    "guest/core",
    "guest/sdk",
    "guest/transforming",
    "host/app",
    "host/backends",
    "host/s3",
    "host/sandbox",
    "host/store",
];

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(here(path)).with_context(|| path.to_owned())
}

/// The section of a document under a heading.
fn section<'a>(text: &'a str, heading: &str) -> Result<&'a str> {
    let (_, rest) = text.split_once(&format!("\n## {heading}\n")).context(heading.to_owned())?;
    Ok(rest.split("\n## ").next().unwrap_or(rest))
}

/// The texts in backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_attack_in_the_table_has_tests_that_exist() -> Result<()> {
    let text = read("docs/security.md")?;
    let mut seen = 0;
    let rows = section(&text, "Attacks, and their tests")?.lines();
    for row in rows.filter(|line| line.starts_with("| ")).skip(1) {
        let cells: Vec<_> = row.split(" | ").collect();
        ensure!(cells.len() == 3, "{row}");
        let mut file = String::new();
        let mut tests = 0;
        for part in cells[2].split(", ") {
            if let Some((_, rest)) = part.split_once("](../") {
                let (path, _) = rest.split_once(')').context("no end of the link")?;
                file = read(path)?;
            }
            for name in quoted(part) {
                ensure!(file.contains(&format!("fn {name}(")), "{name} is in none: {row}");
                tests += 1;
            }
        }
        ensure!(tests > 0, "no test: {row}");
        seen += 1;
    }
    ensure!(seen > 30, "{seen} rows were found");
    Ok(())
}

#[test]
fn unsafe_code_is_denied_everywhere_but_in_the_modules_that_are_listed() -> Result<()> {
    let text = read("docs/security.md")?;
    let listed: BTreeSet<_> = section(&text, "Unsafe code")?
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| quoted(line).next())
        .map(str::to_owned)
        .collect();
    let mut found = BTreeSet::new();
    for package in SHIPPED {
        let manifest = read(&format!("{package}/Cargo.toml"))?;
        let denies = manifest.contains("unsafe_code = \"deny\"")
            || manifest.contains("[lints]\nworkspace = true");
        ensure!(denies, "{package} does not deny unsafe code");
        let mut todo = vec![here(package).join("src")];
        while let Some(path) = todo.pop() {
            if path.is_dir() {
                for entry in fs::read_dir(&path)? {
                    todo.push(entry?.path());
                }
            } else if path.extension().is_some_and(|kind| kind == "rs")
                && fs::read_to_string(&path)?.contains("(unsafe_code")
            {
                let name = path.strip_prefix(here(""))?.display().to_string();
                found.insert(name);
            }
        }
    }
    ensure!(read("Cargo.toml")?.contains("unsafe_code = \"deny\""), "the workspace lets it be");
    ensure!(found == listed, "found {found:?}, listed {listed:?}");
    Ok(())
}

/// The dependency names in a manifest.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut inside = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            inside = line.trim_end().ends_with("dependencies]");
        } else if let (true, false, Some((name, _))) =
            (inside, line.starts_with('#'), line.split_once(['=', '.']))
        {
            found.insert(name.trim().to_owned());
        }
    }
    found
}

#[test]
fn every_dependency_is_listed_with_its_reason_and_no_other() -> Result<()> {
    let text = read("docs/dependencies.md")?;
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<_> = rows.filter_map(|line| quoted(line).next()).map(str::to_owned).collect();
    let mut wanted = BTreeSet::new();
    for package in SHIPPED {
        let found = dependencies(&read(&format!("{package}/Cargo.toml"))?);
        ensure!(!found.is_empty(), "{package} has none");
        wanted.extend(found);
    }
    wanted.retain(|name| !name.starts_with("storage-"));
    let unique: BTreeSet<_> = listed.iter().cloned().collect();
    ensure!(unique.len() == listed.len(), "one is listed twice");
    let missing: Vec<_> = wanted.difference(&unique).collect();
    let left: Vec<_> = unique.difference(&wanted).collect();
    ensure!(missing.is_empty(), "without a reason in docs/dependencies.md: {missing:?}");
    ensure!(left.is_empty(), "not used any more, but in docs/dependencies.md: {left:?}");
    Ok(())
}

/// The texts in double quotes of a list in a manifest.
fn listed<'a>(manifest: &'a str, name: &str) -> Result<Vec<&'a str>> {
    let (_, rest) = manifest.split_once(&format!("\n{name} = [")).context(name.to_owned())?;
    let (list, _) = rest.split_once(']').context("no end of the list")?;
    Ok(list.split('"').skip(1).step_by(2).collect())
}

#[test]
fn every_crate_is_in_the_architecture_with_the_crates_that_it_uses() -> Result<()> {
    let text = read("docs/architecture.md")?;
    let manifest = read("Cargo.toml")?;
    let mut crates = listed(&manifest, "members")?;
    crates.extend(
        listed(&manifest, "exclude")?.into_iter().filter(|path| path.starts_with("guest/")),
    );
    ensure!(crates.len() > 12, "{crates:?}");
    for path in crates {
        ensure!(text.contains(&format!("](../{path}/")), "docs/architecture.md lacks {path}");
    }
    for package in SHIPPED {
        let start = format!("| [{package}](");
        let row = text.lines().find(|line| line.starts_with(&start));
        let row = row.with_context(|| format!("docs/architecture.md has no row for {package}"))?;
        let cell = row.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let told: BTreeSet<String> = quoted(cell).map(str::to_owned).collect();
        let manifest = read(&format!("{package}/Cargo.toml"))?;
        let used = manifest.split("[dev-dependencies]").next().map(dependencies);
        let mut used = used.unwrap_or_default();
        used.retain(|name| name.starts_with("storage-"));
        ensure!(told == used, "{package} uses {used:?}, and docs/architecture.md says {told:?}");
    }
    Ok(())
}

#[test]
fn every_module_of_the_program_is_in_the_architecture() -> Result<()> {
    let text = read("docs/architecture.md")?;
    let mut seen = 0;
    for package in ["host/app", "host/store"] {
        let library = read(&format!("{package}/src/lib.rs"))?;
        let modules = library.lines().filter_map(|line| {
            let (_, name) = line.split_once("mod ")?;
            name.strip_suffix(';').filter(|_| !line.trim_start().starts_with("//"))
        });
        for name in modules {
            let row = format!("| [{name}](../{package}/src/{name}");
            ensure!(text.contains(&row), "docs/architecture.md lacks the module {name}");
            seen += 1;
        }
    }
    ensure!(seen > 20, "{seen} modules were found");
    Ok(())
}

/// The documents of the project.
fn documents() -> Result<Vec<PathBuf>> {
    let mut documents = vec![here("README.md"), here("CONTRIBUTING.md"), here("CHANGELOG.md")];
    for folder in ["docs", "docs/stores", "docs/decisions"] {
        let entries = fs::read_dir(here(folder))?.collect::<std::io::Result<Vec<_>>>()?;
        let paths = entries.into_iter().map(|entry| entry.path());
        documents.extend(paths.filter(|path| path.extension().is_some_and(|e| e == "md")));
    }
    Ok(documents)
}

#[test]
fn commands_name_test_programs_and_modules_that_exist() -> Result<()> {
    let mut seen = 0;
    for document in documents()? {
        let text = fs::read_to_string(&document)?;
        for command in text.split("-p storage-tests --test ").skip(1) {
            let end = command.find(['`', '#', '\n']).unwrap_or(command.len());
            let mut words = command[..end].split_whitespace();
            let program = words.next().context("no name after --test")?;
            let folder = here("tests/tests").join(program);
            let exists = folder.join("main.rs").exists() || folder.with_extension("rs").exists();
            ensure!(exists, "{}: there is no test program {program}", document.display());
            for module in words.filter_map(|word| word.strip_suffix("::")) {
                let file = folder.join(module);
                let exists = file.join("mod.rs").exists() || file.with_extension("rs").exists();
                ensure!(exists, "{}: {program} has no module {module}", document.display());
            }
            seen += 1;
        }
    }
    ensure!(seen > 15, "{seen} commands were found");
    Ok(())
}

#[test]
fn links_between_documents_lead_to_files() -> Result<()> {
    let mut seen = 0;
    for document in documents()? {
        let text = fs::read_to_string(&document)?;
        let folder = document.parent().context("no folder")?;
        // Code has brackets of its own.
        let prose = text.split("```").step_by(2);
        for part in prose.flat_map(|prose| prose.split("](").skip(1)) {
            let target = part.split([')', '#']).next().unwrap_or_default();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            ensure!(folder.join(target).exists(), "{}: {target}", document.display());
            seen += 1;
        }
    }
    ensure!(seen > 200, "{seen} links were found");
    Ok(())
}
