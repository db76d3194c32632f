//! `cache`: removes the copies of a CachingStore.

use crate::caching::{Cleared, clear};
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome, PARTLY, Usage};
use crate::cli::support::names::check_store;
use crate::cli::support::output;
use crate::cli::support::output::tell;
use crate::config::{Config, StoreDef};
use clap::{Args, Subcommand};
use serde_json::json;
use storage_backends::{Medium, backend};

/// Remove the copies that a CachingStore keeps
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host cache clear objects\n  storage-host cache clear objects reports/2025.pdf"
)]
pub struct CacheArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Clear(ClearArgs),
}

/// Remove the copy of one key, or all copies, from a cache store
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host cache clear objects\n  storage-host cache clear objects reports/2025.pdf\n\nThe main store is not touched: the next read makes a new copy. This can be done\nwhile a server uses the store. Copies in memory are in the process that serves\nthem, and gone when it ends."
)]
struct ClearArgs {
    /// A CachingStore of the configuration
    store: String,
    /// The key of one object, as in that store; without it, all copies
    key: Option<String>,
}

impl CacheArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        match self.verb {
            Verb::Clear(args) => args.run(context).await,
        }
    }
}

impl ClearArgs {
    async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let cache = cache_of(factory.config(), &self.store)?;
                let copies = factory.open_existing(cache).await?;
                let Cleared { copies, failed } = clear(&copies, self.key.as_deref()).await?;
                for (key, error) in &failed {
                    tell!("error: the copy of {key:?} stays: {error}");
                }
                let store = &self.store;
                output::print(&if context.json {
                    let failed = failed.len();
                    format!("{}\n", json!({"store": store, "cleared": copies, "failed": failed}))
                } else {
                    match copies {
                        1 => format!("1 copy of {store} was removed\n"),
                        copies => format!("{copies} copies of {store} were removed\n"),
                    }
                })?;
                Ok(if failed.is_empty() { DONE } else { PARTLY })
            })
            .await
    }
}

/// The name of the store with the copies of CachingStore `name`.
fn cache_of<'a>(config: &'a Config, name: &str) -> Result<&'a str, Usage> {
    check_store(config, name)?;
    let stores = &config.stores;
    let caches = || stores.iter().filter(|def| def.kind == "CachingStore");
    let cache = caches().find(|def| def.name == name).and_then(|def| def.bases.get(1));
    let Some(cache) = cache.and_then(|index| stores.get(*index)) else {
        let names: Vec<&str> = caches().map(|def| def.name.as_str()).collect();
        let others = match names.is_empty() {
            true => format!("nor does any other store of {}", config.file),
            false => format!("these do: {}", names.join(", ")),
        };
        return Err(Usage(format!(
            "store {name:?} is not a CachingStore and keeps no copies; {others}"
        )));
    };
    match in_memory(stores, cache) {
        false => Ok(&cache.name),
        true => Err(Usage(format!(
            "the copies of store {name:?} are in memory (store {:?}), in the process that serves \
             it: they are gone when that ends",
            cache.name
        ))),
    }
}

/// Whether all backends below a store are in process memory.
fn in_memory(stores: &[StoreDef], def: &StoreDef) -> bool {
    match def.bases.is_empty() {
        true => backend(&def.kind).is_some_and(|backend| backend.medium == Medium::Process),
        false => {
            def.bases.iter().filter_map(|at| stores.get(*at)).all(|base| in_memory(stores, base))
        }
    }
}
