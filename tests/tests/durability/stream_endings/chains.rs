//! Decorators over an object that ends wrongly: natively, in the sandbox, and as
//! plug-ins.

use super::{block, empty, is_empty};
use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use std::collections::HashMap;
use std::slice::from_ref;
use std::sync::Arc;
use storage_conformance::cases::bytes;
use storage_conformance::subject::Dialect;
use storage_contract::chain::{Base, Node};
use storage_contract::env::Env;
use storage_contract::kind::BaseShape;
use storage_contract::source::Source as CoreSource;
use storage_core::decorators::build;
use storage_host::Objects;
use storage_host::backends::memory::Memory;
use storage_host::blocking::{Blocking, runtime};
use storage_host::engine::HostServices;
use storage_host::store::{Error, ObjectStore, PutOptions, ReadOptions, SharedStore};
use storage_host::transfer::{Control, Copy, Endpoint, Mv, copy, mv};
use storage_tests::ill::{Ending, Ill};
use storage_tests::kinds::{Beside, Entry, entries};
use storage_tests::transformers;

/// Sizes that take one chunk in every stream; one here and several elsewhere; and
/// several, where a cache fetches at once only up to 1 MiB.
const CHAINED: [usize; 3] = [10, 200_000, 1_300_000];

/// A cache that fetches every object completely before it serves any part.
const AT_ONCE: Entry = Entry {
    kind: "CachingStore",
    variant: "at once",
    config: r#"{"at_once":4000000}"#,
    dialect: Dialect::PLAIN,
    composes: true,
    beside: Beside::Itself,
};

/// Every kind of decorator, natively.
#[test]
fn no_decorator_makes_a_whole_object_of_it_or_keeps_one() -> Result<()> {
    let runtime = runtime()?;
    for entry in entries()?.into_iter().chain([&AT_ONCE]) {
        for ending in Ending::ILL {
            for size in CHAINED {
                for range in [true, false] {
                    let chain = Chain::new(entry, size, range)?;
                    let open = |name: &str| {
                        let store = chain.bases.get(name).ok_or(Error::NotFound)?;
                        Ok(Blocking::shared(&runtime, store.clone()))
                    };
                    let built = build(from_ref(&chain.node), &Env::local(), open)?;
                    let store = built.last().context("a store")?;
                    if !store.capabilities().read {
                        continue;
                    }
                    let key = chain.key.as_str();
                    if store.capabilities().write {
                        let mut writer = store.write(key, &PutOptions::default())?;
                        writer.push(&chain.data)?;
                        writer.finish(Default::default())?;
                    } else {
                        let data = chain.data.clone().into();
                        block(chain.ill.memory.put(key, data, PutOptions::default()))?;
                    }
                    // Forget whatever the write left in a cache.
                    let built = build(from_ref(&chain.node), &Env::local(), open)?;
                    let store = built.last().context("a store")?;
                    chain.forget();
                    let read = || {
                        let options = ReadOptions::default();
                        let source = CoreSource::new(store.read(key, &options)?, None);
                        source.collect(u64::MAX).map(|(_, data)| data)
                    };
                    let streamed = || {
                        let mut reader = store.read(key, &ReadOptions::default())?;
                        let mut data = Vec::new();
                        while data.len() < chain.data.len() {
                            let chunk = reader.next(64 * 1024)?;
                            if chunk.is_empty() {
                                break;
                            }
                            data.extend(chunk);
                        }
                        Ok::<_, Error>(data)
                    };
                    let get = || store.get(key, &ReadOptions::default()).map(|(_, data)| data);
                    let what =
                        || format!("{} {}, {ending:?}, {size}, {range}", entry.kind, entry.variant);
                    chain.ill.end(ending);
                    for _ in 0..2 {
                        // A mirror may have another copy.
                        let whole = read();
                        let right = |data: &Vec<u8>| *data == chain.data;
                        ensure!(whole.as_ref().map_or(true, right), "{}", what());
                        ensure!(chain.has_other || whole.is_err(), "{}: read {whole:?}", what());
                        let _ = streamed();
                        let _ = get();
                    }
                    chain.ill.end(Ending::Well);
                    ensure!(read()? == chain.data, "{}: read afterwards", what());
                    ensure!(streamed()? == chain.data, "{}: streamed afterwards", what());
                    ensure!(get()? == chain.data, "{}: got afterwards", what());
                }
            }
        }
    }
    Ok(())
}

/// One decorator over a faulty store, and its caches.
struct Chain {
    ill: Ill,
    bases: HashMap<String, SharedStore>,
    node: Node,
    key: String,
    data: Vec<u8>,
    /// Whether another base holds the object, too.
    has_other: bool,
    cache: Option<Arc<Memory>>,
}

