//! The failures of a mirror's children, as shared between its instances.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A child counts as down after this many failures in a row.
pub(super) const PATIENCE: u32 = 3;
/// The longest time that a child is left out before it is tried again, in
/// milliseconds. Under `all`, no write succeeds in that time.
pub(super) const LONGEST_PAUSE: u64 = 8_000;

/// The name of the shared value.
pub fn shared_name(mirror: &str) -> String {
    format!("{mirror}/breaker")
}

/// The recent failures of a child.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// When to try it again, and the pause before that; milliseconds.
    pub retry_at: u64,
    pub pause: u64,
}

impl Trouble {
    pub fn is_down(&self) -> bool {
        self.failures >= PATIENCE
    }

    /// For how many more milliseconds it is left out; `None` if it may be tried.
    /// Ignores a time that only a clock set back explains.
    pub fn left_out(&self, now: u64) -> Option<u64> {
        let left = self.retry_at.saturating_sub(now);
        (self.is_down() && left > 0 && left <= LONGEST_PAUSE).then_some(left)
    }
}

/// The shared value. Children are identified by name, because a reload may change
/// their order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Troubles {
    pub(super) failing: BTreeMap<String, Trouble>,
    /// Children that answer, but are left out of listings.
    #[serde(default)]
    pub(super) unlisted: BTreeSet<String>,
}

impl Troubles {
    /// Decodes the shared value.
    pub fn decode(value: &[u8]) -> Self {
        serde_json::from_slice(value).unwrap_or_default()
    }

    /// Encodes the shared value; `None` if there is nothing to share.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let empty = self.failing.is_empty() && self.unlisted.is_empty();
        (!empty).then(|| serde_json::to_vec(self).ok()).flatten()
    }

    /// Whether any child is down.
    pub fn is_any_down(&self) -> bool {
        self.failing.values().any(Trouble::is_down)
    }

    /// Records that a child answers. Returns whether it was down, or `None` if it
    /// had not failed.
    pub fn answers(&mut self, child: &str) -> Option<bool> {
        self.failing.remove(child).map(|trouble| trouble.is_down())
    }
}
