//! The artifacts for embedders are what they claim to be, and the cases as data match
//! the suite.

use anyhow::{Context, Result, ensure};
use std::fs;
use storage_tests::artifacts::{self, BARE, CASES, COMPONENT, CORE};
use storage_tests::chains::plans;
use storage_tests::recorded::make::make;
use storage_tests::recorded::replay::replay;
use storage_tests::recorded::{Call, Cases, data};
use wit_component::DecodedWasm;

fn cases() -> Result<Cases> {
    Ok(serde_json::from_slice(&fs::read(artifacts::directory()?.join(CASES))?)?)
}

/// The names of a component's imports.
fn imports(component: &[u8]) -> Result<Vec<String>> {
    let decoded = wit_component::decode(component).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let DecodedWasm::Component(resolve, world) = decoded else {
        anyhow::bail!("this is no component")
    };
    let world = &resolve.worlds[world];
    Ok(world.imports.keys().map(|key| resolve.name_world_key(key)).collect())
}

#[test]
fn the_bare_component_imports_nothing_but_the_contract() -> Result<()> {
    let directory = artifacts::directory()?;
    let ours = |name: &String| name.starts_with("storage:object-store/");
    let bare = imports(&fs::read(directory.join(BARE))?)?;
    // object-store with types, observer, coordinator and request-context.
    ensure!(bare.len() == 5 && bare.iter().all(ours), "it imports {bare:?}");
    let wasi = imports(&fs::read(directory.join(COMPONENT))?)?;
    ensure!(bare.iter().all(|name| wasi.contains(name)), "it imports {wasi:?}");
    let others: Vec<_> = wasi.iter().filter(|name| !ours(name)).collect();
    let harmless = |name: &&&String| name.starts_with("wasi:") && name.contains("@0.2.");
    ensure!(others.iter().filter(harmless).count() == others.len(), "it imports {others:?}");
    ensure!(fs::read(directory.join(CORE))?.starts_with(b"\0asm\x01\0\0\0"), "no core module");
    Ok(())
}

#[test]
fn the_cases_are_the_same_each_time_and_few_bytes() -> Result<()> {
    let file = fs::read(artifacts::directory()?.join(CASES))?;
    ensure!(serde_json::to_vec(&make()?)? == file, "they differ from one time to the next");
    ensure!(file.len() < 4 << 20, "{} bytes", file.len());
    Ok(())
}

#[test]
fn the_recorded_cases_hold_over_the_host() -> Result<()> {
    let cases = cases()?;
    let data = data::all(&cases.data)?;
    for chain in &cases.chains {
        for case in &chain.cases {
            let case = cases.cases.get(*case).context("a case is missing")?;
            replay(case, &data, &chain.sandboxed()?).context(chain.name.clone())?;
        }
    }
    Ok(())
}

#[test]
fn a_wrong_answer_to_any_step_is_noticed() -> Result<()> {
    let cases = cases()?;
    let data = data::all(&cases.data)?;
    let (name, plan) = plans(0, 0)?.swap_remove(0);
    let chain = cases.chains.iter().find(|chain| chain.name == name).context("no such chain")?;
    let mut changed = 0;
    for case in &chain.cases {
        let case = cases.cases.get(*case).context("a case is missing")?;
        // The first steps and the last: checking all of them would take minutes.
        for at in (0..case.steps.len().min(4)).chain(case.steps.len().checked_sub(2)) {
            let mut wrong = case.clone();
            let step = &mut wrong.steps[at];
            let asks = !matches!(
                step.call,
                Call::DropReader { .. }
                    | Call::DropWriter { .. }
                    | Call::Snapshot { .. }
                    | Call::Capabilities { .. }
                    | Call::Info { .. }
            );
            if !asks || step.error.as_deref() == Some("limit-exceeded") {
                continue;
            }
            step.error = match step.error {
                None => Some("permission-denied".to_owned()),
                Some(_) => None,
            };
            ensure!(replay(&wrong, &data, &plan.native()?).is_err(), "{}, step {at}", case.name);
            changed += 1;
        }
    }
    ensure!(changed > 200, "only {changed} steps were changed");
    Ok(())
}
