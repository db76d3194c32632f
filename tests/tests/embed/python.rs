//! The Python package in `examples/embed/python`: its own tests, the shared cases, and
//! that its description of the contract is accurate.

use anyhow::{Context, Result, ensure};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use storage_tests::{artifacts, clients};
use wit_parser::{Handle, InterfaceId, Resolve, Type, TypeDefKind, TypeId, WorldItem};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn package() -> PathBuf {
    root().join("examples/embed/python")
}

static ARTIFACTS: LazyLock<Result<PathBuf, String>> =
    LazyLock::new(|| artifacts::directory().map_err(|error| format!("{error:?}")));

fn artifact(name: &str) -> Result<PathBuf> {
    let directory = ARTIFACTS.as_ref().map_err(|error| anyhow::anyhow!("{error}"))?;
    Ok(fs::canonicalize(directory.join(name))?)
}

fn interpreter() -> Result<PathBuf> {
    let bin = clients::venv("embed-python", "../examples/embed/python/requirements.txt")?;
    // Not the link `python`: this path determines the environment.
    Ok(fs::canonicalize(bin)?.join("python"))
}

/// Runs Python in the package's folder and returns what it printed.
fn python(args: &[&str]) -> Result<String> {
    let mut command = Command::new(interpreter()?);
    command
        .args(args)
        .current_dir(package())
        .env("PYTHONPATH", "src")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("STORAGE_DECORATORS_CORE", artifact(artifacts::CORE)?);
    clients::run(&mut command)
}

fn text(path: PathBuf) -> Result<String> {
    path.into_os_string().into_string().map_err(|path| anyhow::anyhow!("{path:?} is not UTF-8"))
}

#[test]
fn the_tests_of_the_package_pass() -> Result<()> {
    let printed = python(&["-W", "error::RuntimeWarning", "-m", "pytest"])?;
    let last = printed.lines().last().unwrap_or_default();
    println!("{last}");
    ensure!(last.contains(" passed") && !last.contains("failed"), "{printed}");
    Ok(())
}

#[test]
fn the_shared_cases_pass_over_a_dictionary_and_a_database() -> Result<()> {
    let cases = text(artifact(artifacts::CASES)?)?;
    let printed = python(&["cases.py", &cases, "--bases", "memory", "sqlite"])?;
    print!("{printed}");
    ensure!(printed.matches(" passed, 0 failed").count() == 2, "{printed}");
    Ok(())
}

#[test]
fn the_package_is_typed() -> Result<()> {
    let cache = text(root().join("target/clients/embed-python-types"))?;
    python(&["-m", "mypy", "--cache-dir", &cache])?;
    Ok(())
}

#[test]
fn the_bench_runs_and_both_ways_into_the_component_agree() -> Result<()> {
    let component = text(artifact(artifacts::BARE)?)?;
    let printed = python(&["bench.py", "--quick", "--component", &component])?;
    ensure!(printed.lines().count() > 10, "{printed}");
    Ok(())
}

