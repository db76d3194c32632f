//! Draws the configuration for Graphviz.

use super::labels::{details, role};
use crate::config::Config;

pub fn draw(config: &Config) -> String {
    let mut out = String::from("digraph stores {\n  node [shape=box, fontname=\"sans-serif\"];\n");
    for (index, def) in config.stores.iter().enumerate() {
        let lines: Vec<String> = std::iter::once(def.name.clone())
            .chain([def.kind.clone()])
            .chain(details(def))
            .map(|line| escaped(&line))
            .collect();
        let shape = if def.bases.is_empty() { ", shape=cylinder" } else { "" };
        let main = if index == config.main { ", penwidth=2" } else { "" };
        out.push_str(&format!("  s{index} [label=\"{}\"{shape}{main}];\n", lines.join("\\n")));
    }
    for (index, def) in config.stores.iter().enumerate() {
        for (position, base) in def.bases.iter().enumerate() {
            let label = match role(def, position) {
                "" => String::new(),
                role => format!(" [label=\"{role}\"]"),
            };
            out.push_str(&format!("  s{index} -> s{base}{label};\n"));
        }
    }
    out.push_str("}\n");
    out
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}
