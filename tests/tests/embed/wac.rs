//! The component composed with others: a wasm application that imports a store is
//! composed with the decorators and runs on WASI alone.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use storage_tests::artifacts::{self, CASES};
use storage_tests::composed::{Composed, Configuration, Printed};
use storage_tests::exported::Instance;
use storage_tests::recorded::{Cases, replay};

fn cases() -> Result<Cases> {
    Ok(serde_json::from_slice(&std::fs::read(artifacts::directory()?.join(CASES))?)?)
}

/// The folder of the application's configuration.
fn example() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/embed/wac")
}

#[test]
fn the_shared_cases_hold_through_composed_components() -> Result<()> {
    let composed = Composed::stores()?;
    let passed = replay::all(&cases()?, |chain| composed.subject(chain))?;
    ensure!(passed > 3_000, "only {passed} cases were there");
    Ok(())
}

#[test]
fn chains_that_are_described_wrongly_are_refused() -> Result<()> {
    let composed = Composed::stores()?;
    let refused = cases()?.refused;
    ensure!(refused.len() > 10, "there are {}", refused.len());
    for refused in &refused {
        let config = Configuration::of(&refused.nodes).main("level-0");
        let variables = [("STORAGE_STORES", config.as_str()), ("STORAGE_MEMORY", "memory-0")];
        let opened = Instance::open(&composed.open(&variables)?, "main");
        let error = opened.err().with_context(|| format!("{} was built", refused.name))?;
        ensure!(error.code() == refused.error, "{} gave {error:?}", refused.name);
    }
    Ok(())
}

#[test]
fn a_wasm_application_has_decorated_storage_and_no_host_of_ours() -> Result<()> {
    // This fails if it imports anything but WASI.
    let composed = Composed::application()?;
    let text = "to be or not to be, ".repeat(50);
    let put = format!("today={text}");
    let arguments = [&*put, "later=or not", "today", "main:", "all:"];
    let Printed { well, stdout, stderr } = composed.run(Some(&example()), &[], &arguments)?;
    ensure!(well, "{stderr}");
    let mut lines = stdout.lines();
    ensure!(lines.next() == Some(&*text), "{stdout}");
    // The size of compressed objects is unknown.
    let names: Vec<_> = lines.clone().filter_map(|line| line.split(' ').next()).collect();
    ensure!(names == ["later", "today", "notes/later", "notes/today"], "{stdout}");
    let kept = lines.last().and_then(|line| line.split(' ').nth(1)).context(stdout.clone())?;
    ensure!((10..200).contains(&kept.parse::<u32>()?), "{stdout}");
    Ok(())
}

#[test]
fn variables_take_the_place_of_the_file_and_stand_in_it() -> Result<()> {
    let composed = Composed::application()?;
    let prefix = [("NOTES_PREFIX", "elsewhere/")];
    let printed = composed.run(Some(&example()), &prefix, &["a=1", "all:"])?;
    ensure!(printed.stdout.starts_with("elsewhere/a "), "{printed:?}");
    let text = [("STORAGE_STORES", "stores: {only: {type: Base64Store, base: memory}}")];
    let printed = composed.run(None, &text, &["a=1", "only:", "a"])?;
    ensure!(printed.well && printed.stdout.ends_with("\n1\n"), "{printed:?}");
    Ok(())
}

#[test]
fn a_configuration_that_can_t_be_used_says_what_to_do() -> Result<()> {
    let composed = Composed::application()?;
    for (text, wanted) in [
        ("", "STORAGE_STORES"),
        ("stores: [", "the configuration"),
        ("stores: {a: {type: Nothing, base: memory}}", "there is no store type"),
        ("stores: {a: {type: GzipStore, base: a}}", "stand on each other"),
        ("stores: {a: {type: GzipStore}}", "is the name of a store"),
        ("stores: {a: {type: MirroringStore, base: memory}}", "a list of names"),
        ("stores: {a: {type: GzipStore, base: memory, lvl: 1}}", "there is no"),
        ("stores: {a: {type: GzipStore, base: memory, config: {lvl: 1}}}", "lvl"),
        (
            "stores: {a: {type: PrefixStore, base: memory, config: {prefix: '${X}'}}}",
            "X is not set",
        ),
        ("{stores: {a: {type: GzipStore, base: memory}}, main: b}", "there is no store"),
        ("{stores: {a: {type: GzipStore, base: memory}}, plugins: {}}", "plugins"),
    ] {
        // An empty variable would mean an empty configuration.
        let variables = [("STORAGE_STORES", text)];
        let variables = if text.is_empty() { &[][..] } else { &variables };
        let printed = composed.run(None, variables, &["key"])?;
        ensure!(!printed.well && printed.stderr.contains(wanted), "{text}: {printed:?}");
    }
    Ok(())
}

#[test]
fn what_a_mebibyte_costs_is_printed() -> Result<()> {
    let [stores, memory] = Composed::measures()?;
    let config = [("STORAGE_STORES", "stores: {a: {type: IdentityStore, base: memory}}")];
    let through = stores.run(None, &config, &["main"])?;
    let alone = memory.run(None, &[], &["memory"])?;
    ensure!(through.stdout.starts_with("put ") && alone.stdout.starts_with("put "), "{through:?}");
    println!("1 MiB, through glue and decorators: {}", through.stdout.trim());
    println!("1 MiB, memory alone: {}", alone.stdout.trim());
    Ok(())
}
