//! Draws the configuration as a tree of text lines. A shared base is drawn once.

use super::labels::{details, role};
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

/// Stores that are no other store's base, the main one first.
fn roots(config: &Config) -> Vec<usize> {
    let used: HashSet<usize> = config.stores.iter().flat_map(|def| &def.bases).copied().collect();
    let others = 0..config.stores.len();
    let others = others.filter(|index| !used.contains(index) && *index != config.main);
    std::iter::once(config.main).chain(others).collect()
}
