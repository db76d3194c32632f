//! What the benches share: their arguments, medians, tables in Markdown and builds; and
//! [`blocks`], where a document keeps what they print.

pub mod blocks;

use anyhow::{Context, Result};
use std::fmt::Display;
use std::process::Command;
use std::str::FromStr;

/// What follows `name` among the arguments of this program.
pub fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// The number after `--rounds`: how often each cell is measured.
pub fn rounds(default: usize) -> Result<usize> {
    Ok(parsed("--rounds")?.unwrap_or(default).max(1))
}

/// What follows `name`, read as something.
pub fn parsed<T: FromStr>(name: &str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let Some(text) = option(name) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{name} {text}"))
}

/// Whether `name` is among those after `--only`, or nothing is said there.
pub fn is_wanted(name: &str) -> bool {
    option("--only").is_none_or(|only| only.split(',').any(|one| one == name))
}

/// The arguments before the first that begins with a dash.
pub fn names() -> Vec<String> {
    std::env::args().skip(1).take_while(|arg| !arg.starts_with('-')).collect()
}

/// The middle one; of an even number, the upper of two. `None` of nothing.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The median of the ratios of what was measured in the same round: a machine
/// that is noisy is so to neighbours in time.
pub fn median_ratio(over: &[f64], under: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    median(&ratios)
}

/// A ratio as it is printed; nothing where there is none.
pub fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => String::new(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.3}"),
        Some(ratio) if ratio < 10.0 => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.0}"),
    }
}

/// Prints the head of a table whose rows have a name and these columns.
pub fn print_head<T: Display>(columns: impl IntoIterator<Item = T>) {
    let columns: Vec<String> = columns.into_iter().map(|column| column.to_string()).collect();
    println!("| | {} |\n|---|{}", columns.join(" | "), "--:|".repeat(columns.len()));
}

/// Prints a row.
pub fn print_row(name: impl Display, fields: impl IntoIterator<Item = String>) {
    println!("| {name} | {} |", fields.into_iter().collect::<Vec<_>>().join(" | "));
}

/// `cargo` with the settings of this build, and without what it says of this
/// package: some build scripts look at that, and would run again.
pub fn cargo() -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|own| text.starts_with(own)) {
            cargo.env_remove(&name);
        }
    }
    cargo
}
