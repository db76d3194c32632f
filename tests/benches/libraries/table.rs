//! What is printed.

use crate::cell::{Backend, Cell};
use crate::library::Library;

/// The rates, and how ours compare.
pub fn print(backend: &Backend, libraries: &[Library], cells: &[Cell], taken: &[Vec<Vec<f64>>]) {
    println!("\n## {}\n\nMedians:\n", backend.name);
    let took_part = |at: &usize| taken.iter().any(|row| !row[*at].is_empty());
    let shown: Vec<usize> = (0..libraries.len()).filter(took_part).collect();
    header(libraries, &shown);
    for (cell, row) in cells.iter().zip(taken) {
        line(cell, shown.iter().map(|at| rate(cell, median(&row[*at]))));
    }
    for ours in shown.iter().filter(|at| matches!(libraries[**at], Library::Ours { .. })) {
        let name = libraries[*ours].name();
        println!(
            "\n\"{name}\" to the others (above 1: faster than they), medians of the rounds:\n"
        );
        let others: Vec<usize> = shown.iter().copied().filter(|at| at != ours).collect();
        header(libraries, &others);
        for (cell, row) in cells.iter().zip(taken) {
            let ratio = |other: &usize| {
                let pairs = row[*ours].iter().zip(&row[*other]);
                median(&pairs.map(|(ours, other)| other / ours).collect::<Vec<_>>())
            };
            line(cell, others.iter().map(|other| number(ratio(other))));
        }
    }
}

fn header(libraries: &[Library], shown: &[usize]) {
    let names: Vec<_> = shown.iter().map(|at| libraries[*at].name()).collect();
    println!("| | {} |\n|---|{}", names.join(" | "), "--:|".repeat(names.len()));
}

fn line(cell: &Cell, fields: impl Iterator<Item = String>) {
    println!("| {cell} | {} |", fields.collect::<Vec<_>>().join(" | "));
}

/// Objects a second, or bytes where they are many.
fn rate(cell: &Cell, seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return String::new() };
    let rate = cell.count as f64 / seconds;
    match cell.size {
        0..65_536 => format!("{rate:.0}/s"),
        size => format!("{:.0} MiB/s", rate * size as f64 / f64::from(1 << 20)),
    }
}

fn number(ratio: Option<f64>) -> String {
    match ratio {
        None => String::new(),
        Some(ratio) if ratio < 0.1 => format!("{ratio:.4}"),
        Some(ratio) if ratio < 10.0 => format!("{ratio:.2}"),
        Some(ratio) => format!("{ratio:.0}"),
    }
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}
