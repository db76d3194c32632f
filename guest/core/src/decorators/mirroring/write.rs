//! Writes and deletes, on all children.

use super::Mirror;
use super::dirty::unique;
use super::record::{Absence, Recorded};
use super::report::Outcome;
use std::rc::Rc;
use storage_contract::env::Guard;
use storage_contract::store::Writer;
use storage_contract::types::{
    DeleteOptions, Error, ObjectInfo, PutOptions, Result, Trailer, check_write,
};

/// Whether a child rejected the change because of a precondition, which decides for
/// all children.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists | Error::PreconditionFailed | Error::NotFound)
}

fn is_conditional(options: &PutOptions) -> bool {
    options.if_absent || options.if_match.is_some()
}

/// What is known before a write.
struct Look {
    /// The order in which to write the children.
    order: Vec<usize>,
    /// The key's record. Children that are behind do not decide preconditions.
    recorded: Recorded,
    /// Whether every child was asked and has no object, and nothing is on record.
    /// Valid only while the key is locked.
    new: bool,
}

/// A write or a delete under way, on record under a name of its own.
struct Change<'a> {
    lock: &'a dyn Guard,
    key: &'a str,
    name: String,
    deleting: bool,
}

impl Mirror {
    /// Collects what is known before a write.
    ///
    /// The first child decides preconditions in one step with its own write, so it
    /// must have the current object. Without preconditions, a child that was down
    /// comes first: if it still is, and is needed, nothing has been changed.
    fn look(&self, key: &str, options: &PutOptions) -> Result<Look> {
        let recorded = self.recorded(key)?;
        let mut order = self.order();
        order.sort_by_key(|index| recorded.is_behind(*index));
        if !is_conditional(options) || self.children.len() == 1 {
            self.suspects_first(&mut order);
            return Ok(Look { order, recorded, new: false });
        }
        let current = match self.first("looking at", key, |child| child.stat(key)) {
            Ok(found) => Some(found),
            Err(Error::NotFound) => None,
            Err(error) => return Err(error),
        };
        check_write(options, current.as_ref().map(|(_, info)| info))?;
        if let Some((decider, _)) = &current {
            order.sort_by_key(|index| index != decider);
        }
        let new = current.is_none() && recorded.is_clean() && self.all(|child| child.read);
        Ok(Look { order, recorded, new })
    }

    fn order(&self) -> Vec<usize> {
        (0..self.children.len()).collect()
    }

    fn suspects_first(&self, order: &mut [usize]) {
        let down = self.breaker.down();
        if !down.is_empty() {
            order.sort_by_key(|index| !down.contains_key(index));
        }
    }

    /// The outcomes of children that are down, before anything is changed. An error
    /// if the others are too few.
    fn outcomes(&self, what: &str, key: &str) -> Result<Vec<Outcome>> {
        let mut outcomes = vec![Outcome::Skipped; self.children.len()];
        for (child, left_out) in self.breaker.down() {
            if let Some(outcome) = outcomes.get_mut(child).filter(|_| left_out) {
                *outcome = Outcome::LeftOut(self.breaker.refusal(child));
            }
        }
        match self.is_possible(&outcomes) {
            true => Ok(outcomes),
            false => Err(self.failure(what, key, &outcomes)),
        }
    }

    /// Whether enough children are left.
    fn is_possible(&self, outcomes: &[Outcome]) -> bool {
        self.children.len() - failed(outcomes).len() >= self.needed()
    }

    pub(super) fn put_all(
        &self,
        key: &str,
        data: &[u8],
        options: &PutOptions,
    ) -> Result<ObjectInfo> {
        if let [only] = self.children.as_slice() {
            return only.put(key, data, options);
        }
        let mut options = options.clone();
        if options.etag.is_none() {
            options.etag = Some(self.unique()?);
        }
        let lock = self.lock(key)?;
        let look = self.look(key, &options)?;
        let outcomes = self.outcomes("writing", key)?;
        let plain = PutOptions { if_absent: false, if_match: None, ..options.clone() };
        self.publish(lock.as_ref(), key, &look, outcomes, |index, deciding| {
            self.children[index].put(key, data, if deciding { &options } else { &plain })
        })
    }

