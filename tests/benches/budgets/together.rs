//! Concurrent calls: independent requests use separate instances, and as many run in
//! parallel as there are processors.

use crate::{Bench, nodes, text};
use bytes::Bytes;
use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_contract::types::*;
use storage_host::backends::memory::Memory;
use storage_host::engine::HostServices;
use storage_host::store::SharedStore;
use storage_tests::figures::{self, print_head, print_row};

const AT_ONCE: [usize; 4] = [1, 2, 16, 64];
/// The duration of one measurement.
const TURN: Duration = Duration::from_millis(200);

impl Bench {
    pub fn together(&self, rounds: usize) {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        println!("\n### Calls at once\n\nHow many are answered in a second, in {workers} threads,");
        println!("beside one at a time; medians of {rounds} rounds.\n");
        print_head(AT_ONCE.map(|count| match count {
            1 => "1".to_owned(),
            count => format!("{count} at once"),
        }));
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        for (kind, size, label) in [
            ("IdentityStore", 100, "get 100 B, IdentityStore"),
            ("IdentityStore", 64 * 1024, "get 64 KiB, IdentityStore"),
            ("GzipStore", 100, "get 100 B, GzipStore"),
            ("GzipStore", 64 * 1024, "get 64 KiB, GzipStore"),
        ] {
            let bases: HashMap<_, SharedStore> =
                HashMap::from([("base".to_owned(), Arc::new(Memory::new()) as SharedStore)]);
            let chain = self.engine.chain(nodes(kind, "{}", 1), bases, HostServices::silent());
            let store: SharedStore = Arc::new(runtime.block_on(chain).unwrap().without_locating());
            runtime.block_on(store.put("k", text(size), PutOptions::default())).unwrap();
            let get = move || {
                let store = store.clone();
                async move { store.get("k", ReadOptions::default()).await.unwrap().1 }
            };
            let mut rates = AT_ONCE.map(|_| Vec::new());
            for _ in 0..rounds {
                for (count, rates) in AT_ONCE.into_iter().zip(&mut rates) {
                    rates.push(runtime.block_on(rate(count, get.clone())));
                }
            }
            let alone = rates[0].clone();
            print_row(
                label,
                rates.iter().zip(AT_ONCE).map(|(rates, count)| match count {
                    1 => format!("{:.0}/s", figures::median(rates).unwrap_or(0.0)),
                    _ => figures::ratio(figures::median_ratio(rates, &alone)),
                }),
            );
        }
    }
}

/// Calls per second with `count` in flight.
async fn rate<F>(count: usize, call: impl Fn() -> F + Clone + Send + Sync + 'static) -> f64
where
    F: Future<Output = Bytes> + Send + 'static,
{
    let start = Instant::now();
    let callers: Vec<_> = (0..count)
        .map(|_| {
            let call = call.clone();
            tokio::spawn(async move {
                let mut calls = 0u64;
                while start.elapsed() < TURN {
                    for _ in 0..16 {
                        drop(call().await);
                    }
                    calls += 16;
                    tokio::task::yield_now().await;
                }
                calls
            })
        })
        .collect();
    let mut calls = 0;
    for caller in callers {
        calls += caller.await.unwrap();
    }
    calls as f64 / start.elapsed().as_secs_f64()
}
