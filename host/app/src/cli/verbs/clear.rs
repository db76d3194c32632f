//! `clear`: deletes every object of a store or path.

use crate::cli::support::context::{Context, whole};
use crate::cli::support::exit::{Outcome, Usage};
use crate::cli::support::names::Word;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::transfer::{FilterArgs, GLOBS, RunArgs};
use crate::cli::support::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::clear;
use anyhow::bail;
use clap::Args;
use std::io::{IsTerminal, Write};

/// Delete every object of a store, or of a path in one
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host clear cache --yes\n  storage-host clear logs:2025/ --include '**/*.tmp' --dry-run\n\n{GLOBS}")
)]
pub struct ClearArgs {
    /// A store, STORE:PATH, or a PATH of the main store with a / in it
    target: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl ClearArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let filter = self.filter.filter()?;
        context
            .with(async |factory| {
                let at = whole(factory, &self.target, Word::Store).await?;
                let side = self.how.found(&at).await?;
                if !self.yes && !self.run.dry_run && !asked(at.objects.name(), &at.key)? {
                    bail!("nothing was deleted");
                }
                let shape = Shape { moves: false, bytes: false, goes_on: SAME_COMMAND };
                let watch = Watch::new(context, &self.run, filter, shape).of(&side);
                watch.over(clear(&side, watch.control())).await
            })
            .await
    }
}

fn asked(store: &str, prefix: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!(Usage(format!("deleting every object of {store}:{prefix} needs --yes")));
    }
    eprint!("Delete every object of {store}:{prefix}? Type yes: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
