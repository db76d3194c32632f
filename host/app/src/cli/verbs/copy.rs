//! `copy`: copies many objects to another store or path.

use crate::cli::support::context::Context;
use crate::cli::support::exit::Outcome;
use crate::cli::support::keys::{KEYS, KeysArgs};
use crate::cli::support::names::Word;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::transfer::{FilterArgs, GLOBS, PATHS, RunArgs, TargetArgs};
use crate::cli::support::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::{Copy, copy, copy_keys};
use clap::Args;

/// Copy every object of a store, or of a path in one
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host copy files database\n  storage-host copy files:2025/ archive:old/2025/ --no-overwrite\n  storage-host copy files main --to-config other.yaml --exclude 'tmp/**'\n  storage-host copy hashed files --keys keys.txt\n\n{PATHS}\n\n{GLOBS}\n\n{KEYS}")
)]
pub struct CopyArgs {
    /// A store, STORE:PATH, or a PATH of the main store with a / in it
    from: String,
    /// A store, STORE:PATH, or a PATH of the main store with a / in it
    to: String,
    /// Replace objects that are there already (the default)
    #[arg(long, overrides_with = "no_overwrite")]
    overwrite: bool,
    /// Keep objects that are there already
    #[arg(long)]
    no_overwrite: bool,
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

impl CopyArgs {
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
                    let overwrite = !self.no_overwrite;
                    let (from, to) = match &keys {
                        None => self.how.sides(&from, &to).await?,
                        Some(_) => (self.how.below(&from), self.how.below(&to)),
                    };
                    let what = Copy { from, to, overwrite };
                    let goes_on = match overwrite {
                        true => "the same command with --no-overwrite goes on from here",
                        false => SAME_COMMAND,
                    };
                    let shape = Shape { moves: false, bytes: true, goes_on };
                    let watch = Watch::new(context, &self.run, filter, shape).of(&what.from);
                    match keys {
                        None => watch.over(copy(&what, watch.control())).await,
                        Some(keys) => watch.over(copy_keys(&what, keys, watch.control())).await,
                    }
                },
            )
            .await
    }
}
