//! Preconditions of writes: checks what can be checked now, and finds out whether the
//! server acts on them, when they are first needed, and again after a failure, so that
//! an outage does not disable them for the life of the process.

use super::condition::Condition;
use super::condition_support::{Attempt, Verdict};
use super::probe;
use super::shared::Shared;
use futures::FutureExt;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use storage_store::{Error, PutOptions, Result};

impl Condition {
    /// Checks what can be checked now; the server checks again.
    pub(super) async fn new(shared: &Arc<Shared>, key: &str, options: &PutOptions) -> Result<Self> {
        if !options.if_absent && options.if_match.is_none() {
            return Ok(Condition::None);
        }
        shared.refuse_conditions().await?;
        let Some(wanted) = &options.if_match else { return Ok(Condition::Absent) };
        let found = shared.head(key).await?;
        if options.if_absent {
            return Err(Error::AlreadyExists);
        }
        match found.info.etag.as_ref() == Some(wanted) {
            true => Ok(Condition::Match(found.etag)),
            false => Err(Error::PreconditionFailed),
        }
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

    /// Refuses preconditions that the server would not act on.
    async fn refuse_conditions(self: &Arc<Self>) -> Result<()> {
        let why = match self.conditions().await? {
            Verdict::Acts => return Ok(()),
            Verdict::Ignores => "the server does not act on them",
            Verdict::Races => "the server checks them before it writes, not in one step",
            Verdict::Forbidden => {
                "these keys may not write what tries the server out; where it acts on them, say \
                 conditional: true"
            }
        };
        Err(Error::Unsupported(format!(
            "{}: preconditions of writes (if-absent, if-match) are refused: {why}",
            self.place
        )))
    }
}
