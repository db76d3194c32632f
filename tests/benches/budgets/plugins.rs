//! The cost of a plug-in: a pack in its own instance, which the host connects, and a
//! transformer with the host's adapter. The column `native` shows the backend below
//! them.

use crate::endless::Endless;
use crate::endless::{CHUNK, zeroes};
use crate::{Bench, GIB, async_read, async_write, nodes, row_rate, row_time, time_async};
use bytes::Bytes;
use std::collections::HashMap;
use std::sync::Arc;
use storage_contract::types::*;
use storage_host::backends::memory::Memory;
use storage_host::config::{PluginDef, PluginLimits};
use storage_host::engine::{DECORATORS, HostServices, Plugin};
use storage_host::store::SharedStore;
use storage_tests::figures::print_head;
use storage_tests::transformers;

/// Creates a plug-in's store over a base.
type Make = fn(&Bench, SharedStore) -> SharedStore;

impl Bench {
    /// The built-in decorators, loaded as a plug-in.
    fn pack(&self, base: SharedStore) -> SharedStore {
        let directory = tempfile::tempdir().unwrap();
        let component = directory.path().join("pack.wasm");
        std::fs::write(&component, DECORATORS).unwrap();
        let def = PluginDef::new("pack", component, PluginLimits::default());
        let plugin = Plugin::load(def, HostServices::silent().observer).unwrap();
        let bases = HashMap::from([("base".to_owned(), base)]);
        let chain = plugin.chain(nodes("IdentityStore", "{}", 1), bases);
        Arc::new(self.runtime.block_on(chain).unwrap().without_locating())
    }

    fn transformer(&self, config: &str, base: SharedStore) -> SharedStore {
        self.runtime.block_on(transformers::open(config, base)).unwrap()
    }

    pub fn plugins(&self) {
        let sealed = r#"{"as":"sealed"}"#;
        let kinds: [(&str, Make); 4] = [
            ("pack", |bench, base| bench.pack(base)),
            ("transformer, nothing", |bench, base| bench.transformer(r#"{"as":"nothing"}"#, base)),
            ("transformer, keys", |bench, base| bench.transformer(r#"{"as":"keys"}"#, base)),
            ("transformer, sealed chunks", |bench, base| {
                bench.transformer(r#"{"as":"sealed"}"#, base)
            }),
        ];
        println!(
            "\n### Plug-ins\n\nBeside each, under \"native\", is the backend that it stands on.\n"
        );
        print_head(["native", "plug-in", "ratio", "budget"]);
        for (what, make) in kinds {
            let base: SharedStore = Arc::new(Memory::new());
            let store = make(self, base.clone());
            for (size, label, budget) in
                [(100, "get 100 B", "≤ 2 µs"), (64 * 1024, "get 64 KiB", "≤ 2 µs + copy")]
            {
                let data = Bytes::from(vec![7u8; size]);
                let put = |store: &SharedStore, data: &Bytes| {
                    let done = store.put("k", data.clone(), PutOptions::default());
                    self.runtime.block_on(done).unwrap();
                };
                let get = |store: &SharedStore| {
                    let store = store.clone();
                    self.runtime.block_on(time_async(async move || {
                        drop(store.get("k", ReadOptions::default()).await.unwrap());
                    }))
                };
                put(&base, &data);
                let beside = get(&base);
                put(&store, &data);
                row_time(&format!("{label}, {what}"), beside, get(&store), budget);
            }
        }
        let base = || Arc::new(Endless { size: GIB }) as SharedStore;
        let pack = self.pack(base());
        let read = self.runtime.block_on(async_read(&*base()));
        let through = self.runtime.block_on(async_read(&*pack));
        row_rate("read 1 GiB in 256 KiB chunks, pack", GIB as f64, read, through, "≥ 8 GB/s");
        let bytes = GIB / 8;
        let store = self.transformer(sealed, Arc::new(Memory::new()));
        let direct: SharedStore = Arc::new(Memory::new());
        let data = zeroes(CHUNK);
        let beside = self.runtime.block_on(async_write(&*direct, data.clone(), bytes));
        let write = self.runtime.block_on(async_write(&*store, data, bytes));
        row_rate("write 128 MiB, transformer, sealed chunks", bytes as f64, beside, write, "");
        let beside = self.runtime.block_on(async_read(&*direct));
        let read = self.runtime.block_on(async_read(&*store));
        row_rate("read 128 MiB, transformer, sealed chunks", bytes as f64, beside, read, "");
    }
}
