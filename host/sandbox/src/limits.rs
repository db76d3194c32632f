//! Resource limits of a component's instances.

use super::epoch::TICK;
use crate::options::PluginLimits;
use std::time::Duration;

/// The most linear memory of an instance of the built-in decorators, in bytes.
pub const MAX_MEMORY: usize = 512 * 1024 * 1024;

/// Limits of one instance, of one call, and of all instances of one chain.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes of linear memory per instance.
    pub memory: usize,
    /// Elements per table.
    pub table: usize,
    /// Host resource handles that an instance may hold at a time.
    pub handles: usize,
    /// Epochs of processor time per call. `None`: calls are not interrupted, and the
    /// engine runs without epochs.
    pub ticks: Option<u32>,
    /// How long a call may take. `None`: as long as its bases need.
    pub call: Option<Duration>,
    /// Instances per chain, and so calls and streams at a time.
    pub instances: usize,
    /// Bytes that one reader may return.
    pub object_size: u64,
}

impl Limits {
    /// Limits of the built-in decorators. They stream, so their memory does not grow
    /// with the objects; JSON documents and small objects held whole set it. The work
    /// of a call grows with its input, which is at most a chunk, a page or a small
    /// object, so calls are not interrupted: checking the clock in each loop would cost
    /// gzip a sixth of its speed ([decision 16]). There are more instances than the
    /// endpoint takes requests by default, so that stalled clients do not hold up
    /// others.
    ///
    /// [decision 16]: https://github.com/storage-host/storage-host/blob/main/docs/decisions/0016-our-own-guests-are-not-interrupted.md
    pub const BUILT_IN: Self = Self {
        memory: MAX_MEMORY,
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
        let ticks = limits.cpu_time.as_millis().div_ceil(TICK.as_millis());
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
