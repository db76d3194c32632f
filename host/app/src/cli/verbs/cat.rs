//! `cat`: writes objects to standard output, one after another.

use crate::cli::support::context::{Context, at};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::range::range;
use clap::Args;
use std::io::Write;
use storage_store::ByteRange;

/// Write objects to standard output, one after another
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host cat logs:2026/01 logs:2026/02 | grep error\n  storage-host cat logs:today --range -1000\n\nThe first object that fails ends it: what follows would be in the wrong place."
)]
pub struct CatArgs {
    /// KEY or STORE:KEY
    #[arg(required = true)]
    keys: Vec<String>,
    /// A part of each, in bytes: FIRST-LAST, FIRST- or -COUNT for the end
    #[arg(long, value_name = "START-END", value_parser = range, allow_hyphen_values = true)]
    range: Option<ByteRange>,
}

impl CatArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let mut out = std::io::stdout();
                for key in &self.keys {
                    let at = at(factory, key).await?;
                    at.stream("cat", self.range, |chunk| Ok(out.write_all(chunk)?)).await?;
                }
                out.flush()?;
                Ok(DONE)
            })
            .await
    }
}
