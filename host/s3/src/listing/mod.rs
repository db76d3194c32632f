//! Listings of stores that don't list in the order of keys.
//!
//! Such a store is looked through once for a listing, and not for each of its pages: the
//! entries are sorted in runs, of which those that are too large for memory go to a
//! temporary file, and pages are read from the runs.

mod run;
mod snapshot;
pub mod snapshots;
