//! Writes and deletes on all children.

use super::dirty::fresh_etag;
use super::report::{Outcome, combine};
use super::{Mirror, Policy};
use crate::store::Writer;
use crate::types::{DeleteOptions, Error, ObjectInfo, PutOptions, Result, Trailer, check_write};
use std::rc::Rc;

/// Whether a child refused because of a precondition, which settles the
/// matter for all.
fn is_refusal(error: &Error) -> bool {
    matches!(error, Error::AlreadyExists | Error::PreconditionFailed | Error::NotFound)
}

fn is_conditional(options: &PutOptions) -> bool {
    options.if_absent || options.if_match.is_some()
}

impl Mirror {
    /// The children in the order to write them. The first decides about
    /// preconditions, in one step with its own write; so it must be one that
    /// knows the current object.
    fn write_order(&self, key: &str, options: &PutOptions) -> Result<Vec<usize>> {
        let behind = self.dirty_of(key)?;
        let mut order: Vec<usize> = (0..self.children.len()).collect();
        order.sort_by_key(|index| behind.contains(index));
        if is_conditional(options) && self.children.len() > 1 {
            let current = match self.first("looking at", key, |child| child.stat(key)) {
                Ok(found) => Some(found),
                Err(Error::NotFound) => None,
                Err(error) => return Err(error),
            };
            check_write(options, current.as_ref().map(|(_, info)| info))?;
            if let Some((decider, _)) = current {
                order.sort_by_key(|index| *index != decider);
            }
        }
        Ok(order)
    }

