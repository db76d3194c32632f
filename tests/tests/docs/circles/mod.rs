//! No two files of a crate import each other, not even by way of others.
//!
//! What counts is what a reader has to follow: every path to a name in another file, and
//! every re-export. A declaration, `mod x;`, is no import, so a child may use its parent
//! unless the parent uses it, too.

mod imports;
mod modules;
mod tokens;

use anyhow::{Context, Result, ensure};
use imports::{circles, imports};
use modules::{Modules, declared};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The Rust files below a folder, without what was built or installed there.
fn sources(folder: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !name.starts_with('.') && !["target", "node_modules"].contains(&name) {
                sources(&path, found)?;
            }
        } else if name.ends_with(".rs") {
            found.insert(path);
        }
    }
    Ok(())
}

/// The circles of all crates below a folder, and how many files import others.
fn circles_below(folder: &Path) -> Result<(Vec<String>, usize)> {
    let folder = folder.canonicalize()?;
    let mut roots = BTreeSet::new();
    sources(&folder, &mut roots)?;
    for file in roots.clone() {
        for module in declared(&file)? {
            roots.remove(&module);
        }
    }
    let (mut found, mut seen) = (Vec::new(), 0);
    for root in roots {
        let imports = imports(&Modules::read(&root)?);
        seen += imports.len();
        for circle in circles(&imports) {
            let mut text = String::new();
            for (file, next) in circle.iter().zip(&circle[1..]) {
                let names = imports.get(*file).and_then(|imports| imports.get(*next));
                let names = names.context("a step without an import")?;
                text +=
                    &format!("{} imports {names} from\n  ", file.strip_prefix(&folder)?.display());
            }
            found.push(text + &circle[0].strip_prefix(&folder)?.display().to_string());
        }
    }
    Ok((found, seen))
}

#[test]
fn no_files_import_each_other_in_a_circle() -> Result<()> {
    let (found, seen) = circles_below(&Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))?;
    ensure!(found.is_empty(), "circles:\n\n{}\n", found.join("\n\n"));
    ensure!(seen > 400, "only {seen} files with imports were found");
    Ok(())
}

/// The circles of a crate of these files.
fn circles_of(files: &[(&str, &str)]) -> Result<Vec<String>> {
    let folder = tempfile::tempdir()?;
    fs::create_dir(folder.path().join("src"))?;
    for (name, text) in files {
        fs::write(folder.path().join("src").join(name), text)?;
    }
    Ok(circles_below(folder.path())?.0)
}

#[test]
fn a_circle_is_found_however_it_is_written() -> Result<()> {
    let (a, b) = ("use crate::b::B; pub struct A;", "use super::a::A; pub struct B;");
    let found = circles_of(&[("lib.rs", "mod a; mod b;"), ("a.rs", a), ("b.rs", b)])?;
    let chain =
        "src/a.rs imports crate::b::B from\n  src/b.rs imports super::a::A from\n  src/a.rs";
    ensure!(found == [chain], "{found:#?}");
    for a in [
        "fn f() -> Vec<crate::b::B> { g::<'_', crate::b::B>() }",
        "use crate::{std, b::{self as other, *}};",
        "use crate::b as other; fn f<'a>(b: &'a str) { other::f('{', b) }",
        "use super::*; fn f() { b::f() }",
        "#[serde(default = \"crate::b::f\")] struct A;",
        "#[cfg(test)] mod tests { use super::super::b::B; }",
        "macro_rules! f { () => { $crate::b::f() }; }",
        "const F: &str = r#\"\"{\"#; use crate::b::F;",
        "use crate::c::B;",
        "use crate::c::again::B;",
    ] {
        let lib = "mod a; mod b; mod c;";
        let c = "pub use crate::b::B; pub use crate::b as again;";
        let found = circles_of(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("c.rs", c)])?;
        ensure!(!found.is_empty(), "{a}");
    }
    for lib in [
        "mod a; use a::A; pub struct B;",
        "mod a; fn f() { a::f() }",
        "mod a; pub use a::A;",
        "mod a; pub use a::*;",
        "#[path = \"a.rs\"] mod b; mod c { use super::b::f; }",
    ] {
        let found = circles_of(&[("lib.rs", lib), ("a.rs", "use crate::B;")])?;
        ensure!(!found.is_empty(), "{lib}");
    }
    Ok(())
}

#[test]
fn what_is_no_import_makes_no_circle() -> Result<()> {
    for a in [
        "use super::B; use crate::b::B as C;",
        "//! [`B`](crate::b::B)\n/* crate::b::B /* */ crate::b::B */",
        "const A: &str = \"crate::b::B \\\" crate::b::B\"; const B: char = '\\'';",
        "use ::b::B; use b::C; fn f() { std::b::f(); <A as b::C>::b::f() }",
        "#[macro_export] macro_rules! f { () => { if true { $crate::b::f() } }; }",
    ] {
        let b = if a.contains("use super::B") { "" } else { "use crate::a::A;" };
        let lib = "mod a; mod b; pub struct B; #[cfg(test)] mod tests;";
        let tests = "use super::*; use crate::a::A;";
        let found = circles_of(&[("lib.rs", lib), ("a.rs", a), ("b.rs", b), ("tests.rs", tests)])?;
        ensure!(found.is_empty(), "{a}: {found:#?}");
    }
    Ok(())
}
