//! The requirements for every store: functions over a
//! [`Subject`](crate::subject::Subject), each with the
//! capabilities that it needs.

mod case;
mod conditional;
mod deleting;
mod expect;
mod keys;
mod listing;
mod metadata;
mod ranges;
mod reading;
mod refusing;
mod writing;

pub use crate::values::{LENGTHS, bytes};
pub use case::Case;

/// Every case.
pub fn all() -> impl Iterator<Item = &'static Case> {
    [
        reading::CASES,
        ranges::CASES,
        writing::CASES,
        deleting::CASES,
        listing::CASES,
        conditional::CASES,
        metadata::CASES,
        keys::CASES,
        refusing::CASES,
    ]
    .into_iter()
    .flatten()
}
