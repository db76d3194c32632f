//! Test subjects made of a transformer: a plug-in over the host's memory store.

use crate::guests::TRANSFORMER;
use anyhow::{Context, Result, anyhow};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use storage_conformance::subject::{Dialect, Located, Maker, Subject};
use storage_contract::chain::{Base, Node};
use storage_host::backends::memory::Memory;
use storage_host::blocking::{Blocking, Driver, runtime};
use storage_host::config::{PluginDef, PluginLimits};
use storage_host::engine::{Chain, HostServices, Plugin};
use storage_host::store::SharedStore;

/// The rules of `tests/transformer` that every store must meet, with the keys and
/// values that they accept.
const RULES: &[(&str, &str, Dialect)] = &[
    ("nothing", r#"{"as":"nothing"}"#, Dialect::PLAIN),
    ("sealed", r#"{"as":"sealed"}"#, Dialect::PLAIN),
    ("sealed(small)", r#"{"as":"sealed","chunk_size":1000}"#, Dialect::PLAIN),
    ("runs", r#"{"as":"runs","chunk_size":4096}"#, Dialect::PLAIN),
    ("backwards", r#"{"as":"backwards"}"#, Dialect::PLAIN),
    ("redacted", r#"{"as":"redacted"}"#, Dialect::TEXT),
    ("keys", r#"{"as":"keys"}"#, LONGER),
    ("checked-keys", r#"{"as":"checked-keys"}"#, Dialect::PLAIN),
    ("checked", r#"{"as":"checked"}"#, Dialect::PLAIN),
    ("all", r#"{"as":"all","chunk_size":10000}"#, LONGER),
];

/// Keys grow by one byte.
const LONGER: Dialect = Dialect::PLAIN.up_to(storage_contract::MAX_KEY_BYTES - 1);

/// Random sequences per subject.
const SEQUENCES: u32 = 4;

/// The plug-in, loaded once per process.
pub fn plugin() -> Result<Arc<Plugin>> {
    static LOADED: OnceLock<Result<Arc<Plugin>, String>> = OnceLock::new();
    let load = || -> Result<Arc<Plugin>> {
        let limits = PluginLimits {
            // A test machine may be busy with other tests.
            cpu_time: std::time::Duration::from_secs(20),
            memory: 128 << 20,
            ..PluginLimits::default()
        };
        let def = PluginDef::new("rules", TRANSFORMER.file()?, limits);
        Plugin::load(def, HostServices::silent().observer).map_err(|refusal| anyhow!("{refusal:?}"))
    };
    LOADED.get_or_init(|| load().map_err(|e| format!("{e:#}"))).clone().map_err(anyhow::Error::msg)
}

/// Opens a store of the transformer over `base`.
pub async fn open(config: &str, base: SharedStore) -> Result<SharedStore> {
    Ok(Arc::new(chain(config, base).await?))
}

async fn chain(config: &str, base: SharedStore) -> Result<Chain> {
    let node = Node {
        name: "rules".to_owned(),
        kind: "RulesStore".to_owned(),
        config: config.to_owned(),
        bases: vec![Base::Name("base".to_owned())],
    };
    let bases = HashMap::from([("base".to_owned(), base)]);
    plugin()?.chain(vec![node], bases).await.context(config.to_owned())
}

/// A subject for every rule, through the component.
pub fn all() -> Vec<Maker> {
    let maker = |(name, config, dialect): &(&str, &'static str, Dialect)| {
        let (config, dialect) = (*config, *dialect);
        Maker::new(format!("transformer/{name}"), SEQUENCES, move || {
            let runtime = runtime()?;
            let base: SharedStore = Arc::new(Memory::new());
            let root = runtime.block_on(open(config, base.clone()))?;
            let here = runtime.block_on(chain(config, base.clone()))?.without_locating();
            let located = Some(Located {
                here: Blocking::shared(&runtime, Arc::new(here)),
                there: Rc::new(Blocking::there(&Driver::new(&runtime), root.clone())),
            });
            let store = Blocking::shared(&runtime, root);
            let bases = vec![Blocking::shared(&runtime, base)];
            Ok(Subject { beside: store.clone(), store, bases, dialect, located, keep: None })
        })
    };
    RULES.iter().map(maker).collect()
}
