//! Draws the configuration as a tree of text lines. A shared base is drawn once.

use super::{details, role, roots};
use crate::config::Config;
use std::collections::HashSet;

pub fn draw(config: &Config) -> String {
    let mut out = String::new();
    let mut seen = HashSet::new();
    for root in roots(config) {
        let main = if root == config.main { " [main]" } else { "" };
        store(config, root, main, "", "", &mut seen, &mut out);
    }
    out
}

fn store(
    config: &Config,
    index: usize,
    note: &str,
    head: &str,
    indent: &str,
    seen: &mut HashSet<usize>,
    out: &mut String,
) {
    let Some(def) = config.stores.get(index) else { return };
    let drawn = !seen.insert(index);
    let details = details(def);
    let config_text = match details.is_empty() || drawn {
        true => String::new(),
        false => format!("  ({})", details.join(", ")),
    };
    let again = if drawn && !def.bases.is_empty() { "  (see above)" } else { "" };
    out.push_str(&format!("{head}{}: {}{note}{config_text}{again}\n", def.name, def.kind));
    if drawn {
        return;
    }
    for (position, base) in def.bases.iter().enumerate() {
        let last = position + 1 == def.bases.len();
        let (branch, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        let role = match role(def, position) {
            "" => String::new(),
            role => format!("{role} → "),
        };
        let head = format!("{indent}{branch}{role}");
        store(config, *base, "", &head, &format!("{indent}{below}"), seen, out);
    }
}
