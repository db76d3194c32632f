//! Diagrams of a configuration: the stores and their bases.

mod dot;
mod mermaid;
mod svg;
mod tree;

use crate::config::{Config, StoreDef};
use serde_json::Value;
use std::collections::HashSet;

/// Output formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Lines of text, for a terminal
    Tree,
    /// A Mermaid flowchart
    Mermaid,
    /// Graphviz
    Dot,
    /// A picture of its own
    Svg,
}

/// Draws every store.
pub fn draw(config: &Config, format: Format) -> String {
    match format {
        Format::Tree => tree::draw(config),
        Format::Mermaid => mermaid::draw(config),
        Format::Dot => dot::draw(config),
        Format::Svg => svg::draw(config),
    }
}

/// Stores that are no other store's base, the main one first.
fn roots(config: &Config) -> Vec<usize> {
    let used: HashSet<usize> = config.stores.iter().flat_map(|def| &def.bases).copied().collect();
    let others = 0..config.stores.len();
    let others = others.filter(|index| !used.contains(index) && *index != config.main);
    std::iter::once(config.main).chain(others).collect()
}

/// The scalar config values that tell stores apart, without secrets.
fn details(def: &StoreDef) -> Vec<String> {
    let shown = |(name, value): (&String, &Value)| {
        let secret = ["secret", "password", "token", "key"].iter().any(|word| name.contains(word));
        match value {
            _ if secret => None,
            Value::Bool(false) if name == "durable" => {
                Some("NOT DURABLE: a power cut may take what was acknowledged".to_owned())
            }
            Value::String(text) => Some(format!("{name}: {text}")),
            Value::Number(_) | Value::Bool(_) => Some(format!("{name}: {value}")),
            _ => None,
        }
    };
    def.config.iter().filter_map(shown).collect()
}

/// A base's role in its store, where it is not obvious.
fn role(def: &StoreDef, position: usize) -> &'static str {
    match (def.kind.as_str(), position) {
        ("CachingStore", 0) => "main",
        ("CachingStore", 1) => "cache",
        ("MirroringStore", position) if position >= def.under().len() => "journal",
        _ => "",
    }
}

#[cfg(test)]
mod tests;
