//! `sync`: makes a target equal to a source.

use crate::cli::support::context::Context;
use crate::cli::support::exit::Outcome;
use crate::cli::support::keys::{KEYS, KeysArgs};
use crate::cli::support::names::Word;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::transfer::{FilterArgs, GLOBS, PATHS, RunArgs, TargetArgs};
use crate::cli::support::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::{Sync, sync, sync_keys};
use clap::Args;

/// Copy what is missing or different, and with --delete remove the rest
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host sync files database\n  storage-host sync files backup --delete --max-delete 100\n  storage-host sync files:photos/ main:photos/ --to-config nas.yaml --dry-run\n\n{PATHS}\n\n{GLOBS}\n\n{KEYS}")
)]
pub struct SyncArgs {
    /// A store, STORE:PATH, or a PATH of the main store with a / in it
    from: String,
    /// A store, STORE:PATH, or a PATH of the main store with a / in it
    to: String,
    /// Compare names only: an object that is there is equal
    #[arg(long)]
    names_only: bool,
    /// Delete what the source does not have; refused when the source is empty
    #[arg(long, conflicts_with = "keys")]
    delete: bool,
    /// Change nothing when more than this many would be deleted
    #[arg(long, value_name = "N", requires = "delete")]
    max_delete: Option<u64>,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    keys: KeysArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl SyncArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let filter = self.filter.filter()?;
        let keys = self.keys.open().await?;
        context
            .between(
                &self.from,
                &self.to,
                self.target.to_config.as_deref(),
                (Word::Store, Word::Store),
                self.run.dry_run,
                async |from, to| {
                    let (from, to) = match &keys {
                        None => self.how.sides(&from, &to).await?,
                        Some(_) => (self.how.below(&from), self.how.below(&to)),
                    };
                    let what = Sync {
                        names_only: self.names_only,
                        delete: self.delete,
                        max_delete: self.max_delete,
                        ..Sync::new(from, to)
                    };
                    let shape = Shape { moves: false, bytes: true, goes_on: SAME_COMMAND };
                    let watch = Watch::new(context, &self.run, filter, shape).of(&what.from);
                    match keys {
                        None => watch.over(sync(&what, watch.control())).await,
                        Some(keys) => watch.over(sync_keys(&what, keys, watch.control())).await,
                    }
                },
            )
            .await
    }
}
