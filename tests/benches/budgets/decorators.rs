//! Every decorator natively and in wasm: the same chain and bytes, in alternating turns
//! of one process.

use crate::Bench;
use bytes::Bytes;
use std::collections::HashMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_conformance::subject::Subject;
use storage_contract::types::*;
use storage_host::backends::memory::Memory;
use storage_host::engine::{Chain, HostServices};
use storage_host::store::{ObjectStore, SharedStore};
use storage_tests::chains::Plan;
use storage_tests::figures::{self, print_head, print_row};
use storage_tests::kinds::{self, Beside, Entry};

/// The least duration of a turn.
const TURN: Duration = Duration::from_millis(10);

/// The number of objects to list, in one page.
const LISTED: usize = 100;

const SIZES: [(usize, &str); 3] = [(100, "100 B"), (64 * 1024, "64 KiB"), (1024 * 1024, "1 MiB")];

#[derive(Clone, Copy)]
enum Operation {
    Put,
    Get,
    Exists,
    List,
}

/// One decorator, native and in wasm, and an object that both hold.
struct Pair<'a> {
    bench: &'a Bench,
    native: Subject,
    wasm: Chain,
    /// The base of the chain in wasm.
    base: SharedStore,
    entry: &'static Entry,
    key: String,
    data: Bytes,
}

impl Bench {
    pub fn decorators(&self, rounds: usize) {
        println!("### Every decorator\n\nThe native speed of what takes the time in brackets in");
        println!("wasm, medians of {rounds} rounds: 1 where the sandbox costs nothing, 0.5 where");
        println!("it takes as long again. Over a store in memory; the same JSON text for all.\n");
        let each =
            SIZES.iter().flat_map(|(_, size)| [format!("put {size}"), format!("get {size}")]);
        print_head(each.chain(["exists".to_owned(), format!("list {LISTED}")]));
        for entry in kinds::entries().unwrap() {
            if figures::is_wanted(entry.kind) {
                self.decorator(entry, rounds);
            }
        }
    }

    fn decorator(&self, entry: &'static Entry, rounds: usize) {
        let mut pair = Pair::new(self, entry);
        let mut fields = Vec::new();
        for (size, _) in SIZES {
            pair.data = content(size);
            pair.prepare(&pair.key);
            fields.extend([Operation::Put, Operation::Get].map(|what| pair.field(what, rounds)));
        }
        fields.push(pair.field(Operation::Exists, rounds));
        let pair = Pair::new(self, entry);
        (0..LISTED).for_each(|i| pair.prepare(&format!("{}-{i:03}", pair.key)));
        fields.push(pair.field(Operation::List, rounds));
        match entry.variant {
            "" => print_row(entry.kind, fields),
            variant => print_row(format!("{}, {variant}", entry.kind), fields),
        }
    }
}

impl<'a> Pair<'a> {
    fn new(bench: &'a Bench, entry: &'static Entry) -> Self {
        let plan = Plan::new(&[entry]).unwrap();
        let native = plan.native().unwrap();
        let names = plan.base_names();
        let bases: HashMap<String, SharedStore> = names
            .iter()
            .map(|name| (name.clone(), Arc::new(Memory::new()) as SharedStore))
            .collect();
        let base = bases[&names[0]].clone();
        let chain = bench.engine.chain(plan.nodes().to_vec(), bases, HostServices::silent());
        let wasm = bench.runtime.block_on(chain).unwrap().without_locating();
        let key = native.key("some/folder/object");
        Self { bench, native, wasm, base, entry, key, data: content(100) }
    }

    /// Writes an object to both, bypassing a decorator that refuses writes.
    fn prepare(&self, key: &str) {
        self.native.beside.put(key, &self.data, &PutOptions::default()).unwrap();
        let wasm: &dyn ObjectStore = match self.entry.beside {
            Beside::Itself => &self.wasm,
            Beside::Base => &*self.base,
        };
        let put = wasm.put(key, self.data.clone(), PutOptions::default());
        self.bench.runtime.block_on(put).unwrap();
    }

    /// A table field; empty if the decorator refuses the operation.
    fn field(&self, what: Operation, rounds: usize) -> String {
        let native = |calls| self.native(what, calls);
        let wasm = |calls| self.bench.runtime.block_on(self.wasm(what, calls));
        match (native(1), wasm(1)) {
            (Err(Error::Unsupported(_)), Err(Error::Unsupported(_))) => return String::new(),
            (native, wasm) => native.and(wasm).unwrap(),
        };
        let calls = (enough(native), enough(wasm));
        let mut taken = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            taken.0.push(native(calls.0).unwrap().as_secs_f64() / f64::from(calls.0));
            taken.1.push(wasm(calls.1).unwrap().as_secs_f64() / f64::from(calls.1));
        }
        let ratio = figures::ratio(figures::median_ratio(&taken.0, &taken.1));
        format!("{ratio} ({})", time(figures::median(&taken.1).unwrap()))
    }

    fn native(&self, what: Operation, calls: u32) -> Result<Duration> {
        let store = &*self.native.store;
        let start = Instant::now();
        for _ in 0..calls {
            match what {
                Operation::Put => {
                    black_box(store.put(&self.key, &self.data, &PutOptions::default())?);
                }
                Operation::Get => {
                    black_box(store.get(&self.key, &ReadOptions::default())?);
                }
                Operation::Exists => assert!(store.exists(&self.key)?),
                Operation::List => {
                    let page = store.list(&ListOptions::default())?;
                    assert_eq!(page.entries.len(), LISTED);
                }
            }
        }
        Ok(start.elapsed())
    }

    async fn wasm(&self, what: Operation, calls: u32) -> Result<Duration> {
        let store = &self.wasm;
        let start = Instant::now();
        for _ in 0..calls {
            match what {
                Operation::Put => {
                    let put = store.put(&self.key, self.data.clone(), PutOptions::default());
                    black_box(put.await?);
                }
                Operation::Get => {
                    black_box(store.get(&self.key, ReadOptions::default()).await?);
                }
                Operation::Exists => assert!(store.exists(&self.key).await?),
                Operation::List => {
                    let page = store.list(ListOptions::default()).await?;
                    assert_eq!(page.entries.len(), LISTED);
                }
            }
        }
        Ok(start.elapsed())
    }
}

/// The number of calls per turn.
fn enough(turn: impl Fn(u32) -> Result<Duration>) -> u32 {
    let mut calls = 1u32;
    while turn(calls).unwrap() < TURN {
        calls = calls.saturating_mul(2);
    }
    calls
}

/// A JSON text of this size: an array of strings like log lines.
fn content(size: usize) -> Bytes {
    let lines = crate::text(size);
    let lines = String::from_utf8_lossy(&lines);
    let mut json = String::from("[\"");
    json.push_str(&lines.trim_end().replace('\n', "\", \""));
    json.truncate(size - 2);
    // The cut may be between two strings: extend the last one.
    json.truncate(json.trim_end_matches(['"', ',', ' ']).len());
    json.push_str(&"x".repeat(size - 2 - json.len()));
    json.push_str("\"]");
    json.into()
}

fn time(seconds: f64) -> String {
    match seconds {
        _ if seconds < 1e-5 => format!("{:.1} µs", seconds * 1e6),
        _ if seconds < 1e-3 => format!("{:.0} µs", seconds * 1e6),
        _ => format!("{:.1} ms", seconds * 1e3),
    }
}
