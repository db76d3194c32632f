//! Embeds the component with wasmtime: compressed objects under a prefix, in a store of
//! this program.

use crate::bindings::DecoratorPack;
use crate::bindings::exports::storage::object_store::decorators::{Base, Node};
use crate::types::{ListOptions, PutOptions, ReadOptions};
use crate::{memory::Memory, surroundings::Surroundings};
use std::{io::Write, path::Path};
use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Engine, Result, Store};

/// Puts an object through a chain, reads it back, and reports the results to `out`.
/// `path` is that of `decorators-bare.wasm`.
pub fn run(path: &Path, out: &mut impl Write) -> Result<()> {
    // The contract is synchronous: calls are twice as fast without concurrency support.
    let engine = Engine::new(Config::new().concurrency_support(false))?;
    let component = Component::from_file(&engine, path)?;
    let mut linker = Linker::new(&engine);
    DecoratorPack::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;

    let base = Memory::default();
    let given = [("memory".to_owned(), base.clone())];
    let mut store = Store::new(&engine, Surroundings::new(given));
    let pack = DecoratorPack::instantiate(&mut store, &component, &linker)?;
    let node = |kind: &str, config: &str, base| Node {
        name: kind.to_lowercase(),
        type_: kind.to_owned(),
        config: config.to_owned(),
        bases: vec![base],
    };
    let chain = [
        node("PrefixStore", r#"{"prefix": "notes/"}"#, Base::Name("memory".to_owned())),
        node("GzipStore", r#"{"level": 9}"#, Base::Node(0)),
    ];
    let root = pack.storage_object_store_decorators().call_build(&mut store, &chain)??;

    let objects = pack.storage_object_store_object_store().store();
    let text = "to be or not to be, ".repeat(50);
    let content_type = Some("text/plain".to_owned());
    let (metadata, etag, if_absent, if_match) = (Vec::new(), None, false, None);
    let options = PutOptions { content_type, metadata, etag, if_absent, if_match };
    objects.call_put(&mut store, root, "today", text.as_bytes(), &options)??;
    let all = ReadOptions { range: None, if_match: None, if_none_match: None };
    let (info, data) = objects.call_get(&mut store, root, "today", &all)??;
    writeln!(out, "read {} bytes, etag {}", data.len(), info.etag.unwrap_or_default())?;
    let every =
        ListOptions { prefix: String::new(), start_after: None, limit: None, skipped: false };
    for entry in base.list(&every).entries {
        writeln!(out, "kept {} in {:?} bytes", entry.key, entry.info.size.unwrap_or_default())?;
    }
    Ok(())
}
