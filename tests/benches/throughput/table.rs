//! What is printed.

use crate::cell::{Cell, Measured, Operation};
use crate::contender::Contender;
use std::time::Duration;

/// An answer that takes this long waited for a timer: the peer's system
/// delays its acknowledgement for 40 ms.
const STALL: Duration = Duration::from_millis(30);

/// Objects below this size are counted; larger ones by their bytes.
const SMALL: u64 = 64 * 1024;

pub struct Table {
    contenders: Vec<Contender>,
    rows: Vec<Row>,
}

struct Row {
    cell: Cell,
    /// For each contender, a rate for each round.
    rates: Vec<Vec<f64>>,
    latencies: Vec<Vec<Duration>>,
    failed: Vec<usize>,
}

impl Table {
    pub fn new(contenders: &[Contender], cells: &[Cell]) -> Self {
        let count = contenders.len();
        let row = |cell: &Cell| Row {
            cell: *cell,
            rates: vec![Vec::new(); count],
            latencies: vec![Vec::new(); count],
            failed: vec![0; count],
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
        }
    }

    pub fn print(&self) {
        println!("Medians of what was moved:\n");
        self.header(&self.contenders);
        for row in &self.rows {
            let rate = |rates: &Vec<f64>| match row.cell.size {
                size if size < SMALL => format!("{:.0}/s", median(rates) / size as f64),
                _ => format!("{:.0} MiB/s", median(rates) / f64::from(1 << 20)),
            };
            line(row, row.rates.iter().map(rate));
        }
        for (ours, first) in self.contenders.iter().enumerate() {
            if !matches!(first, Contender::Ours { .. }) && ours > 0 {
                continue;
            }
            let others: Vec<_> =
                (0..self.contenders.len()).filter(|other| *other != ours).collect();
            println!("\nMedians of the rounds' ratios, \"{}\" to:\n", first.name());
            self.header(&others.iter().map(|at| self.contenders[*at]).collect::<Vec<_>>());
            for row in &self.rows {
                let ratio = |other: &usize| {
                    let pairs = row.rates[ours].iter().zip(&row.rates[*other]);
                    format!(
                        "{:.2}",
                        median(&pairs.map(|(ours, other)| ours / other).collect::<Vec<_>>())
                    )
                };
                line(row, others.iter().map(ratio));
            }
        }
        if self.rows.iter().any(|row| row.failed.iter().any(|failed| *failed > 0)) {
            println!("\nRequests that met an error of the server's, and are not counted:\n");
            self.header(&self.contenders);
            for row in &self.rows {
                line(row, row.failed.iter().map(usize::to_string));
            }
        }
        if self.rows.iter().all(|row| row.cell.size >= SMALL) {
            return;
        }
        println!("\nHow long a request took, median / 99th percentile / how many over 30 ms:\n");
        self.header(&self.contenders);
        for row in &self.rows {
            line(row, row.latencies.iter().map(|taken| latency(taken)));
        }
    }

    fn header(&self, contenders: &[Contender]) {
        let names: Vec<_> = contenders.iter().map(|contender| contender.name()).collect();
        println!("| | {} |", names.join(" | "));
        println!("|---|{}", "--:|".repeat(names.len()));
    }
}

fn line(row: &Row, fields: impl Iterator<Item = String>) {
    let what = match row.cell.operation {
        Operation::Put => "PUT",
        Operation::Get => "GET",
    };
    let fields: Vec<_> = fields.collect();
    let size = size(row.cell.size);
    println!("| {what} {size}, {} in flight | {} |", row.cell.in_flight, fields.join(" | "));
}

/// A size as people say it.
pub fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(f64::NAN)
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
