//! `graph`: draws the stores and their bases.

use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use crate::graph::{self, Format};
use clap::Args;
use std::path::PathBuf;
use storage_sandbox::HostServices;

/// Draw the stores of a configuration
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host graph stores.yaml\n  storage-host graph stores.yaml --format svg > stores.svg"
)]
pub struct GraphArgs {
    /// The configuration; default: --config
    file: Option<PathBuf>,
    /// How to draw
    #[arg(long, value_enum, default_value_t = Format::Tree)]
    format: Format,
}

impl GraphArgs {
    pub fn run(self, context: &Context) -> Outcome {
        let file = self.file.as_ref().unwrap_or(&context.file);
        let (config, _) = crate::factory::load(file, &HostServices::silent().observer)?;
        output::print(&graph::draw(&config, self.format))?;
        Ok(DONE)
    }
}
