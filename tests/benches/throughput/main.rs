//! The S3 endpoint compared with other servers: one client, one run, one disk.
//!
//! Build `storage-host` in the same profile first, as the bench `performance` does; then
//! `cargo bench --profile dist --workspace --bench throughput`, with any of
//!
//! - `-- --dir DIR`: the location of the servers' objects (default: the working
//!   directory);
//! - `--rounds N`, `--sizes 4096,1048576`, `--in-flight 1,16`: what to measure
//!   (default: 5 rounds of 4 KiB and 1 MiB with 1 and 16 in flight, and 256 MiB with
//!   1);
//! - `--only durable,rclone`: servers to measure. The first one is the reference;
//! - `--other PATH`: the binary of another build, to measure as well.
//!
//! Every round restarts the servers, and they take turns in each cell. The result is
//! the median of the rounds' ratios, since noise affects neighbours in time alike.

mod cell;
mod client;
mod contender;
mod processor;
mod table;

use anyhow::{Context, Result, ensure};
use cell::{Cell, Operation};
use contender::{Contender, Running};
use std::path::{Path, PathBuf};
use storage_tests::figures::{self, is_wanted, option};
use table::Table;

fn main() -> Result<()> {
    if let Some(folder) = option(contender::SERVE_S3S_FS) {
        return contender::serve_s3s_fs(&folder);
    }
    let place = option("--dir").map_or_else(std::env::current_dir, |dir| Ok(PathBuf::from(dir)))?;
    let rounds = figures::rounds(5)?;
    let sizes = numbers("--sizes")?.unwrap_or(vec![4 * 1024, 1024 * 1024, 256 * 1024 * 1024]);
    let in_flight = numbers("--in-flight")?;
    let other = option("--other").map(PathBuf::from);
    let is_wanted = |contender: &Contender| {
        is_wanted(contender.name())
            && (other.is_some() || !matches!(contender, Contender::Other { .. }))
    };
    let contenders: Vec<_> = Contender::ALL.into_iter().filter(is_wanted).collect();
    let mut cells = Vec::new();
    for size in sizes {
        // Sixteen large objects for every server need 20 GB, and minutes.
        let default = if Cell::is_large(size) { vec![1] } else { vec![1, 16] };
        for in_flight in in_flight.as_ref().unwrap_or(&default) {
            for operation in [Operation::Put, Operation::Get] {
                cells.push(Cell { operation, size, in_flight: usize::try_from(*in_flight)? });
            }
        }
    }
    let other = other.unwrap_or_default();
    for cells in cells.chunk_by(|a, b| a.size == b.size) {
        let mut table = Table::new(&contenders, cells);
        for round in 1..=rounds {
            eprintln!("objects of {}, round {round} of {rounds}", table::size(cells[0].size));
            measure(cells, &contenders, (&place, &other), &mut table)?;
        }
        println!("\n### Objects of {}\n", table::size(cells[0].size));
        table.print(rounds);
    }
    Ok(())
}

/// Runs one round of the cells of one size.
fn measure(
    cells: &[Cell],
    contenders: &[Contender],
    (place, other): (&Path, &Path),
    table: &mut Table,
) -> Result<()> {
    let mut servers = Vec::new();
    for contender in contenders {
        let start = || {
            let server = Running::start(*contender, place, other)?;
            let reads = cells.iter().find(|cell| cell.operation == Operation::Get);
            reads.map(|cell| cell.prepare(&server)).transpose()?;
            anyhow::Ok(server)
        };
        servers.push((*contender, start().with_context(|| contender.name())?));
    }
    for cell in cells {
        for (contender, server) in &servers {
            if Cell::is_large(cell.size) {
                // Unwritten data of one server must not burden the next.
                rustix::fs::sync();
            }
            let measured = cell.measure(server).and_then(|measured| {
                cell.clean(server)?;
                Ok(measured)
            });
            let measured = measured.with_context(|| contender.name())?;
            let ours = matches!(contender, Contender::Ours { .. } | Contender::Other { .. });
            ensure!(!ours || measured.failed == 0, "{} failed", contender.name());
            table.add(*contender, cell, measured);
        }
    }
    Ok(())
}

fn numbers(name: &str) -> Result<Option<Vec<u64>>> {
    let Some(list) = option(name) else { return Ok(None) };
    list.split(',').map(|number| Ok(number.parse()?)).collect::<Result<_>>().map(Some)
}