#[test]
fn an_installed_wheel_holds_its_decorators() -> Result<()> {
    let place = tempfile::tempdir()?;
    let source = place.path().join("source");
    clients::run(Command::new("cp").arg("-r").arg(package()).arg(&source))?;
    fs::copy(artifact(artifacts::CORE)?, source.join("src/storage_wasm").join(artifacts::CORE))?;
    let installed = place.path().join("installed");
    let mut pip = Command::new(interpreter()?);
    pip.args(["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]);
    clients::run(pip.arg(&installed).arg(&source))?;
    let script = "from storage_wasm.object import DictStore\n\
        from storage_wasm.utils import GzipStore\n\
        store = GzipStore(DictStore())\n\
        store.put('k', b'data')\n\
        print(store.get('k').decode())";
    let mut run = Command::new(interpreter()?);
    run.args(["-c", script]).current_dir(place.path()).env("PYTHONPATH", &installed);
    ensure!(clients::run(run.env_remove("STORAGE_DECORATORS_CORE"))?.trim() == "data");
    Ok(())
}

#[test]
fn the_description_of_the_contract_is_that_of_wit() -> Result<()> {
    let printed = python(&["-m", "storage_wasm.abi.contract"])?;
    let described: BTreeSet<String> = printed.lines().map(str::to_owned).collect();
    let wanted = contract()?;
    let missing: Vec<_> = wanted.difference(&described).collect();
    let more: Vec<_> = described.difference(&wanted).collect();
    ensure!(missing.is_empty() && more.is_empty(), "missing: {missing:#?}\nmore: {more:#?}");
    Ok(())
}

/// Every type and function of the world `decorator-pack`, one per line.
fn contract() -> Result<BTreeSet<String>> {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_dir(root().join("wit"))?;
    let world = &resolve.worlds[resolve.packages[package].worlds["decorator-pack"]];
    let mut lines = BTreeSet::new();
    for (direction, items) in [("import", &world.imports), ("export", &world.exports)] {
        for item in items.values() {
            if let WorldItem::Interface { id, .. } = item {
                interface(&resolve, *id, direction, &mut lines)?;
            }
        }
    }
    Ok(lines)
}

fn interface(
    resolve: &Resolve,
    id: InterfaceId,
    direction: &str,
    lines: &mut BTreeSet<String>,
) -> Result<()> {
    let name = resolve.id_of(id).context("an interface without a name")?;
    for function in resolve.interfaces[id].functions.values() {
        let params: Vec<String> = function
            .params
            .iter()
            .map(|param| Ok(format!("{}: {}", param.name, spelled(resolve, &param.ty)?)))
            .collect::<Result<_>>()?;
        let result = match &function.result {
            Some(result) => format!(" -> {}", spelled(resolve, result)?),
            None => String::new(),
        };
        lines.insert(format!(
            "{direction} {name} {}({}){result}",
            function.name,
            params.join(", ")
        ));
    }
    for (name, id) in &resolve.interfaces[id].types {
        lines.extend(definition(resolve, name, *id)?);
    }
    Ok(())
}

fn definition(resolve: &Resolve, name: &str, id: TypeId) -> Result<Option<String>> {
    let (what, parts): (_, Vec<String>) = match &resolve.types[id].kind {
        TypeDefKind::Record(record) => {
            let field = |field: &wit_parser::Field| {
                Ok(format!("{}: {}", field.name, spelled(resolve, &field.ty)?))
            };
            ("record", record.fields.iter().map(field).collect::<Result<_>>()?)
        }
        TypeDefKind::Variant(variant) => {
            let case = |case: &wit_parser::Case| {
                Ok(match &case.ty {
                    Some(of) => format!("{}({})", case.name, spelled(resolve, of)?),
                    None => case.name.clone(),
                })
            };
            ("variant", variant.cases.iter().map(case).collect::<Result<_>>()?)
        }
        TypeDefKind::Enum(cases) => {
            ("enum", cases.cases.iter().map(|case| case.name.clone()).collect())
        }
        TypeDefKind::Flags(flags) => {
            ("flags", flags.flags.iter().map(|flag| flag.name.clone()).collect())
        }
        // The functions cover resources; a `use` is described at its definition.
        TypeDefKind::Resource | TypeDefKind::Type(_) => return Ok(None),
        other => anyhow::bail!("{name} is of a kind that is not described: {other:?}"),
    };
    Ok(Some(format!("{what} {name} {{{}}}", parts.join(", "))))
}

/// A type in WIT syntax.
fn spelled(resolve: &Resolve, of: &Type) -> Result<String> {
    let id = match of {
        Type::Id(id) => *id,
        Type::Bool => return Ok("bool".to_owned()),
        Type::U8 => return Ok("u8".to_owned()),
        Type::U32 => return Ok("u32".to_owned()),
        Type::U64 => return Ok("u64".to_owned()),
        Type::String => return Ok("string".to_owned()),
        other => anyhow::bail!("{other:?} is not described"),
    };
    let definition = &resolve.types[id];
    if let Some(name) = &definition.name {
        return Ok(name.clone());
    }
    let named = |id: &TypeId| spelled(resolve, &Type::Id(*id));
    let maybe = |of: &Option<Type>| match of {
        Some(of) => spelled(resolve, of),
        None => Ok("_".to_owned()),
    };
    Ok(match &definition.kind {
        TypeDefKind::List(of) => format!("list<{}>", spelled(resolve, of)?),
        TypeDefKind::Option(of) => format!("option<{}>", spelled(resolve, of)?),
        TypeDefKind::Result(of) => format!("result<{}, {}>", maybe(&of.ok)?, maybe(&of.err)?),
        TypeDefKind::Tuple(tuple) => {
            let parts: Vec<String> =
                tuple.types.iter().map(|of| spelled(resolve, of)).collect::<Result<_>>()?;
            format!("tuple<{}>", parts.join(", "))
        }
        TypeDefKind::Handle(Handle::Own(id)) => named(id)?,
        TypeDefKind::Handle(Handle::Borrow(id)) => format!("borrow<{}>", named(id)?),
        other => anyhow::bail!("{other:?} is not described"),
    })
}
