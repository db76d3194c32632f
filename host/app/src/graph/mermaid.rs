//! Draws the configuration as a Mermaid flowchart.

use super::labels::{details, role};
use crate::config::Config;

pub fn draw(config: &Config) -> String {
    let mut out = String::from("flowchart TD\n");
    for (index, def) in config.stores.iter().enumerate() {
        let lines: Vec<String> = std::iter::once(def.name.clone())
            .chain([def.kind.clone()])
            .chain(details(def))
            .map(|line| escaped(&line))
            .collect();
        let (open, close) = if def.bases.is_empty() { ("[(", ")]") } else { ("[", "]") };
        out.push_str(&format!("  s{index}{open}\"{}\"{close}\n", lines.join("<br>")));
    }
    for (index, def) in config.stores.iter().enumerate() {
        for (position, base) in def.bases.iter().enumerate() {
            match role(def, position) {
                "" => out.push_str(&format!("  s{index} --> s{base}\n")),
                role => out.push_str(&format!("  s{index} -->|{role}| s{base}\n")),
            }
        }
    }
    out.push_str(&format!("  style s{} stroke-width:3px\n", config.main));
    out
}

fn escaped(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            c if c.is_alphanumeric() || " _-./:,".contains(c) => c.to_string(),
            c => format!("#{};", u32::from(c)),
        })
        .collect()
}
