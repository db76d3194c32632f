//! What diagrams say of a store and of its bases.

use crate::config::StoreDef;
use serde_json::Value;

/// The scalar config values that tell stores apart, without secrets.
pub fn details(def: &StoreDef) -> Vec<String> {
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
pub fn role(def: &StoreDef, position: usize) -> &'static str {
    match (def.kind.as_str(), position) {
        ("CachingStore", 0) => "main",
        ("CachingStore", 1) => "cache",
        ("MirroringStore", position) if position >= def.under().len() => "journal",
        _ => "",
    }
}
