//! `clear`: deletes everything.

use super::context::{Context, whole};
use super::exit::Outcome;
use super::output::Watch;
use crate::transfer::clear;
use anyhow::bail;
use clap::Args;
use std::io::{IsTerminal, Write};

/// Delete every object of a store, or below a prefix
#[derive(Args)]
#[command(after_help = "Example:\n  storage-host clear cache --yes")]
pub struct ClearArgs {
    /// A store, STORE:PREFIX, or a prefix of the main store
    target: String,
    /// Don't ask
    #[arg(long)]
    yes: bool,
    /// Only count what would be deleted
    #[arg(long)]
    dry_run: bool,
}

impl ClearArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = whole(factory, &self.target).await?;
                if !self.yes && !self.dry_run && !asked(at.objects.name(), &at.key)? {
                    bail!("nothing was deleted");
                }
                let watch = Watch::new(context, self.dry_run);
                let counts =
                    watch.over(async |control| clear(&at.objects, &at.key, control).await).await;
                watch.report(counts.map_err(|e| at.error("list", e))?)
            })
            .await
    }
}

fn asked(store: &str, prefix: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("deleting everything below {store}:{prefix} needs --yes");
    }
    eprint!("Delete every object below {store}:{prefix}? Type yes: ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(answer.trim() == "yes")
}
