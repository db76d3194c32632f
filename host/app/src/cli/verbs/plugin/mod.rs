//! `plugin`: tools for authors and users of plug-ins.

mod check;
mod inspect;
mod load;
mod new;
mod pull;
mod push;
mod suite;
mod templates;
mod transport;

use crate::cli::support::context::Context;
use crate::cli::support::exit::Outcome;
use clap::{Args, Subcommand};

/// Look at plug-ins, check them, and move them through registries
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host plugin inspect redact.wasm\n  storage-host plugin check redact.wasm\n  storage-host plugin pull registry.example.org/team/redact:1.2.0"
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
    Pull(pull::PullArgs),
    Push(push::PushArgs),
}

impl PluginArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        match self.verb {
            Verb::Inspect(args) => args.run(context).await,
            Verb::Check(args) => args.run(context).await,
            Verb::New(args) => args.run(context),
            Verb::Pull(args) => args.run(context).await,
            Verb::Push(args) => args.run(context).await,
        }
    }
}