    /// Publishes on the children with `write`, under the key's lock. `outcomes` has
    /// the earlier failures.
    fn publish(
        &self,
        lock: &dyn Guard,
        key: &str,
        look: &Look,
        mut outcomes: Vec<Outcome>,
        mut write: impl FnMut(usize, bool) -> Result<ObjectInfo>,
    ) -> Result<ObjectInfo> {
        let change = &self.begin(lock, key, false)?;
        let mut written: Option<ObjectInfo> = None;
        for &index in &look.order {
            if outcomes[index].error().is_some() {
                continue;
            }
            self.check(change)?;
            let deciding = written.is_none() && !look.recorded.is_behind(index);
            match write(index, deciding) {
                Ok(info) => {
                    outcomes[index] = Outcome::Done;
                    written.get_or_insert(info);
                }
                Err(error) if deciding && is_refusal(&error) => {
                    self.nothing_done(change, &outcomes);
                    return Err(error);
                }
                Err(error) => {
                    outcomes[index] = Outcome::Failed(error);
                    // More writes would only be harder to undo.
                    if !self.is_possible(&outcomes) {
                        break;
                    }
                }
            }
        }
        self.check(change)?;
        let done = done(&outcomes);
        let Some(info) = written else {
            self.nothing_done(change, &outcomes);
            return Err(self.failure("writing", key, &outcomes));
        };
        if done.len() >= self.needed() {
            self.dirty.end(key, &change.name, &done, &others(&outcomes), false)?;
            return Ok(info);
        }
        if look.new {
            self.take_back(key, &info, &done, &mut outcomes);
        }
        self.end_halfway(change, &outcomes);
        Err(self.failure("writing", key, &outcomes))
    }

    fn unique(&self) -> Result<String> {
        unique(&self.name, self.env.coordinator.as_ref())
    }

    /// Puts a change on record, under the key's lock.
    fn begin<'a>(&self, lock: &'a dyn Guard, key: &'a str, deleting: bool) -> Result<Change<'a>> {
        let name = self.unique()?;
        self.dirty.begin(key, &name, deleting)?;
        Ok(Change { lock, key, name, deleting })
    }

    /// Before the next step of a change that is on record, and before its end is recorded:
    /// whether the key is still locked. If not, another writer may have been between the
    /// steps. The change stays on record, or is there again where healing ended it, so
    /// that healing compares the children.
    fn check(&self, change: &Change<'_>) -> Result<()> {
        let Change { lock, key, name, deleting } = change;
        let Err(error) = lock.check() else { return Ok(()) };
        self.dirty.begin_failed(key, name, *deleting);
        let store = &self.name;
        let text = format!("store {store:?}: {key:?}: another may be writing it now: {error}");
        Err(Error::Unavailable(text))
    }

    /// Deletes an object that this write created, if it is known to be new.
    fn take_back(&self, key: &str, made: &ObjectInfo, on: &[usize], outcomes: &mut [Outcome]) {
        for &index in on {
            let child = &self.children[index];
            let can = child.capabilities();
            // Someone may have bypassed the mirror.
            let if_match = made.etag.clone().filter(|_| can.conditional && can.metadata);
            let gone = child.delete(key, &DeleteOptions { if_match });
            if matches!(gone, Ok(()) | Err(Error::NotFound)) {
                outcomes[index] = Outcome::Undone;
            }
        }
    }

    /// Ends a write that too few children accepted. Those that have the new object
    /// show it; it is not deleted just because others lack it.
    fn end_halfway(&self, change: &Change<'_>, outcomes: &[Outcome]) {
        let done = done(outcomes);
        if done.is_empty() {
            // Everything was undone. A failed child may have accepted the write all
            // the same; then it stays on record as unfinished.
            self.nothing_done(change, outcomes);
        } else if self.check(change).is_ok() {
            self.dirty.end_failed(change.key, &change.name, &done, &others(outcomes));
        }
    }

    /// Ends a write that no child is known to have accepted. No child is ahead, so
    /// none is behind, and all stay readable. A child that failed without rejecting
    /// the write may have carried it out all the same; then it stays on record as
    /// unfinished.
    fn nothing_done(&self, change: &Change<'_>, outcomes: &[Outcome]) {
        let doubtful =
            |o: &Outcome| matches!(o, Outcome::Failed(Error::Unavailable(_) | Error::Other(_)));
        if !outcomes.iter().any(doubtful) && self.check(change).is_ok() {
            self.dirty.cancel(change.key, &change.name);
        }
    }

    pub(super) fn delete_all(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        if let [only] = self.children.as_slice() {
            return only.delete(key, options);
        }
        let lock = self.lock(key)?;
        let before = self.recorded(key)?;
        let mut order = self.order();
        order.sort_by_key(|index| before.is_behind(*index));
        if options.if_match.is_some() {
            let (decider, info) = self.first("looking at", key, |child| child.stat(key))?;
            if info.etag != options.if_match {
                return Err(Error::PreconditionFailed);
            }
            order.sort_by_key(|index| *index != decider);
        } else {
            self.suspects_first(&mut order);
        }
        let mut outcomes = self.outcomes("deleting", key)?;
        let change = &self.begin(lock.as_ref(), key, true)?;
        let (mut found, mut decided) = (false, false);
        for index in order {
            if outcomes[index].error().is_some() {
                continue;
            }
            self.check(change)?;
            let plain = DeleteOptions::default();
            // A child that is behind has an older object.
            let deciding = !decided && !before.is_behind(index);
            let asked = if deciding { options } else { &plain };
            outcomes[index] = match self.children[index].delete(key, asked) {
                Ok(()) => {
                    found = true;
                    Outcome::Done
                }
                Err(Error::NotFound) => Outcome::Done,
                Err(Error::PreconditionFailed) if deciding => {
                    self.nothing_done(change, &outcomes);
                    return Err(Error::PreconditionFailed);
                }
                Err(error) => Outcome::Failed(error),
            };
            decided |= matches!(outcomes[index], Outcome::Done);
            if !decided && !self.is_possible(&outcomes) {
                break;
            }
        }
        self.check(change)?;
        let (gone, others) = (done(&outcomes), others(&outcomes));
        if gone.is_empty() {
            self.nothing_done(change, &outcomes);
        } else {
            self.dirty.end(key, &change.name, &gone, &others, true)?;
        }
        // The record may show that the other children missed only a delete.
        let known = before.own.deleted && others.iter().all(|index| before.is_behind(*index));
        if gone.len() < self.needed() || (!found && !others.is_empty() && !known) {
            return Err(self.failure("deleting", key, &outcomes));
        }
        // An object that was lost is there to be deleted: this takes it off the record.
        let lost = before.absence() == Absence::Lost;
        if found || lost { Ok(()) } else { Err(Error::NotFound) }
    }

