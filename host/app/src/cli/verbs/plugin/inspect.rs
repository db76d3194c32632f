//! `plugin inspect`: shows what a plug-in offers and requires.

use super::load::{Seen, load, look};
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use crate::cli::verbs::kinds;
use crate::config::{PluginLimits, TypeInfo};
use clap::Args;
use serde_json::json;
use std::path::PathBuf;
use storage_sandbox::plugin::inspect::Answer;

/// Show what a plug-in offers, what it asks for and what of that it is given
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host plugin inspect redact.wasm\n  storage-host plugin inspect redact.wasm --json"
)]
pub struct InspectArgs {
    /// The component
    file: PathBuf,
}

impl InspectArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let seen = look(&self.file)?;
        if !context.json {
            output::print(&self.header(&seen))?;
        }
        let plugin = load(&self.file, PluginLimits::default()).await?;
        let own = |info: &TypeInfo| TypeInfo {
            name: plugin.kind(&info.name).to_owned(),
            aliases: info.aliases.iter().map(|alias| plugin.kind(alias).to_owned()).collect(),
            ..info.clone()
        };
        let types: Vec<_> = plugin.types.iter().map(own).collect();
        output::print(&match context.json {
            true => format!("{:#}\n", self.as_json(&seen, &types)),
            false => types.iter().map(|info| format!("\n{}", kinds::as_text(info))).collect(),
        })?;
        Ok(DONE)
    }

    fn header(&self, seen: &Seen) -> String {
        let Seen { size, sha256, outline } = seen;
        let mut text = format!(
            "{}\n  world: {}, of contract {}\n  size: {size} bytes\n  sha256: {sha256}\n",
            self.file.display(),
            outline.world.name(),
            output::line(&outline.version),
        );
        for (answer, what) in [
            (Answer::Contract, "given, of the contract"),
            (Answer::Sandbox, "given, by the sandbox: time, randomness, output to the log"),
            (Answer::Refused, "refused when it is called"),
        ] {
            let names = outline.imports.iter().filter(|(_, how)| *how == answer);
            let names: Vec<_> =
                names.map(|(name, _)| format!("    {}\n", output::line(name))).collect();
            if !names.is_empty() {
                text.push_str(&format!("  asks for, and is {what}:\n{}", names.concat()));
            }
        }
        text
    }

    fn as_json(&self, seen: &Seen, types: &[TypeInfo]) -> serde_json::Value {
        let Seen { size, sha256, outline } = seen;
        let import =
            |(name, answer): &(String, Answer)| json!({"name": name, "answer": answer.name()});
        json!({
            "file": self.file.display().to_string(), "size": size, "sha256": sha256,
            "world": outline.world.name(), "contract": outline.version,
            "imports": outline.imports.iter().map(import).collect::<Vec<_>>(),
            "exports": outline.exports,
            "types": types.iter().map(kinds::as_json).collect::<Vec<_>>(),
        })
    }
}
