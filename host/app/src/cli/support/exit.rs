//! Exit codes, and what a verb returns.

use std::fmt;
use storage_store::Error;

/// Success. The exit codes are stable and documented in `docs/cli.md`.
pub const DONE: u8 = 0;
/// There is no such object, or the answer is no.
pub const NO: u8 = 1;
/// The command line is wrong.
pub const USAGE: u8 = 2;
/// The configuration or a plug-in is wrong.
pub const CONFIG: u8 = 3;
/// Some items failed, others succeeded.
pub const PARTLY: u8 = 4;
/// A store failed.
pub const STORE: u8 = 5;
/// Interrupted by the user.
pub const INTERRUPTED: u8 = 130;

/// A command line that can't be executed, with the reason and the fix.
#[derive(Debug, PartialEq, Eq)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The reason why a file is not a usable plug-in.
#[derive(Debug)]
pub struct Unusable(pub String);

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unusable {}

/// An exit code or an error.
pub type Outcome = anyhow::Result<u8>;

/// Whether the cause is a missing object.
pub fn is_not_found(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Error>() == Some(&Error::NotFound))
}
