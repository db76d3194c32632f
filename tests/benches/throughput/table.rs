//! Prints the results as a table.

use crate::cell::{Cell, Measured, Operation};
use crate::contender::Contender;
use std::fmt;
use std::time::Duration;
use storage_tests::figures::{median, median_ratio, print_head, print_row, ratio};

/// The latency from which an answer was held up by a timer: the peer delays
/// acknowledgements by 40 ms.
const STALL: Duration = Duration::from_millis(30);

/// Objects below this size are reported per second; larger ones in bytes.
const SMALL: u64 = 64 * 1024;

pub struct Table {
    contenders: Vec<Contender>,
    rows: Vec<Row>,
}

struct Row {
    cell: Cell,
    /// The rates of each contender, one per round.
    rates: Vec<Vec<f64>>,
    latencies: Vec<Vec<Duration>>,
    failed: Vec<usize>,
    /// The processor times of a request, one per round.
    processor: Vec<Vec<f64>>,
}

impl Table {
    pub fn new(contenders: &[Contender], cells: &[Cell]) -> Self {
        let count = contenders.len();
        let row = |cell: &Cell| Row {
            cell: *cell,
            rates: vec![Vec::new(); count],
            latencies: vec![Vec::new(); count],
            failed: vec![0; count],
            processor: vec![Vec::new(); count],
        };
        Self { contenders: contenders.to_vec(), rows: cells.iter().map(row).collect() }
    }

    pub fn add(&mut self, contender: Contender, cell: &Cell, measured: Measured) {
        let at = self.contenders.iter().position(|one| *one == contender);
        let row = self.rows.iter_mut().find(|row| row.cell == *cell);
        if let Some((at, row)) = at.zip(row) {
            row.rates[at].push(measured.rate);
            row.latencies[at].extend(measured.latencies);
            row.failed[at] += measured.failed;
            row.processor[at].push(measured.processor.as_secs_f64());
        }
    }

    pub fn print(&self, rounds: usize) {
        let name = |at: &usize| self.contenders[*at].name();
        let all: Vec<usize> = (0..self.contenders.len()).collect();
        println!("Rates, medians of {rounds} rounds:\n");
        print_head(all.iter().map(name));
        for row in &self.rows {
            let rate = |rates: &Vec<f64>| match row.cell.size {
                size if size < SMALL => format!("{:.0}/s", middle(rates) / size as f64),
                _ => format!("{:.0} MiB/s", middle(rates) / f64::from(1 << 20)),
            };
            print_row(row, row.rates.iter().map(rate));
        }
        for (ours, first) in self.contenders.iter().enumerate() {
            if !matches!(first, Contender::Ours { .. }) && ours > 0 {
                continue;
            }
            println!(
                "\n**{}** to the others (above 1: faster than they), medians of the rounds' \
                 ratios:\n",
                first.name()
            );
            let others: Vec<usize> = all.iter().copied().filter(|other| *other != ours).collect();
            print_head(others.iter().map(name));
            for row in &self.rows {
                let field = |at: &usize| ratio(median_ratio(&row.rates[ours], &row.rates[*at]));
                print_row(row, others.iter().map(field));
            }
        }
        println!("\nThe processor time that the server took for a request:\n");
        print_head(all.iter().map(name));
        for row in &self.rows {
            print_row(row, row.processor.iter().map(|taken| processor(middle(taken))));
        }
        if self.rows.iter().any(|row| row.failed.iter().any(|failed| *failed > 0)) {
            println!("\nRequests that met an error of the server's, and are not counted:\n");
            print_head(all.iter().map(name));
            for row in &self.rows {
                print_row(row, row.failed.iter().map(usize::to_string));
            }
        }
        if self.rows.iter().all(|row| row.cell.size >= SMALL) {
            return;
        }
        println!("\nHow long a request took, median / 99th percentile / how many over 30 ms:\n");
        print_head(all.iter().map(name));
        for row in &self.rows {
            print_row(row, row.latencies.iter().map(|taken| latency(taken)));
        }
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.cell.operation {
            Operation::Put => "PUT",
            Operation::Get => "GET",
        };
        write!(f, "{what} {}, {} in flight", size(self.cell.size), self.cell.in_flight)
    }
}

/// A size in a human-readable unit.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn middle(rates: &[f64]) -> f64 {
    median(rates).unwrap_or(f64::NAN)
}

fn processor(seconds: f64) -> String {
    match seconds {
        0.0..0.01 => format!("{:.0} µs", seconds * 1e6),
        _ => format!("{:.0} ms", seconds * 1e3),
    }
}

fn latency(taken: &[Duration]) -> String {
    let mut sorted = taken.to_vec();
    sorted.sort();
    let at = |part: f64| {
        let at = (sorted.len() as f64 * part) as usize;
        sorted.get(at.min(sorted.len().saturating_sub(1))).copied().unwrap_or_default()
    };
    let stalls = sorted.iter().filter(|taken| **taken > STALL).count();
    format!("{:.2} / {:.2} ms / {stalls}", ms(at(0.5)), ms(at(0.99)))
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
