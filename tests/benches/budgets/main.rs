//! The cost of the sandbox: the same chains natively and in wasm, in one run.
//!
//! These are wall times on a possibly noisy machine: read the ratios, and take the
//! budgets as a guide. `cargo bench --workspace --bench budgets`, with any of
//!
//! - `-- decorators`, `together`, `ahead`, `start`, `instances`, `calls`, `located`,
//!   `streams`, `codecs` or `plugins`: groups of rows to measure; these come first;
//! - `--rounds N`: measurements per cell of the first two groups (default 15);
//! - `--only GzipStore,JsonStore`: decorators to measure.

mod ahead;
mod decorators;
mod endless;
mod located;
mod plugins;
mod start;
mod together;

use bytes::Bytes;
use endless::{CHUNK, Endless, zeroes};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_contract::chain::{Base, Node};
use storage_contract::env::Env;
use storage_contract::memory::Memory as NativeMemory;
use storage_contract::types::*;
use storage_host::backends::memory::Memory;
use storage_host::engine::{Chain, Engine, HostServices};
use storage_host::store::{self, ObjectStore};
use storage_tests::figures::{self, print_head, print_row};
use tokio::runtime::Runtime;

const MIB: usize = 1024 * 1024;
const GIB: u64 = 1 << 30;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // Everything that must be compiled is now in the cache.
    drop(Engine::new().unwrap());
    let start = Instant::now();
    let engine = Engine::new().unwrap();
    let ready = start.elapsed().as_secs_f64();
    let bench = Bench { runtime, engine };
    let wanted = figures::names();
    let run = |group: &str| wanted.is_empty() || wanted.iter().any(|name| name == group);
    if run("decorators") {
        bench.decorators(figures::rounds(15).unwrap());
    }
    if run("together") {
        bench.together(figures::rounds(15).unwrap());
    }
    if run("ahead") {
        bench.ahead(figures::rounds(15).unwrap().min(5)).unwrap();
    }
    if run("start") {
        bench.start().unwrap();
    }
    if run("located") {
        bench.located_objects().unwrap();
    }
    if ["instances", "calls", "streams", "codecs"].into_iter().any(run) {
        println!(
            "\n### Budgets\n\nThe ratio is the native speed of the same in wasm; each time is"
        );
        println!("the best of 1.5 seconds.\n");
        print_head(["native", "wasm", "ratio", "budget"]);
    }
    if run("instances") {
        alone("engine from a warm cache", format!("{:.1} ms", ready * 1e3), "≤ 50 ms");
        bench.instances();
    }
    if run("calls") {
        for decorators in [1, 5] {
            bench.calls(decorators);
        }
    }
    if run("streams") {
        bench.streams();
    }
    if run("codecs") {
        bench.codecs();
    }
    if run("plugins") {
        bench.plugins();
    }
}

struct Bench {
    runtime: Runtime,
    engine: Arc<Engine>,
}

fn nodes(kind: &str, config: &str, count: u32) -> Vec<Node> {
    let base = |i: u32| match i {
        0 => Base::Name("base".to_owned()),
        i => Base::Node(i - 1),
    };
    (0..count)
        .map(|i| Node {
            name: format!("node-{i}"),
            kind: kind.to_owned(),
            config: config.to_owned(),
            bases: vec![base(i)],
        })
        .collect()
}

fn native(
    nodes: &[Node],
    base: impl storage_contract::Store + 'static,
) -> storage_contract::SharedStore {
    let base: storage_contract::SharedStore = Rc::new(base);
    let built =
        storage_core::decorators::build(nodes, &Env::local(), |_| Ok(base.clone())).unwrap();
    built.last().unwrap().clone()
}

/// Seconds per call: the best of several rounds.
fn time(mut call: impl FnMut()) -> f64 {
    let mut best = f64::MAX;
    let mut rounds = 1u32;
    let end = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < end {
        let start = Instant::now();
        for _ in 0..rounds {
            call();
        }
        let taken = start.elapsed();
        best = best.min(taken.as_secs_f64() / f64::from(rounds));
        if taken < Duration::from_millis(50) {
            rounds = rounds.saturating_mul(2);
        }
    }
    best
}

/// Prints a row that has no native counterpart.
fn alone(what: &str, value: String, budget: &str) {
    print_row(what, [String::new(), value, String::new(), budget.to_owned()]);
}

