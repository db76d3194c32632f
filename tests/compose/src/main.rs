//! `compose OUT SOCKET PLUG…` composes components like `wac plug SOCKET --plug PLUG… -o
//! OUT`, with the same library function.

use anyhow::{Context, Result};
use std::path::PathBuf;
use wac_graph::types::Package;
use wac_graph::{CompositionGraph, EncodeOptions};

fn main() -> Result<()> {
    let mut files = std::env::args_os().skip(1).map(PathBuf::from);
    let out = files.next().context("usage: compose OUT SOCKET PLUG…")?;
    let mut graph = CompositionGraph::new();
    let mut packages = Vec::new();
    for (number, file) in files.enumerate() {
        let bytes = std::fs::read(&file).with_context(|| file.display().to_string())?;
        let package = Package::from_bytes(&format!("p{number}"), None, bytes, graph.types_mut())
            .with_context(|| file.display().to_string())?;
        packages.push(graph.register_package(package)?);
    }
    let (socket, plugs) = packages.split_first().context("there is no socket")?;
    wac_graph::plug(&mut graph, plugs.to_vec(), *socket)?;
    std::fs::write(&out, graph.encode(EncodeOptions::default())?)
        .with_context(|| out.display().to_string())
}
