//! Which children of a mirror fail, as all that serve it share it.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// So many failures in a row, and a child counts as down.
pub(super) const PATIENCE: u32 = 3;
/// The longest that a child is left out before it is asked again, in
/// milliseconds. Under `all`, no write goes well in that time.
pub(super) const LONGEST_PAUSE: u64 = 8_000;

/// The name of the shared value.
pub fn shared_name(mirror: &str) -> String {
    format!("{mirror}/breaker")
}

/// A child that did not answer lately.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Trouble {
    /// Failures in a row.
    pub failures: u32,
    /// When it is asked again, and the pause before that.
    pub retry_at: u64,
    pub pause: u64,
}

impl Trouble {
    pub fn is_down(&self) -> bool {
        self.failures >= PATIENCE
    }

    /// How long it is left out from now on; `None`: it may be asked. A clock
    /// that was set back does not count.
    pub fn left_out(&self, now: u64) -> Option<u64> {
        let left = self.retry_at.saturating_sub(now);
        (self.is_down() && left > 0 && left <= LONGEST_PAUSE).then_some(left)
    }
}

/// The shared value. Children go by their names: a reload may change their
/// order.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Troubles {
    pub(super) failing: BTreeMap<String, Trouble>,
    /// Those that listings go on without, although they answer.
    #[serde(default)]
    pub(super) unlisted: BTreeSet<String>,
}

impl Troubles {
    /// Reads the shared value.
    pub fn decode(value: &[u8]) -> Self {
        serde_json::from_slice(value).unwrap_or_default()
    }

    /// The shared value; `None`: there is nothing to share.
    pub fn encode(&self) -> Option<Vec<u8>> {
        let empty = self.failing.is_empty() && self.unlisted.is_empty();
        (!empty).then(|| serde_json::to_vec(self).ok()).flatten()
    }

    /// Whether a child is down.
    pub fn is_any_down(&self) -> bool {
        self.failing.values().any(Trouble::is_down)
    }

    /// Notes that a child answers; whether it was down.
    pub fn answers(&mut self, child: &str) -> Option<bool> {
        self.failing.remove(child).map(|trouble| trouble.is_down())
    }
}
