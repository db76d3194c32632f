//! `exists`: tells whether an object exists.

use crate::cli::support::context::{Context, at};
use crate::cli::support::exit::{DONE, NO, Outcome};
use crate::cli::support::output;
use clap::Args;

/// Tell whether there is an object, by the exit code: 0 yes, 1 no
#[derive(Args)]
#[command(after_help = "Example:\n  storage-host exists reports/2026.pdf && echo it is there")]
pub struct ExistsArgs {
    /// KEY or STORE:KEY
    key: String,
}

impl ExistsArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = at(factory, &self.key).await?;
                let exists = at.objects.exists(&at.key).await.map_err(|e| at.error("exists", e))?;
                if context.json {
                    output::print(&format!("{}\n", serde_json::json!({ "exists": exists })))?;
                }
                Ok(if exists { DONE } else { NO })
            })
            .await
    }
}
