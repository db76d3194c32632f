//! `sync`: makes one place hold what another holds.

use super::context::{Context, whole};
use super::exit::Outcome;
use super::output::Watch;
use crate::transfer::{Sync, sync};
use clap::Args;

/// Copy what is missing or different, and with --delete remove the rest
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host sync files database\n  storage-host sync files backup --delete --max-delete 100"
)]
pub struct SyncArgs {
    /// A store, STORE:PREFIX, or a prefix of the main store
    from: String,
    /// A store, STORE:PREFIX, or a prefix of the main store
    to: String,
    /// Compare names only: an object that is there is equal
    #[arg(long)]
    names_only: bool,
    /// Delete what the source does not have; refused when the source is empty
    #[arg(long)]
    delete: bool,
    /// Change nothing when more than this many would be deleted
    #[arg(long, value_name = "N", requires = "delete")]
    max_delete: Option<usize>,
    /// Only count what would be done
    #[arg(long)]
    dry_run: bool,
}

impl SyncArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let from = whole(factory, &self.from).await?;
                let to = whole(factory, &self.to).await?;
                let what = Sync {
                    from: &from.objects,
                    from_prefix: &from.key,
                    to: &to.objects,
                    to_prefix: &to.key,
                    names_only: self.names_only,
                    delete: self.delete,
                    max_delete: self.max_delete,
                };
                let watch = Watch::new(context, self.dry_run);
                let counts = watch.over(async |control| sync(&what, control).await).await;
                watch.report(counts.map_err(|e| from.error("sync from", e))?)
            })
            .await
    }
}