impl Chain {
    fn new(entry: &Entry, size: usize, range: bool) -> Result<Self> {
        let shape = storage_core::decorators::kind(entry.kind).context("a kind")?.base;
        let ill = Ill::new(range);
        let mut bases = HashMap::from([("ill".to_owned(), ill.shared())]);
        let mut names = vec!["ill".to_owned()];
        let other = Arc::new(Memory::new());
        if shape != BaseShape::One {
            names.push("other".to_owned());
            bases.insert("other".to_owned(), other.clone());
        }
        let node = Node {
            name: "store".to_owned(),
            kind: entry.kind.to_owned(),
            config: entry.config.to_owned(),
            bases: names.into_iter().map(Base::Name).collect(),
        };
        // Valid as JSON and as text, too.
        let data = format!("\"{}\"", "a1\\n".repeat(size / 4)).into_bytes();
        let key = match entry.kind {
            "UrlValidatingStore" => "https://example.com/k".to_owned(),
            _ => format!("{}k", entry.dialect.key_prefix),
        };
        let has_other = shape == BaseShape::Many;
        let cache = (shape == BaseShape::MainAndCache).then_some(other);
        Ok(Self { ill, bases, node, key, data, has_other, cache })
    }

    fn forget(&self) {
        if let Some(cache) = &self.cache {
            let _ = block(cache.delete(&self.key, Default::default()));
        }
    }
}

/// The same in the sandbox, where the bytes cross its boundary.
#[test]
fn chains_in_the_sandbox_give_no_whole_object_of_it() -> Result<()> {
    let engine = storage_host::engine::shared()?;
    let kinds = ["IdentityStore", "GzipStore", "CachingStore", "LoggingStore"];
    for entry in entries()?.into_iter().filter(|entry| kinds.contains(&entry.kind)) {
        for ending in Ending::ILL {
            for size in CHAINED {
                let chain = Chain::new(entry, size, true)?;
                let open = || {
                    block(engine.chain(
                        vec![chain.node.clone()],
                        chain.bases.clone(),
                        HostServices::silent(),
                    ))
                };
                let write = Objects::new("chain", Arc::new(open()?));
                let data = Bytes::from(chain.data.clone());
                block(write.put(&chain.key, data.clone(), PutOptions::default()))?;
                chain.forget();
                let objects = Objects::new("chain", Arc::new(open()?));
                chain.ill.end(ending);
                let what = || format!("{} {}, {ending:?}, {size}", entry.kind, entry.variant);
                let (memory, to) = empty();
                let (from, to) = (Endpoint::new(objects.clone(), ""), Endpoint::new(to, ""));
                for _ in 0..2 {
                    let what = Copy { from: from.clone(), to: to.clone(), overwrite: true };
                    let counts = block(copy(&what, &Control::default())).map_err(|e| e.cause)?;
                    ensure!(counts.failed.len() == 1, "{}: {counts:?}", entry.kind);
                    is_empty(&memory)?;
                }
                chain.ill.end(Ending::Well);
                let got = block(objects.get(&chain.key, ReadOptions::default(), u64::MAX));
                ensure!(got?.1 == data, "{}: afterwards", what());
            }
        }
    }
    Ok(())
}

#[test]
fn plug_ins_give_no_whole_object_of_it() -> Result<()> {
    for rules in ["nothing", "sealed", "runs", "backwards", "checked"] {
        let config = format!(r#"{{"as":"{rules}"}}"#);
        for size in CHAINED {
            for range in [true, false] {
                let ill = Ill::new(range);
                let store = block(transformers::open(&config, ill.shared()))?;
                let objects = Objects::new("plug-in", store);
                let data = Bytes::from(bytes(size, 6));
                block(objects.put("k", data.clone(), PutOptions::default()))?;
                for ending in Ending::ILL {
                    ill.end(ending);
                    let (memory, to) = empty();
                    let (from, to) = (Endpoint::new(objects.clone(), ""), Endpoint::new(to, ""));
                    let what = Mv { from, to, overwrite: true };
                    let counts = block(mv(&what, &Control::default()));
                    let counts = counts.map_err(|e| e.cause)?;
                    ensure!(counts.failed.len() == 1, "{rules}, {ending:?}, {size}: {counts:?}");
                    is_empty(&memory)?;
                    let got = block(objects.get("k", ReadOptions::default(), u64::MAX));
                    ensure!(got.is_err(), "{rules}, {ending:?}, {size}: it was got");
                }
                ill.end(Ending::Well);
                let got = block(objects.get("k", ReadOptions::default(), u64::MAX))?.1;
                ensure!(got == data, "{rules}, {size}: afterwards");
            }
        }
    }
    Ok(())
}
