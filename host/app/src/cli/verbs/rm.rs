//! `rm`: deletes objects.

use crate::cli::support::context::{At, Context, at};
use crate::cli::support::exit::{self, DONE, NO, Outcome, PARTLY, Usage};
use crate::cli::support::names::{Word, name};
use crate::cli::support::output;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::report;
use crate::cli::support::transfer::{FilterArgs, GLOBS, RunArgs};
use crate::cli::support::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::{Filter, clear};
use anyhow::bail;
use clap::Args;
use storage_store::{DeleteOptions, Error};

/// Delete objects
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host rm reports/2025.pdf logs:yesterday\n  storage-host rm -r logs:2025 --include '**/*.tmp' --dry-run\n\nWith -r, KEY is the object and what lies below KEY/. `clear` empties a store.\n\n{GLOBS}")
)]
pub struct RmArgs {
    /// KEY or STORE:KEY
    #[arg(required = true)]
    keys: Vec<String>,
    /// A key that is not there is no error
    #[arg(short, long)]
    force: bool,
    /// Delete what lies below KEY/, too
    #[arg(short, long)]
    recursive: bool,
    #[command(flatten)]
    path: PathArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl RmArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let filter = self.filter.filter()?;
        if !self.recursive && (self.filter.any() || self.path.raw_prefix) {
            bail!(Usage("--include, --exclude and --raw-prefix choose among many: add -r".into()));
        }
        context
            .with(async |factory| {
                // With one wrong name, delete nothing.
                for key in &self.keys {
                    if name(factory.config(), key, Word::Key)?.key.is_empty() {
                        bail!(Usage(format!("{key:?} has no key; `clear {key}` empties a store")));
                    }
                }
                let mut failures = Vec::new();
                for key in &self.keys {
                    let at = at(factory, key).await?;
                    let done = match self.recursive {
                        true => self.below(&at, filter.clone(), context).await,
                        false => self.one(&at, context).await,
                    };
                    match done {
                        Ok(DONE) => {}
                        Ok(code) if self.keys.len() == 1 || code == exit::INTERRUPTED => {
                            return Ok(code);
                        }
                        Ok(code) => failures.push(code),
                        Err(error) if self.keys.len() == 1 => return Err(error),
                        Err(error) => failures.push(report::report(Err(error), context)),
                    }
                }
                Ok(match failures.as_slice() {
                    [] => DONE,
                    all if all.len() == self.keys.len() && all.iter().all(|code| *code == NO) => NO,
                    _ => PARTLY,
                })
            })
            .await
    }

    async fn one(&self, at: &At, context: &Context) -> Outcome {
        let done = match self.run.dry_run {
            true => at.objects.stat(&at.key).await.map(|_| ()),
            false => at.objects.delete(&at.key, DeleteOptions::default()).await,
        };
        match done {
            Ok(()) if self.run.dry_run => {
                let line = match context.json {
                    true => serde_json::json!({"action": "delete", "key": at.key}).to_string(),
                    false => format!("delete {}", output::line(&at.key)),
                };
                output::print(&format!("{line}\n"))?;
                Ok(DONE)
            }
            Ok(()) => Ok(DONE),
            Err(Error::NotFound) if self.force => Ok(DONE),
            Err(error) => Err(at.error("delete", error)),
        }
    }

    async fn below(&self, at: &At, filter: Filter, context: &Context) -> Outcome {
        let side = match self.path.found(at).await {
            Ok(side) => side,
            Err(error) if self.force && exit::is_not_found(&error) => return Ok(DONE),
            Err(error) => return Err(error),
        };
        let shape = Shape { moves: false, bytes: false, goes_on: SAME_COMMAND };
        let watch = Watch::new(context, &self.run, filter, shape).of(&side);
        watch.over(clear(&side, watch.control())).await
    }
}
