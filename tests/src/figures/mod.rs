//! Helpers of the benchmarks: arguments, medians, Markdown tables and builds; and
//! [`blocks`], which updates the documents that hold the results.

pub mod blocks;

use anyhow::{Context, Result};
use std::fmt::Display;
use std::process::Command;
use std::str::FromStr;

/// The program argument after `name`.
pub fn option(name: &str) -> Option<String> {
    std::env::args().skip_while(|arg| arg != name).nth(1)
}

/// The number after `--rounds`: measurements per cell.
pub fn rounds(default: usize) -> Result<usize> {
    Ok(parsed("--rounds")?.unwrap_or(default).max(1))
}

/// The program argument after `name`, parsed.
pub fn parsed<T: FromStr>(name: &str) -> Result<Option<T>>
where
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let Some(text) = option(name) else { return Ok(None) };
    text.parse().map(Some).with_context(|| format!("{name} {text}"))
}

/// Whether `--only` lists `name`, or is absent.
pub fn is_wanted(name: &str) -> bool {
    option("--only").is_none_or(|only| only.split(',').any(|one| one == name))
}

/// The program arguments before the first option.
pub fn names() -> Vec<String> {
    std::env::args().skip(1).take_while(|arg| !arg.starts_with('-')).collect()
}

/// The median; of an even number, the upper one. `None` if empty.
pub fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The median of the ratios between measurements of the same round, since noise affects
/// neighbours in time alike.
pub fn median_ratio(over: &[f64], under: &[f64]) -> Option<f64> {
    let ratios: Vec<f64> = over.iter().zip(under).map(|(over, under)| over / under).collect();
    median(&ratios)
}

/// A ratio as it is printed; empty for `None`.
pub fn ratio(ratio: Option<f64>) -> String {
    match ratio {
        None => String::new(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.3}"),
        Some(ratio) if ratio < 10.0 => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.0}"),
    }
}

/// Prints the head of a table with a name column and these columns.
pub fn print_head<T: Display>(columns: impl IntoIterator<Item = T>) {
    let columns: Vec<String> = columns.into_iter().map(|column| column.to_string()).collect();
    println!("| | {} |\n|---|{}", columns.join(" | "), "--:|".repeat(columns.len()));
}

/// Prints a row.
pub fn print_row(name: impl Display, fields: impl IntoIterator<Item = String>) {
    println!("| {name} | {} |", fields.into_iter().collect::<Vec<_>>().join(" | "));
}

/// `cargo` with this build's settings, but without the variables that describe this
/// package: some build scripts depend on them and would run again.
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
