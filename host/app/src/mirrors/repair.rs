//! Heals one key: looks at all children, decides which copy is right, and makes the
//! others equal to it.

use super::conflict::{Resolution, View, decide};
use super::copy::{RepairError, copy, remove, same};
use super::liveness::Liveness;
use super::mirror::Mirror;
use super::report::{Event, Left, Watcher};
use futures::future::join_all;
use storage_core::decorators::mirroring::record::Recorded;
use storage_sandbox::coordinator::Guard;
use storage_store::{Error, ObjectInfo, Result};

/// How often to retry a key that changes meanwhile.
const TRIES: usize = 5;

/// Options for healing a key.
#[derive(Clone)]
pub(super) struct Repairing {
    pub dry_run: bool,
    /// Compare keys that are not on record, too.
    pub full: bool,
    pub watch: Watcher,
}

/// What was done for one key, by child.
#[derive(Debug, Default)]
pub(super) struct Repaired {
    pub copied: Vec<(usize, u64)>,
    pub removed: Vec<usize>,
    pub left: Vec<Left>,
}

/// The outcome of one attempt at a key.
enum Look {
    Done,
    /// The key changed meanwhile.
    Again,
}

impl Mirror {
    /// Makes the children equal for one key: those on record as behind, or all of them
    /// if a write was cut off or nothing is on record. Returns an error only if the
    /// journal fails.
    pub(super) async fn repair(
        &self,
        key: &str,
        liveness: &Liveness,
        how: &Repairing,
    ) -> Result<Repaired> {
        let mut repaired = Repaired::default();
        // Don't make writers wait for a child that does not answer.
        if let Some(left) = self.hopeless(key, liveness, how).await? {
            self.tell(key, &left, how);
            repaired.left = left;
            return Ok(repaired);
        }
        for _ in 0..TRIES {
            repaired.left.clear();
            // Writers in this process wait; a change by another process is detected.
            let turn = self.coordinator.lock(&format!("{}/write/{key}", self.name)).await?;
            if let Look::Done = self.look(&turn, key, liveness, how, &mut repaired).await? {
                self.tell(key, &repaired.left, how);
                return Ok(repaired);
            }
        }
        let why = "it is being written all the time".to_owned();
        repaired.left = vec![Left { child: None, why }];
        self.tell(key, &repaired.left, how);
        Ok(repaired)
    }

    fn tell(&self, key: &str, left: &[Left], how: &Repairing) {
        for Left { child, why } in left {
            let child = child.map(|child| self.child(child));
            (how.watch)(Event::Left { child, key, why });
        }
    }

    /// Why nothing can be done for this key now; `None` if something can.
    async fn hopeless(
        &self,
        key: &str,
        liveness: &Liveness,
        how: &Repairing,
    ) -> Result<Option<Vec<Left>>> {
        let noted = self.journal.of(key).await?;
        if noted.recorded.is_clean() && !how.full {
            return Ok(None);
        }
        let views = self.views(key, liveness).await;
        let truth = match decide(&noted.recorded, &views) {
            Ok(truth) => truth,
            Err(why) => return Ok(Some(vec![Left { child: None, why }])),
        };
        let mut left = Vec::new();
        for (child, view) in targets(&noted.recorded, &truth, &views) {
            let View::Failed(error) = view else { return Ok(None) };
            left.push(Left { child: Some(child), why: error.to_string() });
        }
        Ok((!left.is_empty()).then_some(left))
    }

    async fn views(&self, key: &str, liveness: &Liveness) -> Vec<View> {
        join_all((0..self.children.len()).map(|child| self.view(child, key, liveness))).await
    }

    /// Looks at a key that is locked by `turn`, and changes it while it is.
    async fn look(
        &self,
        turn: &Guard,
        key: &str,
        liveness: &Liveness,
        how: &Repairing,
        repaired: &mut Repaired,
    ) -> Result<Look> {
        let noted = self.journal.of(key).await?;
        if noted.recorded.is_clean() && !how.full {
            // A write has healed it meanwhile.
            return Ok(Look::Done);
        }
        let views = self.views(key, liveness).await;
        let truth = match decide(&noted.recorded, &views) {
            Ok(truth) => truth,
            Err(why) => {
                repaired.left.push(Left { child: None, why });
                return Ok(Look::Done);
            }
        };
        let mut left = Vec::new();
        for (child, view) in targets(&noted.recorded, &truth, &views) {
            if let Err(error) = turn.check() {
                return Ok(lost(&error, repaired));
            }
            let strict = noted.recorded.own.is_pending() || noted.recorded.is_behind(child);
            match self.equalise(key, &truth, child, view, strict, how, repaired).await {
                Ok(()) => {}
                Err(RepairError::Moved) => return Ok(Look::Again),
                Err(RepairError::Source(error)) => {
                    let why = format!("the right copy can't be read: {error}");
                    repaired.left.push(Left { child: Some(child), why });
                    left.push(child);
                }
                Err(RepairError::Target(error)) => {
                    repaired.left.push(Left { child: Some(child), why: error.to_string() });
                    left.push(child);
                }
            }
        }
        if how.dry_run || noted.recorded.own.is_clean() {
            return Ok(Look::Done);
        }
        if let Err(error) = turn.check() {
            return Ok(lost(&error, repaired));
        }
        let deleted = truth == Resolution::Absent;
        match self.journal.settle(key, &noted, &left, deleted).await? {
            true => Ok(Look::Done),
            false => Ok(Look::Again),
        }
    }