    fn needed(&self) -> usize {
        match self.policy {
            Policy::All => self.children.len(),
            Policy::Quorum => self.children.len() / 2 + 1,
            Policy::Any => 1,
        }
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
            options.etag = Some(fresh_etag(&self.name, self.env.coordinator.as_ref()));
        }
        let _lock = self.lock(key)?;
        let order = self.write_order(key, &options)?;
        let plain = PutOptions { if_absent: false, if_match: None, ..options.clone() };
        let outcomes = vec![Outcome::Skipped; self.children.len()];
        self.publish(key, &order, outcomes, options.if_absent, |index, deciding| {
            self.children[index].put(key, data, if deciding { &options } else { &plain })
        })
    }

    /// Lets `write` publish on the children in `order`; the lock is held.
    /// `outcomes` tells of children that failed before.
    fn publish(
        &self,
        key: &str,
        order: &[usize],
        mut outcomes: Vec<Outcome>,
        known_new: bool,
        mut write: impl FnMut(usize, bool) -> Result<ObjectInfo>,
    ) -> Result<ObjectInfo> {
        self.dirty.begin(key)?;
        let mut written: Option<ObjectInfo> = None;
        for &index in order {
            match write(index, written.is_none()) {
                Ok(info) => {
                    outcomes[index] = Outcome::Done;
                    written.get_or_insert(info);
                }
                Err(error) if written.is_none() && is_refusal(&error) => {
                    self.nothing_done(key, &outcomes);
                    return Err(error);
                }
                Err(error) => {
                    outcomes[index] = Outcome::Failed(error);
                    // The rest would only make it harder to take back.
                    if self.children.len() - failed(&outcomes).len() < self.needed() {
                        break;
                    }
                }
            }
        }
        let done = with(&outcomes, |o| matches!(o, Outcome::Done));
        let others = with(&outcomes, |o| !matches!(o, Outcome::Done));
        if let Some(info) = written
            && done.len() >= self.needed()
        {
            self.dirty.end(key, &done, &others)?;
            return Ok(info);
        }
        if done.is_empty() {
            self.nothing_done(key, &outcomes);
        } else {
            if known_new || self.was_absent(key, &others) {
                for &index in &done {
                    let gone = self.children[index].delete(key, &DeleteOptions::default());
                    if matches!(gone, Ok(()) | Err(Error::NotFound)) {
                        outcomes[index] = Outcome::Undone;
                    }
                }
            }
            let undone = with(&outcomes, |o| matches!(o, Outcome::Undone));
            if undone.is_empty() {
                self.dirty.end_failed(key, &done, &others);
            } else {
                // Children left alone are what they were before.
                let doubtful = |o: &Outcome| matches!(o, Outcome::Done | Outcome::Failed(_));
                self.dirty.end_failed(key, &undone, &with(&outcomes, doubtful));
            }
        }
        Err(combine(&self.name, "writing", key, &outcomes))
    }

    /// Ends a write that no child is known to have taken. None is ahead, so
    /// none is behind: all stay readable. A child that failed may have done
    /// it all the same, so then the write stays on record as not ended.
    fn nothing_done(&self, key: &str, outcomes: &[Outcome]) {
        if failed(outcomes).is_empty() {
            self.dirty.end_failed(key, &[], &[]);
        }
    }

    /// Whether a child that was not written says that there was no object.
    fn was_absent(&self, key: &str, others: &[usize]) -> bool {
        let Ok(behind) = self.dirty_of(key) else { return false };
        others
            .iter()
            .filter(|index| !behind.contains(index))
            .any(|&index| matches!(self.children[index].exists(key), Ok(false)))
    }

    pub(super) fn delete_all(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        if let [only] = self.children.as_slice() {
            return only.delete(key, options);
        }
        let _lock = self.lock(key)?;
        let mut order: Vec<usize> = (0..self.children.len()).collect();
        if options.if_match.is_some() {
            let (decider, info) = self.first("looking at", key, |child| child.stat(key))?;
            if info.etag != options.if_match {
                return Err(Error::PreconditionFailed);
            }
            order.sort_by_key(|index| *index != decider);
        }
        self.dirty.begin(key)?;
        let mut outcomes = vec![Outcome::Skipped; self.children.len()];
        let (mut found, mut decided) = (false, false);
        for index in order {
            let plain = DeleteOptions::default();
            let asked = if decided { &plain } else { options };
            outcomes[index] = match self.children[index].delete(key, asked) {
                Ok(()) => {
                    found = true;
                    Outcome::Done
                }
                Err(Error::NotFound) => Outcome::Done,
                Err(Error::PreconditionFailed) if !decided => {
                    self.nothing_done(key, &outcomes);
                    return Err(Error::PreconditionFailed);
                }
                Err(error) => Outcome::Failed(error),
            };
            decided |= matches!(outcomes[index], Outcome::Done);
        }
        let gone = with(&outcomes, |o| matches!(o, Outcome::Done));
        let others = failed(&outcomes);
        if gone.is_empty() {
            self.nothing_done(key, &outcomes);
        } else {
            self.dirty.end(key, &gone, &others)?;
        }
        if gone.len() < self.needed() || (!found && !others.is_empty()) {
            return Err(combine(&self.name, "deleting", key, &outcomes));
        }
        if found { Ok(()) } else { Err(Error::NotFound) }
    }

    pub(super) fn open_writer(
        self: &Rc<Self>,
        key: &str,
        options: &PutOptions,
    ) -> Result<Box<dyn Writer>> {
        if let [only] = self.children.as_slice() {
            return only.write(key, options);
        }
        let order = self.write_order(key, options)?;
        let plain = PutOptions { if_absent: false, if_match: None, ..options.clone() };
        let mut fanout = Fanout {
            mirror: self.clone(),
            key: key.to_owned(),
            options: options.clone(),
            writers: self.children.iter().map(|_| None).collect(),
            outcomes: vec![Outcome::Skipped; self.children.len()],
            order: order.clone(),
        };
        let mut deciding = true;
        for index in order {
            match self.children[index].write(key, if deciding { options } else { &plain }) {
                Ok(writer) => {
                    fanout.writers[index] = Some(writer);
                    deciding = false;
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

fn failed(outcomes: &[Outcome]) -> Vec<usize> {
    with(outcomes, |outcome| matches!(outcome, Outcome::Failed(_)))
}

/// A streamed write to all children. A child that fails is dropped while
/// enough others are left.
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
        let lost = failed(&self.outcomes).len();
        if self.mirror.children.len() - lost >= self.mirror.needed() {
            return Ok(());
        }
        // Nothing was published anywhere.
        self.writers.fill_with(|| None);
        Err(combine(&self.mirror.name, "writing", &self.key, &self.outcomes))
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
            let fresh = || fresh_etag(&mirror.name, mirror.env.coordinator.as_ref());
            trailer.etag = Some(self.options.etag.take().unwrap_or_else(fresh));
        }
        let _lock = mirror.lock(&self.key)?;
        if is_conditional(&self.options) {
            // The deciding child may have been lost, or the others changed.
            mirror.write_order(&self.key, &self.options)?;
        }
        let order: Vec<usize> =
            self.order.iter().copied().filter(|index| self.writers[*index].is_some()).collect();
        let outcomes = std::mem::take(&mut self.outcomes);
        mirror.publish(&self.key, &order, outcomes, self.options.if_absent, |index, _| {
            match self.writers[index].take() {
                Some(writer) => writer.finish(trailer.clone()),
                None => Err(Error::Other("the write was given up before".to_owned())),
            }
        })
    }
}
