//! The host's stores compared with other libraries that do the same work in the same
//! run: the Python library `storage`, OpenDAL and object_store, over memory, files,
//! SQLite and a bucket, alone and with the nearest decorator.
//!
//! `cargo bench --workspace --bench libraries`, with any of
//!
//! - `-- --dir DIR`: the location of files, databases and the bucket's server (default:
//!   the working directory);
//! - `--rounds N`: measurements per cell (default 5);
//! - `--only memory,sqlite`: backends to measure.
//!
//! The first run builds `tests/contenders`, which takes minutes. The Python library
//! takes part if `STORAGE_PYTHON_LIBRARY` names its source folder. In each round the
//! libraries take turns in a cell; the result is the median of the rounds' ratios.

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
        // The seconds of all rounds, per cell and library.
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
