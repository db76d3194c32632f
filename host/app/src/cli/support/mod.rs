//! What the verbs share.

pub mod context;
pub mod exit;
pub mod keys;
pub mod names;
pub mod output;
pub mod paths;
pub mod preflight;
pub mod range;
pub mod report;
pub mod skipped;
pub mod staging;
pub mod transfer;
pub mod watch;
