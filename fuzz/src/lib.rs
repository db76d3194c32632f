//! Fuzz targets: functions that panic if hostile input breaks a promise.
//!
//! `tests/replay.rs` runs each over `corpus/`, which holds earlier findings, and
//! over mutations of it.

mod archive;
mod config;
mod database;
mod endpoint;
mod errors;
mod keys;
mod plugin;
pub mod requests;
mod runtime;
mod streams;

/// A fuzz target.
pub struct Target {
    /// Its name, which is also its directory in `corpus/`.
    pub name: &'static str,
    /// Panics if the input breaks a promise.
    pub run: fn(&[u8]),
    /// The number of mutations in a short run.
    pub short: usize,
}

/// All targets.
pub const TARGETS: &[Target] = &[
    Target { name: "config", run: config::run, short: 4_000 },
    Target { name: "keys", run: keys::run, short: 4_000 },
    Target { name: "streams", run: streams::run, short: 8_000 },
    Target { name: "archive", run: archive::run, short: 300 },
    Target { name: "database", run: database::run, short: 200 },
    Target { name: "endpoint", run: endpoint::run, short: 1_000 },
    Target { name: "requests", run: requests::run, short: 20_000 },
    Target { name: "plugin", run: plugin::run, short: 100 },
];

/// The target with this name.
///
/// # Panics
///
/// If there is none.
pub fn target(name: &str) -> &'static Target {
    let found = TARGETS.iter().find(|target| target.name == name);
    found.unwrap_or_else(|| panic!("there is no target {name:?}"))
}
