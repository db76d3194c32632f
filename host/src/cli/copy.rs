//! `copy`: many objects to another place.

use super::context::{Context, whole};
use super::exit::Outcome;
use super::output::Watch;
use crate::transfer::{Copy, copy};
use clap::Args;

/// Copy every object of a store, or below a prefix
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host copy files database\n  storage-host copy files:2025/ archive:old/2025/ --no-overwrite"
)]
pub struct CopyArgs {
    /// A store, STORE:PREFIX, or a prefix of the main store
    from: String,
    /// A store, STORE:PREFIX, or a prefix of the main store
    to: String,
    /// Replace objects that are there already (the default)
    #[arg(long, overrides_with = "no_overwrite")]
    overwrite: bool,
    /// Keep objects that are there already
    #[arg(long)]
    no_overwrite: bool,
    /// Only count what would be copied
    #[arg(long)]
    dry_run: bool,
}

impl CopyArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let from = whole(factory, &self.from).await?;
                let to = whole(factory, &self.to).await?;
                let what = Copy {
                    from: &from.objects,
                    from_prefix: &from.key,
                    to: &to.objects,
                    to_prefix: &to.key,
                    overwrite: !self.no_overwrite,
                };
                let watch = Watch::new(context, self.dry_run);
                let counts = watch.over(async |control| copy(&what, control).await).await;
                watch.report(counts.map_err(|e| from.error("list", e))?)
            })
            .await
    }
}
