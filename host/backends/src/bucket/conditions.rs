//! Finds out whether the server acts on preconditions of writes: when they are
//! first needed, and again after a failure, so that an outage does not disable them
//! for the life of the process.

use super::{Shared, probe};
use futures::FutureExt;
use futures::future::{self, BoxFuture};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use storage_store::{Error, Result};

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
type Attempt = future::Shared<BoxFuture<'static, Result<Verdict>>>;

/// What is known about preconditions.
pub(super) struct Conditions {
    /// The verdict, and when it expires.
    verdict: Mutex<Option<(Verdict, Option<Instant>)>>,
    /// Whether a write that must fail did fail. Only the race is left to try.
    refuses: AtomicBool,
    attempt: Mutex<Option<Attempt>>,
}

impl Conditions {
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

    fn known(&self) -> Option<Verdict> {
        self.known_at(Instant::now())
    }

    fn known_at(&self, now: Instant) -> Option<Verdict> {
        let known = *self.verdict.lock().unwrap_or_else(PoisonError::into_inner);
        let (verdict, until) = known?;
        until.is_none_or(|until| now < until).then_some(verdict)
    }

    fn settle(&self, verdict: Verdict) {
        let until = (verdict == Verdict::Forbidden).then(|| Instant::now() + FORBIDDEN_FOR);
        *self.verdict.lock().unwrap_or_else(PoisonError::into_inner) = Some((verdict, until));
    }
}

impl Shared {
    /// Tries a write that must fail, which creates no object on most servers.
    pub(super) async fn try_conditions(self: &Arc<Self>) -> Result<()> {
        match probe::refused(self).await? {
            Verdict::Acts => self.conditions.refuses.store(true, Ordering::Relaxed),
            verdict => self.conditions.settle(verdict),
        }
        Ok(())
    }

    /// Returns the verdict, trying the server if necessary. `Unavailable` if it
    /// can't be reached.
    pub(super) async fn conditions(self: &Arc<Self>) -> Result<Verdict> {
        if let Some(verdict) = self.conditions.known() {
            return Ok(verdict);
        }
        self.attempt().await
    }

    fn attempt(self: &Arc<Self>) -> Attempt {
        let mut held = self.conditions.attempt.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(attempt) = held.as_ref().filter(|attempt| attempt.peek().is_none()) {
            return attempt.clone();
        }
        // A task of its own, so that it cleans up even if all callers go away.
        let shared = self.clone();
        let task = self.tasks.spawn_on(async move { shared.find_out().await }, &self.runtime);
        let attempt = task
            .map(|done| done.unwrap_or_else(|e| Err(Error::Unavailable(e.to_string()))))
            .boxed()
            .shared();
        *held = Some(attempt.clone());
        attempt
    }

    async fn find_out(self: Arc<Self>) -> Result<Verdict> {
        if !self.conditions.refuses.load(Ordering::Relaxed) {
            self.try_conditions().await?;
        }
        if let Some(verdict) = self.conditions.known() {
            return Ok(verdict);
        }
        // Amazon documents that one of several concurrent writes wins.
        let verdict = if self.amazon { Verdict::Acts } else { probe::race(&self).await? };
        if verdict == Verdict::Races {
            tracing::warn!(
                target: "storage",
                "{}: the server checks preconditions of writes, but not in one step with the \
                 write: of several at once, more than one succeeded; they are refused",
                self.place
            );
        }
        self.conditions.settle(verdict);
        Ok(verdict)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_server_does_is_known_for_good_and_what_keys_may_not_try_for_a_while() {
        let later = Instant::now() + Duration::from_secs(3600);
        for verdict in [Verdict::Acts, Verdict::Ignores, Verdict::Races] {
            let conditions = Conditions::new(None);
            assert!(conditions.claimed());
            conditions.settle(verdict);
            assert_eq!(conditions.claimed(), verdict == Verdict::Acts);
            assert_eq!(conditions.known_at(later), Some(verdict));
        }
        let conditions = Conditions::new(None);
        conditions.settle(Verdict::Forbidden);
        assert_eq!(conditions.known(), Some(Verdict::Forbidden));
        assert!(!conditions.claimed());
        assert_eq!(conditions.known_at(later), None);
    }
}
