//! Objects that a chain leaves alone: the host gets them from the backend, at the place
//! that the chain names.

use crate::{Bench, MIB, time_async};
use anyhow::{Context, Result};
use bytes::Bytes;
use std::hint::black_box;
use std::sync::Arc;
use storage_contract::chain::{Base, Node};
use storage_contract::types::*;
use storage_host::backends::memory::Memory;
use storage_host::backends::{BACKENDS, OpenArgs};
use storage_host::store::{ObjectStore, SharedStore};
use storage_tests::figures::{self, print_head, print_row};

/// The chain, from the bottom.
const CHAIN: [(&str, &str); 4] = [
    ("PrefixStore", r#"{"prefix":"objects/"}"#),
    ("UrlEncodingStore", "{}"),
    ("IdentityStore", "{}"),
    ("KeyValidatingStore", r#"{"validators":[{"max_bytes":1024},{"no_control":true}]}"#),
];

impl Bench {
    pub fn located_objects(&self) -> Result<()> {
        println!(
            "\n### Objects that a chain leaves alone\n\nGets through PrefixStore, UrlEncodingStore,"
        );
        println!("IdentityStore and KeyValidatingStore beside the bare backend: the time of a");
        println!("get with one copy of its bytes, and the ratio of the speeds.\n");
        print_head(["backend", "chain", "ratio", "more", "budget"]);
        let directory = tempfile::tempdir()?;
        let files = BACKENDS.iter().find(|backend| backend.name == "FilesystemStore");
        let files = self.runtime.block_on((files.context("no files")?.open)(OpenArgs {
            name: "files".to_owned(),
            config: serde_json::json!({"root_path": directory.path().join("root")}),
            directory: directory.path().to_owned(),
            create: true,
            check: None,
        }))?;
        for (name, backend) in
            [("memory", Arc::new(Memory::new()) as SharedStore), ("files", files)]
        {
            let chain = self.located(nodes(), backend.clone());
            for (size, label, budget) in [(100, "100 B", "≤ 1.5 µs more"), (MIB, "1 MiB", "≥ 0.9")]
            {
                let data = Bytes::from(vec![7; size]);
                self.runtime.block_on(chain.put("a key", data, PutOptions::default()))?;
                // In turns: files are a matter of the machine's mood.
                let (mut bare, mut through) = (f64::MAX, f64::MAX);
                for _ in 0..2 {
                    bare = bare.min(self.get(&*backend, "objects/a%20key"));
                    through = through.min(self.get(&chain, "a key"));
                }
                let us = |seconds: f64| format!("{:.2} µs", seconds * 1e6);
                let ratio = figures::ratio(Some(bare / through));
                print_row(
                    format!("get {label}, {name}"),
                    [us(bare), us(through), ratio, us(through - bare), budget.to_owned()],
                );
            }
        }
        Ok(())
    }

    fn get(&self, store: &dyn ObjectStore, key: &str) -> f64 {
        self.runtime.block_on(time_async(async || {
            let (_, data) = store.get(key, ReadOptions::default()).await.unwrap();
            // A store in memory gives shared bytes; whoever uses them reads them at least.
            black_box(data.to_vec());
        }))
    }
}

fn nodes() -> Vec<Node> {
    let node = |(i, (kind, config)): (u32, (&str, &str))| Node {
        name: format!("node-{i}"),
        kind: kind.to_owned(),
        config: config.to_owned(),
        bases: vec![match i.checked_sub(1) {
            None => Base::Name("base".to_owned()),
            Some(below) => Base::Node(below),
        }],
    };
    (0..).zip(CHAIN).map(node).collect()
}
