//! The component in a Rust program, with wasmtime and without the host.

use anyhow::{Context, Result, ensure};
use std::collections::HashMap;
use storage_contract::chain::Node;
use storage_tests::artifacts::{self, BARE, CASES};
use storage_tests::embedded::Embedding;
use storage_tests::recorded::{Cases, replay};

fn embedded() -> Result<(Embedding, Cases)> {
    let directory = artifacts::directory()?;
    let cases = serde_json::from_slice(&std::fs::read(directory.join(CASES))?)?;
    Ok((Embedding::new(&directory.join(BARE))?, cases))
}

#[test]
fn the_shared_cases_hold_in_a_rust_program() -> Result<()> {
    let (embedding, cases) = embedded()?;
    let passed = replay::all(&cases, |chain| embedding.subject(chain))?;
    ensure!(passed > 3_000, "only {passed} cases were there");
    Ok(())
}

#[test]
fn the_example_stores_compressed_objects_under_a_prefix() -> Result<()> {
    let mut out = Vec::new();
    embed_rust::example::run(&artifacts::directory()?.join(BARE), &mut out)?;
    let told = String::from_utf8(out)?;
    let mut lines = told.lines();
    let read = lines.next().context("it says nothing")?;
    ensure!(read.starts_with("read 1000 bytes, etag "), "{told}");
    let kept = lines.next().and_then(|line| line.strip_prefix("kept notes/today in "));
    let size = kept.and_then(|rest| rest.strip_suffix(" bytes")).context(told.clone())?;
    ensure!((10..200).contains(&size.parse::<u32>()?) && lines.next().is_none(), "{told}");
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
