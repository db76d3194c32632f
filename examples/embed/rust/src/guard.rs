//! A lock of the coordinator.

/// The name of a held lock.
pub struct Guard(pub(crate) String);
