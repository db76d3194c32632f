//! Runs every conformance case on every store, as one list of tests.
//!
//! Random parts follow from a seed, which is printed; `STORAGE_TEST_SEED` sets it.

use anyhow::{Context, Result};
use libtest_mimic::{Arguments, Failed, Trial};
use std::collections::BTreeMap;
use std::process::ExitCode;
use storage_conformance::subject::Maker;
use storage_conformance::{cases, locating, model};
use storage_contract::types::Capabilities;
use storage_tests::{backends, chains, transformers};

const SEED: u64 = 20_261_123;

/// The number of random chains.
const CHAINS: usize = 10;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    match trials(!arguments.list) {
        Ok(trials) => libtest_mimic::run(&arguments, trials).exit_code(),
        Err(error) => {
            eprintln!("the conformance suite can't start: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn trials(tell: bool) -> Result<Vec<Trial>> {
    let seed = match std::env::var("STORAGE_TEST_SEED") {
        Ok(text) => text.parse().context("STORAGE_TEST_SEED is not a number")?,
        Err(_) => SEED,
    };
    let mut makers = backends::all()?;
    makers.extend(chains::decorators()?);
    makers.extend(chains::random(seed, CHAINS)?);
    makers.extend(transformers::all());
    makers.extend(backends::described());

    let mut trials = Vec::new();
    for maker in backends::located()? {
        trials.push(Trial::test(format!("{}::{}", maker.name, locating::NAME), move || {
            let count = (maker.make)().and_then(|subject| locating::run(&subject));
            if count.map_err(report)? == 0 { Err("it located nothing".into()) } else { Ok(()) }
        }));
    }
    let mut counts = BTreeMap::new();
    let mut matrix = Vec::new();
    for maker in makers {
        for (case, why) in maker.server.iter().filter(|_| tell) {
            println!("left out, the server fails it: {}::{case}: {why}", maker.name);
        }
        let before = trials.len();
        match (maker.make)() {
            Ok(subject) => {
                let beside = subject.beside.capabilities();
                let locates = subject.located.is_some();
                pick(&mut trials, &maker, subject.settled(), beside, locates, seed);
            }
            Err(error) => trials.push(Trial::test(format!("{}::opens", maker.name), move || {
                Err(Failed::from(format!("{error:#}")))
            })),
        }
        if let (Some(backend), Some(added)) =
            (maker.name.strip_prefix("backend/"), trials.get(before..))
        {
            let names = added.iter().filter_map(|trial| trial.name().rsplit("::").next());
            matrix.push((backend.to_owned(), names.map(str::to_owned).collect()));
        }
        counts.insert(maker.name, trials.len() - before);
    }
    if tell {
        println!("seed {seed}, {} cases; what applies, store by store:", cases::all().count() + 1);
        for (name, count) in &counts {
            println!("  {count:3}  {name}");
        }
        print_matrix(&matrix);
        println!("  {} in all, over {} stores", trials.len(), counts.len());
    }
    Ok(trials)
}

/// Prints which cases run on which backends.
fn print_matrix(backends: &[(String, Vec<String>)]) {
    println!(
        "  backends by case (x: runs; -: the backend does not declare what it needs, or its server fails it):"
    );
    for (number, (name, _)) in (b'A'..).zip(backends) {
        println!("    {}  {name}", char::from(number));
    }
    let letters: String =
        (b'A'..).zip(backends).map(|(n, _)| format!(" {}", char::from(n))).collect();
    println!("   {letters}");
    let cases = cases::all().map(|case| case.name).chain([MODEL]);
    for case in cases {
        let runs = |(_, names): &(String, Vec<String>)| names.iter().any(|name| name == case);
        let marks: String = backends.iter().map(|b| if runs(b) { " x" } else { " -" }).collect();
        println!("   {marks}  {case}");
    }
}

/// The test with random operations, which is not one of the cases.
const MODEL: &str = "test_model_random_operations";

/// Adds every case that applies to a store with these capabilities.
fn pick(
    trials: &mut Vec<Trial>,
    maker: &Maker,
    capabilities: Capabilities,
    beside: Capabilities,
    locates: bool,
    seed: u64,
) {
    let left_out = |name: &str| maker.server.iter().any(|(case, _)| *case == name);
    let applies = |case: &&cases::Case| (case.applies)(capabilities, beside);
    for case in cases::all().filter(applies).filter(|case| !left_out(case.name)) {
        let make = maker.make.clone();
        trials.push(Trial::test(format!("{}::{}", maker.name, case.name), move || {
            let subject = make().map_err(report)?;
            (case.run)(&subject).map_err(report)
        }));
    }
    if locates {
        let (make, name) = (maker.make.clone(), format!("{}::{}", maker.name, locating::NAME));
        trials.push(Trial::test(name, move || {
            let subject = make().map_err(report)?;
            locating::run(&subject).map(drop).map_err(report)
        }));
    }
    if model::applies(capabilities) && !left_out(MODEL) {
        let maker = maker.clone();
        let name = format!("{}::{MODEL}", maker.name);
        trials.push(Trial::test(name, move || model::run(&maker, seed).map_err(report)));
    }
}

fn report(error: anyhow::Error) -> Failed {
    Failed::from(format!("{error:#}"))
}
