//! Diagrams of a configuration: the stores and their bases.

mod dot;
mod labels;
mod mermaid;
mod svg;
mod tree;

use crate::config::Config;

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

#[cfg(test)]
mod tests;
