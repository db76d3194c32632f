//! Options that verbs on many objects share.

use super::skipped::SkippedArgs;
use crate::transfer::{CONCURRENCY, Filter};
use clap::Args;
use std::path::PathBuf;

/// The help text on patterns.
pub const GLOBS: &str = "\
A GLOB is matched against what follows the path and its /: * and ? stay within a segment
of the key, ** crosses /, [ab] and {a,b} choose. What an --exclude matches is left
alone; with --include, so is what none of them matches. Quote it for the shell.";

/// The help text on paths.
pub const PATHS: &str = "\
A PATH is the object of that key and what lies below it: a is a and a/b, not ab.
With a / at its end it is what lies below alone. What lies below FROM goes below TO,
and one object goes into TO where that ends with a /, and keeps its key where TO is
a store.";

/// Which keys.
#[derive(Args)]
pub struct FilterArgs {
    /// Only keys that match; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    include: Vec<String>,
    /// Not keys that match, whatever --include says; may be repeated
    #[arg(long, value_name = "GLOB", value_parser = glob)]
    exclude: Vec<String>,
}

impl FilterArgs {
    /// Whether any pattern is given.
    pub fn any(&self) -> bool {
        !(self.include.is_empty() && self.exclude.is_empty())
    }

    pub fn filter(&self) -> anyhow::Result<Filter> {
        Ok(Filter::new(&self.include, &self.exclude)?)
    }
}

fn glob(text: &str) -> Result<String, globset::Error> {
    Filter::new(&[text.to_owned()], &[]).map(|_| text.to_owned())
}

/// How to go about it.
#[derive(Args)]
pub struct RunArgs {
    /// How many objects are under way at a time
    #[arg(long, value_name = "N", default_value_t = CONCURRENCY as u16,
        value_parser = clap::value_parser!(u16).range(1..=256))]
    pub concurrency: u16,
    /// Change nothing; print what would be done to each key
    #[arg(long)]
    pub dry_run: bool,
    #[command(flatten)]
    pub skipped: SkippedArgs,
}

/// Where the target's store is described.
#[derive(Args)]
pub struct TargetArgs {
    /// The configuration that TO's store is in; default: --config
    #[arg(long, value_name = "FILE")]
    pub to_config: Option<PathBuf>,
}
