//! `du`: counts objects and their bytes.

use crate::cli::support::context::{Context, whole};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::names::Word;
use crate::cli::support::output;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::skipped::{ShowArgs, tell};
use crate::transfer::Filter;
use clap::Args;
use futures::TryStreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::pin;

/// Count objects and their bytes
#[derive(Args)]
#[command(
    disable_help_flag = true,
    after_help = "Examples:\n  storage-host du\n  storage-host du logs:2026/ --depth 1\n\nOne line each: bytes, objects, and what their keys begin with. Objects whose size\ncan't be known without reading them are counted, but not in the bytes."
)]
pub struct DuArgs {
    /// PATH, STORE:PATH, or a store
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    /// A line for each folder, too, this many levels down
    #[arg(long, value_name = "N", default_value_t = 0)]
    depth: usize,
    /// Bytes as people read them: 1.5K, 20M, 3.1G (of 1,024)
    #[arg(short, long)]
    human_readable: bool,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    show: ShowArgs,
    /// Print help
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
}

#[derive(Default)]
struct Usage {
    objects: u64,
    bytes: u64,
    unknown: u64,
}

impl Usage {
    fn add(&mut self, size: Option<u64>) {
        self.objects += 1;
        match size {
            Some(size) => self.bytes = self.bytes.saturating_add(size),
            None => self.unknown += 1,
        }
    }

    fn print(&self, prefix: &str, name: &str, json: bool, human: bool) -> std::io::Result<()> {
        let Usage { objects, bytes, unknown } = self;
        if json {
            let line = json!({
                "prefix": prefix, "objects": objects, "bytes": bytes, "unknown": unknown,
            });
            return output::print(&format!("{line}\n"));
        }
        let unknown = match unknown {
            0 => String::new(),
            n => format!("  (and {n} of unknown size)"),
        };
        let bytes = if human { output::human(*bytes) } else { bytes.to_string() };
        output::print(&format!("{bytes:>14}  {objects:>9}  {}{unknown}\n", output::line(name)))
    }
}

impl DuArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = whole(factory, &self.path, Word::Place).await?;
                // The path itself is the total.
                let below = if at.key.is_empty() || at.key.ends_with('/') || self.how.raw_prefix {
                    at.key.len()
                } else {
                    at.key.len() + 1
                };
                let (mut total, mut folders) = (Usage::default(), BTreeMap::new());
                let mut entries = pin!(self.how.side(&at).entries());
                while let Some(entry) = entries.try_next().await.map_err(|e| at.error("list", e))? {
                    total.add(entry.info.size);
                    for folder in folders_of(&entry.key, below).take(self.depth) {
                        // Avoid an allocation: most folders are already known.
                        if !folders.contains_key(folder) {
                            folders.insert(folder.to_owned(), Usage::default());
                        }
                        if let Some(usage) = folders.get_mut(folder) {
                            usage.add(entry.info.size);
                        }
                    }
                }
                if total.objects == 0 && !at.key.is_empty() {
                    return Err(at.nothing());
                }
                for (folder, usage) in &folders {
                    usage.print(folder, folder, context.json, self.human_readable)?;
                }
                let name = if at.key.is_empty() { "total" } else { &at.key };
                total.print(&at.key, name, context.json, self.human_readable)?;
                let side = self.how.side(&at);
                tell(&side, &Filter::default(), self.show, context, usize::MAX).await?;
                Ok(DONE)
            })
            .await
    }
}

/// The folders of a key below its first `below` bytes.
fn folders_of(key: &str, below: usize) -> impl Iterator<Item = &str> {
    key.match_indices('/')
        .filter(move |(at, _)| *at >= below)
        .filter_map(|(at, slash)| key.get(..at + slash.len()))
}