fn row_time(what: &str, native: f64, wasm: f64, budget: &str) {
    let us = |seconds: f64| format!("{:.2} µs", seconds * 1e6);
    let ratio = figures::ratio(Some(native / wasm));
    print_row(what, [us(native), us(wasm), ratio, budget.to_owned()]);
}

fn row_rate(what: &str, bytes: f64, native: f64, wasm: f64, budget: &str) {
    let rate = |seconds: f64| format!("{:.0} MB/s", bytes / seconds / 1e6);
    let ratio = figures::ratio(Some(native / wasm));
    print_row(what, [rate(native), rate(wasm), ratio, budget.to_owned()]);
}

impl Bench {
    /// A chain that does every operation in the sandbox.
    fn wasm(&self, nodes: Vec<Node>, base: impl ObjectStore) -> Chain {
        self.located(nodes, Arc::new(base)).without_locating()
    }

    fn located(&self, nodes: Vec<Node>, base: store::SharedStore) -> Chain {
        let bases = HashMap::from([("base".to_owned(), base)]);
        self.runtime.block_on(self.engine.chain(nodes, bases, HostServices::silent())).unwrap()
    }

    fn instances(&self) {
        let nodes = nodes("IdentityStore", "{}", 5);
        let made = time(|| drop(self.wasm(nodes.clone(), Memory::new())));
        alone("instance with a chain of 5", format!("{:.1} µs", made * 1e6), "≤ 50 µs");
        let chain = self.wasm(nodes, Memory::new());
        let held = 200;
        self.runtime.block_on(async {
            chain.put("k", Bytes::from_static(b"data"), PutOptions::default()).await.unwrap();
            let before = resident();
            let mut readers = Vec::new();
            for _ in 0..held {
                readers.push(chain.read("k", ReadOptions::default()).await.unwrap());
            }
            let each = resident().saturating_sub(before) / held;
            alone("memory of an instance", format!("{each} KiB"), "≤ 64 KiB");
        });
    }

    fn calls(&self, decorators: u32) {
        let nodes = nodes("IdentityStore", "{}", decorators);
        let native = native(&nodes, NativeMemory::default());
        let wasm = self.wasm(nodes, Memory::new());
        let name = |what: &str| {
            format!("{what}, {decorators} decorator{}", if decorators == 1 { "" } else { "s" })
        };
        for (size, label, budget) in [
            (100, "get 100 B", "≤ 1.2 µs"),
            (64 * 1024, "get 64 KiB", "≤ 6 µs"),
            (MIB, "get 1 MiB", "≤ 150 µs"),
        ] {
            let data = vec![7u8; size];
            native.put("k", &data, &PutOptions::default()).unwrap();
            self.runtime.block_on(wasm.put("k", data.into(), PutOptions::default())).unwrap();
            let in_native = time(|| drop(native.get("k", &ReadOptions::default()).unwrap()));
            let in_wasm = self.runtime.block_on(async {
                time_async(async || drop(wasm.get("k", ReadOptions::default()).await.unwrap()))
                    .await
            });
            row_time(&name(label), in_native, in_wasm, budget);
        }
        let in_native = time(|| assert!(native.exists("k").unwrap()));
        let in_wasm =
            self.runtime.block_on(time_async(async || assert!(wasm.exists("k").await.unwrap())));
        row_time(&name("exists"), in_native, in_wasm, "≤ 1.2 µs");
    }

    fn streams(&self) {
        let nodes = nodes("IdentityStore", "{}", 1);
        let native = native(&nodes, Endless { size: GIB });
        let wasm = self.wasm(nodes, Endless { size: GIB });
        let (read, write) = (native_read(&*native), native_write(&*native, &zeroes(CHUNK), GIB));
        let wasm_read = self.runtime.block_on(async_read(&wasm));
        let wasm_write = self.runtime.block_on(async_write(&wasm, zeroes(CHUNK), GIB));
        row_rate("read 1 GiB in 256 KiB chunks", GIB as f64, read, wasm_read, "≥ 8 GB/s");
        row_rate("write 1 GiB in 256 KiB chunks", GIB as f64, write, wasm_write, "≥ 8 GB/s");
    }

