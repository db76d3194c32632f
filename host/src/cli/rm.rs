//! `rm`: deletes objects.

use super::context::{Context, at};
use super::exit::{DONE, NO, Outcome, PARTLY};
use crate::store::{DeleteOptions, Error};
use clap::Args;

/// Delete objects
#[derive(Args)]
#[command(
    after_help = "Example:\n  storage-host rm reports/2025.pdf logs:yesterday\n\n`clear` deletes everything below a prefix."
)]
pub struct RmArgs {
    /// KEY or STORE:KEY
    #[arg(required = true)]
    keys: Vec<String>,
    /// A key that is not there is no error
    #[arg(short, long)]
    force: bool,
}

impl RmArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let mut failures = 0;
                let mut missing = 0;
                for key in &self.keys {
                    let at = at(factory, key).await?;
                    match at.objects.delete(&at.key, DeleteOptions::default()).await {
                        Ok(()) => {}
                        Err(Error::NotFound) if self.force => {}
                        Err(error) if self.keys.len() == 1 => return Err(at.error("delete", error)),
                        Err(error) => {
                            missing += usize::from(error == Error::NotFound);
                            failures += 1;
                            eprintln!("error: {:#}", at.error("delete", error));
                        }
                    }
                }
                Ok(match failures {
                    0 => DONE,
                    all if all == self.keys.len() && all == missing => NO,
                    _ => PARTLY,
                })
            })
            .await
    }
}
