//! `plugin`: for those who write plug-ins, and those who look at them.

mod check;
mod inspect;
mod load;
mod new;
mod suite;
mod templates;

use super::context::Context;
use super::exit::Outcome;
use clap::{Args, Subcommand};

pub use load::Unusable;

/// Look at plug-ins and check them
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host plugin inspect redact.wasm\n  storage-host plugin check redact.wasm"
)]
pub struct PluginArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    Inspect(inspect::InspectArgs),
    Check(check::CheckArgs),
    New(new::NewArgs),
}

impl PluginArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        match self.verb {
            Verb::Inspect(args) => args.run(context).await,
            Verb::Check(args) => args.run(context).await,
            Verb::New(args) => args.run(context),
        }
    }
}
