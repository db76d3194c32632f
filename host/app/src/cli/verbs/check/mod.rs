//! `check`: tells whether a configuration would work. Only `--repair` writes.

mod deep;

use crate::StoreFactory;
use crate::cli::support::context::Context;
use crate::cli::support::exit::{CONFIG, DONE, Outcome, STORE, Usage, is_not_found};
use crate::cli::support::keys::KeysArgs;
use crate::cli::support::names::check_store;
use crate::cli::support::output;
use crate::cli::support::preflight::{Wishes, check_dynamic, preflight};
use crate::cli::support::report;
use crate::cli::support::skipped::{SkippedArgs, check};
use crate::factory::WouldCreate;
use anyhow::bail;
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use storage_store::{Error, ListOptions};

/// Check a configuration and reach each store in it, without writing
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host check stores.yaml\n  storage-host check --deep\n  storage-host -c stores.yaml check --deep both\n  storage-host check --repair\n\n--deep reads every object: of a mirror on all its children, whose bytes are\ncompared, and of STORE itself to its end. Without STORE it takes all mirrors and\nall stores that no other stands on.\n\n--repair does what a start does: files of writes that a killed process did not end\nare removed, and its journals are worked off. `heal` is for mirrors."
)]
pub struct CheckArgs {
    /// The configuration; default: --config
    file: Option<PathBuf>,
    /// Read every object, and compare those of mirrors over all children
    #[arg(long, value_name = "STORE", num_args = 0..=1, default_missing_value = "")]
    deep: Option<String>,
    /// First open each store to write, which ends what a killed process left
    #[arg(long)]
    repair: bool,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    skipped: SkippedArgs,
}

/// Whether a store could be reached.
enum Reach {
    Ready(String),
    /// Its files do not exist yet; the first start creates them.
    New(String),
    Failed(String),
}

impl CheckArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let file = self.file.as_ref().unwrap_or(&context.file);
        if self.keys.keys.is_some() && self.deep.as_ref().is_none_or(String::is_empty) {
            bail!(Usage("--keys are those of one store: --deep STORE --keys FILE".to_owned()));
        }
        let factory = StoreFactory::from_yaml(file)?.check_only();
        if let Some(store) = self.deep.as_deref().filter(|store| !store.is_empty()) {
            check_store(factory.config(), store)?;
        }
        if self.repair {
            repair(file).await?;
        }
        if let Some(store) = &self.deep {
            let outcome = match self.keys.open().await? {
                None => deep::check(&factory, store, self.skipped, context).await,
                Some(keys) => deep::check_keys(&factory, store, keys, context).await,
            };
            let closed = factory.close().await;
            let code = outcome?;
            closed?;
            return Ok(code);
        }
        let roots = deep::roots(&factory);
        let mut left_out = DONE;
        let mut code = DONE;
        let mut refuse = |error: anyhow::Error| -> anyhow::Result<()> {
            code = CONFIG;
            output::print(&match context.json {
                true => format!("{}\n", json!({"serve": "failed", "detail": format!("{error:#}")})),
                false => format!("failed  serve: {error:#}\n"),
            })?;
            Ok(())
        };
        if let Err(error) = preflight(factory.config(), &Wishes::default()) {
            refuse(error)?;
        }
        if factory.config().serve.is_dynamic()
            && let Ok(main) = factory.build().await
            && let Err(error) = check_dynamic(&main)
        {
            refuse(error)?;
        }
        for def in &factory.config().stores {
            let state = reach(&factory, &def.name).await;
            let (word, text) = match &state {
                Reach::Ready(text) => ("ok", text),
                Reach::New(text) => ("new", text),
                Reach::Failed(text) => ("failed", text),
            };
            if matches!(state, Reach::Failed(_)) {
                code = STORE;
            }
            output::print(&if context.json {
                let line =
                    json!({"store": def.name, "type": def.kind, "state": word, "detail": text});
                format!("{line}\n")
            } else {
                format!("{word:<7} {} ({}): {text}\n", def.name, def.kind)
            })?;
            // The outermost stores report for those in between.
            let tells = def.bases.is_empty() || roots.contains(&def.name);
            if tells && matches!(state, Reach::Ready(_)) {
                match check(&factory, &def.name, self.skipped, context).await {
                    Ok(found) => left_out = left_out.max(found),
                    // Check the other stores nevertheless.
                    Err(error) => {
                        code = STORE;
                        report::report(Err(error), context);
                    }
                }
            }
        }
        factory.close().await?;
        Ok(if code == DONE { left_out } else { code })
    }
}

/// Opens every existing store as a start would, and closes it.
async fn repair(file: &Path) -> anyhow::Result<()> {
    let look = StoreFactory::from_yaml(file)?.check_only();
    let factory = StoreFactory::from_yaml(file)?;
    for def in &look.config().stores {
        // Create nothing that is missing; the check itself reports failures.
        if let Reach::Ready(_) = reach(&look, &def.name).await {
            let _ = factory.open(&def.name).await;
        }
    }
    look.close().await?;
    factory.close().await
}

async fn reach(factory: &StoreFactory, name: &str) -> Reach {
    let objects = match factory.open(name).await {
        Ok(objects) => objects,
        Err(error) => {
            let is_new = error.is::<WouldCreate>() || is_not_found(&error);
            let text = format!("{error:#}");
            return if is_new { Reach::New(text) } else { Reach::Failed(text) };
        }
    };
    let can = objects.capabilities();
    let probe = if can.list {
        objects.list(ListOptions { limit: Some(1), ..ListOptions::default() }).await.map(|_| ())
    } else if can.read {
        objects.exists("check").await.map(|_| ())
    } else {
        Ok(())
    };
    match probe {
        // A rule that refuses the probe's key proves that the store was
        // reached.
        Ok(()) | Err(Error::InvalidKey(_)) => Reach::Ready(can.names().join(", ")),
        Err(error) => Reach::Failed(error.to_string()),
    }
}