    fn codecs(&self) {
        let data = text(64 * MIB);
        for (kind, config, what, write_budget, read_budget) in [
            ("GzipStore", r#"{"level":6}"#, "gzip level 6", "≥ 0.8", "≥ 0.6"),
            ("Base64Store", "{}", "base64", "≥ 2 GB/s", ""),
        ] {
            let nodes = nodes(kind, config, 1);
            let bytes = data.len() as u64;
            // Discard the bytes: growing an object in memory costs more than base64.
            let sink = Endless { size: 0 };
            let to_native = native(&nodes, sink);
            let to_wasm = self.wasm(nodes.clone(), sink);
            let in_native = native_write(&*to_native, &data, bytes);
            let in_wasm = self.runtime.block_on(async_write(&to_wasm, data.clone(), bytes));
            row_rate(&format!("{what}, write"), bytes as f64, in_native, in_wasm, write_budget);
            let from_native = native(&nodes, NativeMemory::default());
            let from_wasm = self.wasm(nodes, Memory::new());
            native_write(&*from_native, &data, bytes);
            self.runtime.block_on(async_write(&from_wasm, data.clone(), bytes));
            let in_native = native_read(&*from_native);
            let in_wasm = self.runtime.block_on(async_read(&from_wasm));
            row_rate(&format!("{what}, read"), bytes as f64, in_native, in_wasm, read_budget);
        }
    }
}

async fn time_async(call: impl AsyncFn()) -> f64 {
    let mut best = f64::MAX;
    let mut rounds = 1u32;
    let end = Instant::now() + Duration::from_millis(1500);
    while Instant::now() < end {
        let start = Instant::now();
        for _ in 0..rounds {
            call().await;
        }
        let taken = start.elapsed();
        best = best.min(taken.as_secs_f64() / f64::from(rounds));
        if taken < Duration::from_millis(50) {
            rounds = rounds.saturating_mul(2);
        }
    }
    best
}

fn native_read(store: &dyn storage_contract::Store) -> f64 {
    let start = Instant::now();
    let mut reader = store.read("k", &ReadOptions::default()).unwrap();
    while !reader.next(CHUNK).unwrap().is_empty() {}
    start.elapsed().as_secs_f64()
}

fn native_write(store: &dyn storage_contract::Store, data: &Bytes, bytes: u64) -> f64 {
    let start = Instant::now();
    let mut writer = store.write("k", &PutOptions::default()).unwrap();
    for chunk in chunks(data, bytes) {
        writer.push(&chunk).unwrap();
    }
    writer.finish(Trailer::default()).unwrap();
    start.elapsed().as_secs_f64()
}

async fn async_read(store: &dyn ObjectStore) -> f64 {
    let start = Instant::now();
    let mut reader = store.read("k", ReadOptions::default()).await.unwrap();
    while !reader.next(CHUNK).await.unwrap().is_empty() {}
    start.elapsed().as_secs_f64()
}

async fn async_write(store: &dyn ObjectStore, data: Bytes, bytes: u64) -> f64 {
    let start = Instant::now();
    let mut writer = store.write("k", PutOptions::default()).await.unwrap();
    for chunk in chunks(&data, bytes) {
        writer.push(chunk).await.unwrap();
    }
    writer.finish(Trailer::default()).await.unwrap();
    start.elapsed().as_secs_f64()
}

/// `bytes` bytes of `data` in chunks, repeated as needed.
fn chunks(data: &Bytes, bytes: u64) -> impl Iterator<Item = Bytes> {
    let pieces = data.len().div_ceil(CHUNK);
    (0..usize::try_from(bytes).unwrap().div_ceil(CHUNK)).map(move |i| {
        let start = i % pieces * CHUNK;
        data.slice(start..data.len().min(start + CHUNK))
    })
}

/// Text like a log: repeating words, varying numbers.
fn text(size: usize) -> Bytes {
    let mut out = Vec::with_capacity(size + 64);
    let mut seed = 1u64;
    while out.len() < size {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let words = ["request", "answered", "refused", "cached", "listed", "stored"];
        let word = words[(seed >> 33) as usize % words.len()];
        out.extend_from_slice(format!("{:x} {word} {}\n", seed >> 20, seed >> 55).as_bytes());
    }
    out.truncate(size);
    out.into()
}

/// This process's unshared memory in KiB; instances share one mapped image.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with("RssAnon:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|kib| kib.parse().ok()).unwrap_or(0)
}
