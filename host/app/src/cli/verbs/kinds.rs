//! `kinds`: shows the store types of the host and of the component.

use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome, Usage};
use crate::cli::support::output;
use crate::config::{BaseShape, TypeInfo, suggest};
use anyhow::bail;
use clap::Args;
use serde_json::{Value, json};

/// Show every store type and its config
#[derive(Args)]
#[command(after_help = "Examples:\n  storage-host kinds\n  storage-host kinds GzipStore")]
pub struct KindsArgs {
    /// Only this one
    name: Option<String>,
}

impl KindsArgs {
    pub fn run(self, context: &Context) -> Outcome {
        let mut types = crate::factory::types()?;
        if let Some(name) = &self.name {
            types.retain(|info| info.name == *name || info.aliases.contains(name));
            if types.is_empty() {
                let known = crate::factory::types()?;
                let hint = suggest(name, known.iter().map(|info| info.name.as_str()));
                let list = if hint.is_empty() { "; `storage-host kinds` lists them" } else { "" };
                bail!(Usage(format!("there is no store type {name:?}{hint}{list}")));
            }
        }
        let text = match context.json {
            true => format!("{:#}\n", Value::Array(types.iter().map(as_json).collect())),
            false => types.iter().map(as_text).collect::<Vec<_>>().join("\n"),
        };
        output::print(&text)?;
        Ok(DONE)
    }
}

fn base(info: &TypeInfo) -> &'static str {
    match info.base {
        None => "none: it keeps objects itself",
        Some(BaseShape::One) => "a store",
        Some(BaseShape::Many) => "a list of stores",
        Some(BaseShape::MainAndCache) => "main_store and cache_store",
    }
}

/// A store type as JSON.
pub fn as_json(info: &TypeInfo) -> Value {
    json!({
        "name": info.name, "aliases": info.aliases, "base": base(info),
        "doc": info.doc, "config": info.schema,
    })
}

/// A store type as text.
pub fn as_text(info: &TypeInfo) -> String {
    let mut text = info.name.clone();
    if !info.aliases.is_empty() {
        text.push_str(&format!(" (also {})", info.aliases.join(", ")));
    }
    text.push_str(&format!("\n  {}\n  base: {}\n", info.doc, base(info)));
    let required = info.schema["required"].as_array().cloned().unwrap_or_default();
    for (name, schema) in info.schema["properties"].as_object().into_iter().flatten() {
        let kind = schema["type"].as_str().unwrap_or("any");
        let mut notes = vec![kind.to_owned()];
        if required.contains(&Value::String(name.clone())) {
            notes.push("required".to_owned());
        }
        if let Some(default) = schema.get("default") {
            notes.push(format!("default {default}"));
        }
        if let Some(choices) = schema.get("enum") {
            notes.push(format!("one of {choices}"));
        }
        let doc = schema["description"].as_str().unwrap_or_default();
        text.push_str(&format!("  {name} ({}): {doc}\n", notes.join(", ")));
    }
    text
}
