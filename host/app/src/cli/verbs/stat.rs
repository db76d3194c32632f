//! `stat`: shows the metadata of an object.

use crate::cli::support::context::{Context, at};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use clap::Args;

/// Show what is known of an object
#[derive(Args)]
#[command(after_help = "Example:\n  storage-host stat reports/2026.pdf --json")]
pub struct StatArgs {
    /// KEY or STORE:KEY
    key: String,
}

impl StatArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = at(factory, &self.key).await?;
                let info = at.objects.stat(&at.key).await.map_err(|e| at.error("stat", e))?;
                if context.json {
                    output::print(&format!("{}\n", output::info(&at.key, &info)))?;
                    return Ok(DONE);
                }
                let mut text = format!("key:          {}\n", output::line(&at.key));
                let size =
                    info.size.map_or("not known without reading".to_owned(), |n| n.to_string());
                text.push_str(&format!("size:         {size}\n"));
                for (name, value) in [
                    ("etag:", info.etag.clone()),
                    ("modified:", output::modified(&info)),
                    ("content type:", info.content_type.clone()),
                ] {
                    if let Some(value) = value {
                        text.push_str(&format!("{name:<13} {value}\n"));
                    }
                }
                for (name, value) in &info.metadata {
                    text.push_str(&format!("metadata:     {name}={}\n", output::line(value)));
                }
                output::print(&text)?;
                Ok(DONE)
            })
            .await
    }
}
