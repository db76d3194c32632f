//! What is known of a server's preconditions of writes.

use futures::future::{self, BoxFuture};
use std::sync::atomic::AtomicBool;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use storage_store::Result;

/// How long a lack of rights counts. Rights may change, and take time to do so.
const FORBIDDEN_FOR: Duration = Duration::from_secs(60);

/// How a server treats preconditions of writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It acts on them, as far as a trial can show.
    Acts,
    /// It ignores them.
    Ignores,
    /// It checks them before it writes, not in one step: of two concurrent writes
    /// both may succeed.
    Races,
    /// The keys lack the rights for the trial.
    Forbidden,
}

/// A trial, shared by everyone who waits for it.
pub(super) type Attempt = future::Shared<BoxFuture<'static, Result<Verdict>>>;

/// What is known about preconditions.
pub(super) struct ConditionSupport {
    /// The verdict, and when it expires.
    verdict: Mutex<Option<(Verdict, Option<Instant>)>>,
    /// Whether a write that must fail did fail. Only the race is left to try.
    pub(super) refuses: AtomicBool,
    pub(super) attempt: Mutex<Option<Attempt>>,
}

impl ConditionSupport {
    /// `acts` is the configured answer; `None` to find out.
    pub(super) fn new(acts: Option<bool>) -> Self {
        let verdict = acts.map(|acts| if acts { Verdict::Acts } else { Verdict::Ignores });
        Self {
            verdict: Mutex::new(verdict.map(|verdict| (verdict, None))),
            refuses: AtomicBool::new(false),
            attempt: Mutex::default(),
        }
    }

    /// Whether the store declares preconditions. Most servers act on them; if this
    /// one turns out not to, they are refused.
    pub(super) fn claimed(&self) -> bool {
        matches!(self.known(), None | Some(Verdict::Acts))
    }

    pub(super) fn known(&self) -> Option<Verdict> {
        self.known_at(Instant::now())
    }

    fn known_at(&self, now: Instant) -> Option<Verdict> {
        let known = *self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let (verdict, until) = known?;
        until.is_none_or(|until| now < until).then_some(verdict)
    }

    pub(super) fn settle(&self, verdict: Verdict) {
        let until = (verdict == Verdict::Forbidden).then(|| Instant::now() + FORBIDDEN_FOR);
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some((verdict, until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_does_is_known_for_good_and_what_keys_may_not_try_for_a_while() {
        let later = Instant::now() + Duration::from_secs(3600);
        for verdict in [Verdict::Acts, Verdict::Ignores, Verdict::Races] {
            let conditions = ConditionSupport::new(None);
            assert!(conditions.claimed());
            conditions.settle(verdict);
            assert_eq!(conditions.claimed(), verdict == Verdict::Acts);
            assert_eq!(conditions.known_at(later), Some(verdict));
        }
        let conditions = ConditionSupport::new(None);
        conditions.settle(Verdict::Forbidden);
        assert_eq!(conditions.known(), Some(Verdict::Forbidden));
        assert!(!conditions.claimed());
        assert_eq!(conditions.known_at(later), None);
    }
}
