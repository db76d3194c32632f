//! What the instances of a component may use.

use super::TICK;
use crate::config::PluginLimits;
use std::time::Duration;

/// Bounds of one instance, of one call, and of all instances of one chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of linear memory of an instance.
    pub memory: usize,
    /// Elements of a table.
    pub table: usize,
    /// Handles of host resources that an instance holds at a time.
    pub handles: usize,
    /// Epochs of processor time that a call may use; `None`: it is not
    /// interrupted, and its engine has no epochs.
    pub ticks: Option<u32>,
    /// How long a call may take; `None`: as long as its bases need.
    pub call: Option<Duration>,
    /// Instances of one chain: the calls and streams that may be under way.
    pub instances: usize,
    /// Bytes that one reader may give.
    pub object_size: u64,
}

impl Limits {
    /// Of the built-in decorators. They stream, so their need of memory does
    /// not grow with the objects; JSON documents and whole small objects set
    /// it. What a call does grows with what it is given, and that is at most a
    /// chunk, a page or a small object: to look at the clock in each loop would
    /// cost gzip a sixth of its speed ([decision 16]). Instances are more than
    /// the endpoint takes requests by default: clients that stall must not hold
    /// up those that don't.
    ///
    /// [decision 16]: https://github.com/storage-host/storage-host/blob/main/docs/decisions/0016-our-own-guests-are-not-interrupted.md
    pub const BUILT_IN: Self = Self {
        memory: super::MAX_MEMORY,
        table: 20_000,
        handles: 10_000,
        ticks: None,
        call: None,
        instances: 640,
        object_size: u64::MAX,
    };
}

impl From<&PluginLimits> for Limits {
    fn from(limits: &PluginLimits) -> Self {
        let ticks = limits.fuel.as_millis().div_ceil(TICK.as_millis());
        Self {
            memory: usize::try_from(limits.memory).unwrap_or(usize::MAX),
            // Interpreters of other languages have this many functions.
            table: 200_000,
            // An open reader or writer may hold buffers of its base.
            handles: 256,
            ticks: Some(u32::try_from(ticks).unwrap_or(u32::MAX)),
            call: Some(limits.call_timeout),
            instances: limits.instances,
            object_size: limits.object_size,
        }
    }
}
