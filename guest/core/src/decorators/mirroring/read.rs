//! Reads, with failover to the next child.

use super::Mirror;
use super::record::{Absence, Recorded};
use super::report::Outcome;
use crate::decorators::resume::{Given, reopen};
use std::rc::Rc;
use storage_contract::source::Source;
use storage_contract::store::{Reader, SharedStore};
use storage_contract::types::{ByteRange, Error, ObjectInfo, ReadOptions, Result};

/// Whether an error answers the question rather than failing to: asking another
/// child would not help.
fn is_answer(error: &Error) -> bool {
    matches!(error, Error::PreconditionFailed | Error::InvalidRange | Error::LimitExceeded(_))
}

/// How often to start over because a key's record changed meanwhile.
const LOOKS: usize = 5;

impl Mirror {
    /// Asks the up-to-date children in order until one answers. Also returns the
    /// index of that child.
    ///
    /// A child known to have missed the last write is not asked, because it would
    /// show an older object. `NotFound` from all others is the answer only if the
    /// record confirms it.
    pub(super) fn first<T>(
        &self,
        what: &str,
        key: &str,
        mut ask: impl FnMut(&SharedStore) -> Result<T>,
    ) -> Result<(usize, T)> {
        for _ in 0..LOOKS {
            let recorded = self.recorded(key)?;
            match self.first_by(&recorded, what, key, &mut ask) {
                Err(Error::NotFound) => match self.missing(&recorded, what, key) {
                    Error::NotFound => return Err(Error::NotFound),
                    error if self.recorded(key)? == recorded => return Err(error),
                    // It was written or deleted meanwhile.
                    _ => {}
                },
                answer => return answer,
            }
        }
        let text =
            format!("store {:?}: {what} {key:?}: it is being written all the time", self.name);
        Err(Error::Unavailable(text))
    }

    fn first_by<T>(
        &self,
        recorded: &Recorded,
        what: &str,
        key: &str,
        mut ask: impl FnMut(&SharedStore) -> Result<T>,
    ) -> Result<(usize, T)> {
        let behind = recorded.behind();
        let mut outcomes = vec![Outcome::Skipped; self.children.len()];
        let (mut missing, mut asked) = (0, 0);
        for (index, child) in self.children.iter().enumerate() {
            if !child.capabilities().read {
                continue;
            }
            if behind.contains(&index) {
                let text = "it missed the last write of this key".to_owned();
                outcomes[index] = Outcome::Failed(Error::Unavailable(text));
                continue;
            }
            asked += 1;
            match ask(child) {
                Ok(value) => return Ok((index, value)),
                Err(error) if is_answer(&error) => return Err(error),
                Err(error) => {
                    missing += usize::from(error == Error::NotFound);
                    outcomes[index] = Outcome::Failed(error);
                }
            }
        }
        if asked > 0 && missing == asked {
            return Err(Error::NotFound);
        }
        if asked == 0 && behind.is_empty() {
            return Err(Error::Unsupported(format!("store {:?}: no child can be read", self.name)));
        }
        Err(self.failure(what, key, &outcomes))
    }

    /// The error if no up-to-date child has the object.
    fn missing(&self, recorded: &Recorded, what: &str, key: &str) -> Error {
        let absence = recorded.absence();
        if absence == Absence::Certain {
            return Error::NotFound;
        }
        let behind = recorded.behind();
        let word = |(index, child): (usize, &SharedStore)| {
            if !behind.contains(&index) || !child.capabilities().read {
                return Error::NotFound;
            }
            if absence == Absence::Lost {
                return Error::Other("it missed the last write of this key".to_owned());
            }
            match child.exists(key) {
                Ok(false) => Error::NotFound,
                Ok(true) => {
                    Error::Other("it has an object, and may have missed its delete".to_owned())
                }
                Err(error) => error,
            }
        };
        let words = self.children.iter().enumerate().map(word);
        let outcomes: Vec<Outcome> = words.map(Outcome::Failed).collect();
        match self.failure(what, key, &outcomes) {
            Error::Other(text) => Error::Other(format!(
                "{text}; no delete is on record, so the object may have been lost: \
                 put it again, or delete it"
            )),
            error => error,
        }
    }

    pub(super) fn open_reader(
        self: &Rc<Self>,
        key: &str,
        options: &ReadOptions,
    ) -> Result<Box<dyn Reader>> {
        let (child, reader) = self.first("reading", key, |child| child.read(key, options))?;
        if self.children.len() == 1 {
            return Ok(reader);
        }
        let info = reader.info().clone();
        let given = Given::new(self.all(|can| can.range || !can.read));
        Ok(Box::new(Failover {
            mirror: self.clone(),
            key: key.to_owned(),
            range: options.range,
            info,
            source: Source::new(reader, options.range),
            tried: vec![child],
            given,
        }))
    }
}

/// A reader that continues from another child when its own fails, if that child has
/// the very same object.
struct Failover {
    mirror: Rc<Mirror>,
    key: String,
    range: Option<ByteRange>,
    info: ObjectInfo,
    source: Source,
    tried: Vec<usize>,
    given: Given,
}

impl Reader for Failover {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        loop {
            match self.source.next(max) {
                Ok(chunk) => {
                    self.given.add(&chunk);
                    return Ok(chunk);
                }
                Err(error) if !self.resume(&error) => return Err(error),
                Err(_) => {}
            }
        }
    }
}

impl Failover {
    fn resume(&mut self, error: &Error) -> bool {
        for (index, child) in self.mirror.children.iter().enumerate() {
            if self.tried.contains(&index) || !child.capabilities().read {
                continue;
            }
            self.tried.push(index);
            let (key, range, info) = (&self.key, self.range, &self.info);
            let opened = reopen(child.as_ref(), key, range, info, &self.given, error);
            if let Ok(source) = opened {
                self.source = source;
                return true;
            }
        }
        false
    }
}