    /// Makes one child equal to the right copy.
    #[expect(clippy::too_many_arguments, reason = "what one look at a key knows")]
    async fn equalise(
        &self,
        key: &str,
        truth: &Resolution,
        child: usize,
        view: &View,
        strict: bool,
        how: &Repairing,
        repaired: &mut Repaired,
    ) -> Result<(), RepairError> {
        let Some(to) = self.children.get(child) else { return Ok(()) };
        match (truth, view) {
            (_, View::Failed(error)) => return Err(RepairError::Target(error.clone())),
            (Resolution::Absent, View::Absent) => {}
            (Resolution::Absent, View::Present(seen)) => {
                if !how.dry_run {
                    remove(to, key, seen).await?;
                }
                repaired.removed.push(child);
                (how.watch)(Event::Removed { child: to.name(), key });
            }
            (Resolution::As(source, info), view) => {
                let Some(from) = self.children.get(*source) else { return Ok(()) };
                let seen = match view {
                    View::Present(seen) => Some(seen),
                    _ => None,
                };
                if let Some(seen) = seen
                    && same(from, to, key, info, seen, strict).await?
                {
                    return Ok(());
                }
                let bytes = match how.dry_run {
                    true => info.size.unwrap_or(0),
                    false => copy(from, to, key, info, seen).await?,
                };
                repaired.copied.push((child, bytes));
                (how.watch)(Event::Copied { child: to.name(), key, bytes });
            }
        }
        Ok(())
    }

    async fn view(&self, child: usize, key: &str, liveness: &Liveness) -> View {
        let Some(objects) = self.children.get(child) else { return View::Absent };
        if !objects.capabilities().read {
            let text = "it can't be read, so what it has is not known".to_owned();
            return View::Failed(Error::Unsupported(text));
        }
        if !liveness.is_alive(child) {
            let text = "it did not answer before, and was not asked again".to_owned();
            return View::Failed(Error::Unavailable(text));
        }
        let found = objects.store().stat(key).await;
        liveness
            .answered(child, matches!(found, Ok(_) | Err(Error::NotFound | Error::InvalidKey(_))));
        match found {
            Ok(info) => View::Present(info),
            Err(Error::NotFound) => View::Absent,
            Err(error) => View::Failed(error),
        }
    }
}

/// The key stays on record: without the lock, another may be writing it.
fn lost(error: &Error, repaired: &mut Repaired) -> Look {
    let why = format!("it may be written by others at the same time: {error}");
    repaired.left.push(Left { child: None, why });
    Look::Done
}

/// The children that may have to change, with what they returned.
fn targets<'a>(
    recorded: &Recorded,
    truth: &'a Resolution,
    views: &'a [View],
) -> impl Iterator<Item = (usize, &'a View)> {
    let all = recorded.own.is_pending() || recorded.every.is_pending() || recorded.is_clean();
    views.iter().enumerate().filter(move |(child, _)| {
        let right = matches!(truth, Resolution::As(source, _) if source == child);
        !right && (all || recorded.is_behind(*child))
    })
}

/// Whether the listings alone prove that all copies are equal.
pub(super) fn all_equal(
    row: &[super::merge_listing::Listed],
    keeps: impl Fn(usize) -> bool,
) -> bool {
    let info = |listed: &super::merge_listing::Listed| match listed {
        super::merge_listing::Listed::Present(info) => Some(info.clone()),
        _ => None,
    };
    let infos: Option<Vec<ObjectInfo>> = row.iter().map(info).collect();
    let Some(infos) = infos else { return false };
    let Some(first) = infos.first() else { return true };
    let same = |info: &ObjectInfo| {
        info.etag.is_some() && info.etag == first.etag && info.size == first.size
    };
    infos.len() == 1 || (infos.iter().all(same) && (0..infos.len()).all(keeps))
}
