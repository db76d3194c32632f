//! Draws the configuration as an SVG: stores in layers, above their bases.

use super::labels::{details, role};
use crate::config::Config;

const WIDTH: usize = 220;
const HEIGHT: usize = 66;
const GAP_X: usize = 30;
const GAP_Y: usize = 50;
const MARGIN: usize = 20;
/// The characters that roughly fit in a box.
const FIT: usize = 32;

pub fn draw(config: &Config) -> String {
    let layers = layers(config);
    let depth = layers.iter().max().map_or(1, |deepest| deepest + 1);
    let mut columns = vec![0; depth];
    let mut places = Vec::new();
    for layer in &layers {
        let column = columns.get(*layer).copied().unwrap_or(0);
        if let Some(count) = columns.get_mut(*layer) {
            *count += 1;
        }
        places.push((MARGIN + column * (WIDTH + GAP_X), MARGIN + layer * (HEIGHT + GAP_Y)));
    }
    let widest = columns.iter().max().copied().unwrap_or(1);
    let width = 2 * MARGIN + widest * (WIDTH + GAP_X) - GAP_X;
    let height = 2 * MARGIN + depth * (HEIGHT + GAP_Y) - GAP_Y;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (def, (x, y)) in config.stores.iter().zip(&places) {
        for (position, base) in def.bases.iter().enumerate() {
            let Some((to_x, to_y)) = places.get(*base) else { continue };
            let (x1, y1) = (x + WIDTH / 2, y + HEIGHT);
            let (x2, y2) = (to_x + WIDTH / 2, *to_y);
            out.push_str(&format!(
                "<path d=\"M{x1} {y1} C{x1} {} {x2} {} {x2} {y2}\" fill=\"none\" stroke=\"#777\"/>\n",
                y1 + GAP_Y / 2,
                y2 - GAP_Y / 2
            ));
            let role = role(def, position);
            if !role.is_empty() {
                let (x, y) = ((x1 + x2) / 2, (y1 + y2) / 2);
                out.push_str(&format!("<text x=\"{x}\" y=\"{y}\" fill=\"#777\">{role}</text>\n"));
            }
        }
    }
    for (index, (def, (x, y))) in config.stores.iter().zip(&places).enumerate() {
        let fill = if def.bases.is_empty() { "#e8f0e4" } else { "#e8ecf6" };
        let stroke = if index == config.main { 3 } else { 1 };
        out.push_str(&format!(
            "<rect x=\"{x}\" y=\"{y}\" width=\"{WIDTH}\" height=\"{HEIGHT}\" rx=\"6\" fill=\"{fill}\" stroke=\"#555\" stroke-width=\"{stroke}\"/>\n"
        ));
        for (line, (text, style)) in [
            (def.name.clone(), "font-weight=\"bold\""),
            (def.kind.clone(), ""),
            (details(def).join(", "), "fill=\"#555\" font-size=\"11\""),
        ]
        .into_iter()
        .enumerate()
        {
            let (x, y) = (x + 10, y + 19 + line * 18);
            out.push_str(&format!("<text x=\"{x}\" y=\"{y}\" {style}>{}</text>\n", fitted(&text)));
        }
    }
    out.push_str("</svg>\n");
    out
}

/// The layer of each store, counted from the top: below every store that is built on
/// it.
fn layers(config: &Config) -> Vec<usize> {
    let mut layers = vec![0; config.stores.len()];
    // Stores come after their bases, so going backwards each store is final before its
    // bases.
    for (index, def) in config.stores.iter().enumerate().rev() {
        let below = layers.get(index).map_or(0, |layer| layer + 1);
        for base in &def.bases {
            if let Some(layer) = layers.get_mut(*base) {
                *layer = below.max(*layer);
            }
        }
    }
    layers
}

fn fitted(text: &str) -> String {
    let mut short: String = text.chars().take(FIT).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
