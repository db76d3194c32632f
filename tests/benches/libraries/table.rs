//! Prints the results as tables.

use crate::cell::{Backend, Cell};
use crate::library::Library;
use storage_tests::figures::{median, median_ratio, print_head, print_row, ratio};

/// Prints the rates, and their ratios to ours.
pub fn print(
    backend: &Backend,
    rounds: usize,
    libraries: &[Library],
    cells: &[Cell],
    taken: &[Vec<Vec<f64>>],
) {
    println!("\n### {}\n\nRates, medians of {rounds} rounds:\n", backend.title);
    let name = |at: &usize| libraries[*at].name();
    let took_part = |at: &usize| taken.iter().any(|row| !row[*at].is_empty());
    let shown: Vec<usize> = (0..libraries.len()).filter(took_part).collect();
    print_head(shown.iter().map(name));
    for (cell, row) in cells.iter().zip(taken) {
        print_row(cell, shown.iter().map(|at| rate(cell, median(&row[*at]))));
    }
    for ours in shown.iter().filter(|at| matches!(libraries[**at], Library::Ours { .. })) {
        println!(
            "\n**{}** to the others (above 1: faster than they), medians of the rounds' ratios:\n",
            name(ours)
        );
        let others: Vec<usize> = shown.iter().copied().filter(|at| at != ours).collect();
        print_head(others.iter().map(name));
        for (cell, row) in cells.iter().zip(taken) {
            // Less time is a higher rate.
            let field = |other: &usize| ratio(median_ratio(&row[*other], &row[*ours]));
            print_row(cell, others.iter().map(field));
        }
    }
}

/// Objects per second, or bytes per second for large objects.
fn rate(cell: &Cell, seconds: Option<f64>) -> String {
    let Some(seconds) = seconds else { return String::new() };
    let rate = cell.count as f64 / seconds;
    match cell.size {
        0..65_536 => format!("{rate:.0}/s"),
        size => format!("{:.0} MiB/s", rate * size as f64 / f64::from(1 << 20)),
    }
}
