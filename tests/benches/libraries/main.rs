//! The host's stores beside other libraries that do the same work in the same
//! run: the Python library `storage`, OpenDAL and object_store, over memory,
//! files, SQLite and a bucket, alone and with the nearest decorator.
//!
//! `cargo bench --workspace --bench libraries`, with any of
//!
//! - `-- --dir DIR`: where files, databases and the bucket's server are kept
//!   (else the working directory);
//! - `--rounds N`: how often each cell is measured (else 5);
//! - `--only memory,sqlite`: some of the backends.
//!
//! The first run builds `tests/contenders`, which takes minutes. The Python
//! library takes part where `STORAGE_PYTHON_LIBRARY` names the folder of its
//! source. In each round one library after the other has its turn in a cell;
//! what counts is the median of the rounds' ratios.

mod cell;
mod library;
mod ours;
mod table;

use anyhow::{Context, Result};
use cell::{BACKENDS, Cell};
use library::{Library, Running};
use std::path::PathBuf;
use storage_tests::figures::{self, is_wanted, option};
use storage_tests::servers::garage::{Build, Node};

fn main() -> Result<()> {
    let place = option("--dir").map_or_else(std::env::current_dir, |dir| Ok(PathBuf::from(dir)))?;
    let rounds = figures::rounds(5)?;
    let mut running = Vec::new();
    for library in Library::ALL {
        match Running::start(library)? {
            Some(started) => running.push(started),
            None => eprintln!("{} is not here and takes no part", library.name()),
        }
    }
    for backend in BACKENDS.iter().filter(|backend| is_wanted(backend.name)) {
        let folder = tempfile::tempdir_in(&place)?;
        let node = match backend.name {
            "bucket" => Some(Node::alone(folder.path(), Build::Optimised, false)?),
            _ => None,
        };
        let cells = Cell::all(backend);
        // For each cell and library, the seconds of the rounds.
        let mut taken = vec![vec![Vec::new(); running.len()]; cells.len()];
        for round in 1..=rounds {
            eprintln!("{}, round {round} of {rounds}", backend.name);
            for (cell, taken) in cells.iter().zip(&mut taken) {
                for (library, taken) in running.iter_mut().zip(taken) {
                    let directory = tempfile::tempdir_in(&place)?;
                    let bucket = match &node {
                        Some(node) => node.config(&node.bucket()?),
                        None => library::no_bucket(),
                    };
                    let seconds = library.measure(cell, directory.path(), &bucket);
                    let seconds = seconds
                        .with_context(|| format!("{} at {cell}", library.library().name()))?;
                    taken.extend(seconds);
                }
            }
        }
        let libraries: Vec<_> = running.iter().map(Running::library).collect();
        table::print(backend, rounds, &libraries, &cells, &taken);
    }
    Ok(())
}
