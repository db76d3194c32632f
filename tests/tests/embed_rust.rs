//! The component in a Rust program, with wasmtime and nothing of the host.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use storage_core::chain::Node;
use storage_tests::artifacts::{self, BARE, CASES};
use storage_tests::embedded::{Embedding, all_cases};
use storage_tests::recorded::Cases;

fn embedded() -> Result<(Embedding, Cases)> {
    let directory = artifacts::directory()?;
    let cases = serde_json::from_slice(&std::fs::read(directory.join(CASES))?)?;
    Ok((Embedding::new(&directory.join(BARE))?, cases))
}

#[test]
fn the_shared_cases_hold_in_a_rust_program() -> Result<()> {
    let (embedding, cases) = embedded()?;
    let passed = all_cases(&embedding, &cases)?;
    ensure!(passed > 3_000, "only {passed} cases were there");
    Ok(())
}

#[test]
fn chains_that_are_described_wrongly_are_refused() -> Result<()> {
    let (embedding, cases) = embedded()?;
    let given = HashMap::from([("memory-0".to_owned(), Default::default())]);
    ensure!(cases.refused.len() > 10, "there are {}", cases.refused.len());
    for refused in &cases.refused {
        let nodes: Vec<Node> = refused.nodes.iter().map(Node::from).collect();
        let built = embedding.build(&nodes, &given)?;
        let error = built.err().with_context(|| format!("{} was built", refused.name))?;
        ensure!(error.code() == refused.error, "{} gave {error:?}", refused.name);
    }
    Ok(())
}
