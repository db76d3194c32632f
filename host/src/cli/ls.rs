//! `ls`: keys.

use super::context::{Context, whole};
use super::exit::{DONE, Outcome};
use super::output::Form;
use clap::Args;
use futures::StreamExt;
use std::pin::pin;

/// List keys
#[derive(Args)]
#[command(after_help = "Examples:\n  storage-host ls\n  storage-host ls -l logs:2026/ --limit 100")]
pub struct LsArgs {
    /// What the keys begin with: PREFIX, STORE:PREFIX, or a store
    #[arg(default_value = "")]
    prefix: String,
    /// Size, time and etag, too
    #[arg(short)]
    long: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
}

impl LsArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = whole(factory, &self.prefix).await?;
                let form = Form { json: context.json, long: self.long, nul: false };
                let mut entries = pin!(at.objects.entries(&at.key).take(self.limit));
                while let Some(entry) = entries.next().await {
                    form.print(&entry.map_err(|e| at.error("list", e))?)?;
                }
                Ok(DONE)
            })
            .await
    }
}