    pub(super) fn open_writer(
        self: &Rc<Self>,
        key: &str,
        options: &PutOptions,
    ) -> Result<Box<dyn Writer>> {
        if let [only] = self.children.as_slice() {
            return only.write(key, options);
        }
        let Look { order, recorded, .. } = self.look(key, options)?;
        let plain = PutOptions { if_absent: false, if_match: None, ..options.clone() };
        let mut fanout = Fanout {
            mirror: self.clone(),
            key: key.to_owned(),
            options: options.clone(),
            writers: self.children.iter().map(|_| None).collect(),
            outcomes: vec![Outcome::Skipped; self.children.len()],
            order: order.clone(),
        };
        let mut decided = false;
        for index in order {
            let deciding = !decided && !recorded.is_behind(index);
            match self.children[index].write(key, if deciding { options } else { &plain }) {
                Ok(writer) => {
                    fanout.writers[index] = Some(writer);
                    decided |= deciding;
                }
                Err(error) if deciding && is_refusal(&error) => return Err(error),
                Err(error) => fanout.lose(index, error)?,
            }
        }
        Ok(Box::new(fanout))
    }
}

fn with(outcomes: &[Outcome], which: impl Fn(&Outcome) -> bool) -> Vec<usize> {
    (0..).zip(outcomes).filter(|(_, outcome)| which(outcome)).map(|(index, _)| index).collect()
}

fn done(outcomes: &[Outcome]) -> Vec<usize> {
    with(outcomes, |outcome| matches!(outcome, Outcome::Done))
}

fn others(outcomes: &[Outcome]) -> Vec<usize> {
    with(outcomes, |outcome| !matches!(outcome, Outcome::Done))
}

fn failed(outcomes: &[Outcome]) -> Vec<usize> {
    with(outcomes, |outcome| outcome.error().is_some())
}

/// A streamed write to all children. A child that fails is dropped while enough
/// others are left.
struct Fanout {
    mirror: Rc<Mirror>,
    key: String,
    options: PutOptions,
    writers: Vec<Option<Box<dyn Writer>>>,
    outcomes: Vec<Outcome>,
    order: Vec<usize>,
}

impl Fanout {
    fn lose(&mut self, index: usize, error: Error) -> Result<()> {
        self.writers[index] = None;
        self.outcomes[index] = Outcome::Failed(error);
        if self.mirror.is_possible(&self.outcomes) {
            return Ok(());
        }
        // Nothing was published anywhere.
        self.writers.fill_with(|| None);
        Err(self.mirror.failure("writing", &self.key, &self.outcomes))
    }
}

impl Writer for Fanout {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        for index in 0..self.writers.len() {
            let Some(writer) = &mut self.writers[index] else { continue };
            if let Err(error) = writer.push(chunk) {
                self.lose(index, error)?;
            }
        }
        Ok(())
    }

    fn finish(mut self: Box<Self>, mut trailer: Trailer) -> Result<ObjectInfo> {
        let mirror = self.mirror.clone();
        if trailer.etag.is_none() {
            trailer.etag = match self.options.etag.take() {
                None => Some(mirror.unique()?),
                given => given,
            };
        }
        let lock = mirror.lock(&self.key)?;
        // The deciding child may have failed, or the others changed.
        let mut look = mirror.look(&self.key, &self.options)?;
        look.order = std::mem::take(&mut self.order);
        if !is_conditional(&self.options) {
            mirror.suspects_first(&mut look.order);
        }
        let outcomes = std::mem::take(&mut self.outcomes);
        let writers = &mut self.writers;
        mirror.publish(lock.as_ref(), &self.key, &look, outcomes, |index, _| {
            match writers[index].take() {
                Some(writer) => writer.finish(trailer.clone()),
                None => Err(Error::Other("the write was given up before".to_owned())),
            }
        })
    }
}
