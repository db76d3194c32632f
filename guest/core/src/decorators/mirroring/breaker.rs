//! A circuit breaker for each child, shared by all instances of a chain: a child
//! that does not answer is left out, and tried again by one operation at a time,
//! after increasing pauses.

use super::troubles::{LONGEST_PAUSE, PATIENCE, Trouble, Troubles, shared_name};
use std::collections::BTreeMap;
use std::rc::Rc;
use storage_contract::env::{Env, Level};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result, Trailer,
};

/// A single failure that took this long, in milliseconds, opens the breaker.
const SLOW: u64 = 1_000;
/// How long a child that is down is left out at first, in milliseconds. The pause
/// doubles with every attempt up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: u64 = 1_000;

/// The circuit breakers of one mirror's children.
pub(super) struct Breaker {
    store: String,
    names: Vec<String>,
    env: Env,
}

/// A child's state when an operation began.
struct Admitted {
    troubled: bool,
    since: u64,
}

impl Breaker {
    pub(super) fn new(store: &str, names: &[String], env: &Env) -> Self {
        Self { store: store.to_owned(), names: names.to_vec(), env: env.clone() }
    }

    fn load(&self) -> Result<(Troubles, u64)> {
        let value = self.env.coordinator.load(&shared_name(&self.store))?;
        Ok(value.map_or_else(Default::default, |v| (Troubles::decode(&v.value), v.version)))
    }

    /// The children's failures. If they can't be shared, none is known, and each operation
    /// finds out by itself: a child is asked once too often, but no answer is wrong.
    fn troubles(&self) -> Troubles {
        self.load().unwrap_or_default().0
    }

    /// Changes the shared value unless `change` returns `None`; returns its result.
    fn change<T>(&self, change: impl Fn(&mut Troubles) -> Option<T>) -> Option<T> {
        loop {
            let (mut troubles, version) = self.load().ok()?;
            let said = change(&mut troubles)?;
            let (name, value) = (shared_name(&self.store), troubles.encode());
            match self.env.coordinator.compare_and_set(&name, version, value.as_deref()) {
                Err(Error::PreconditionFailed) => {}
                // Without sharing, each operation finds out by itself.
                Ok(_) | Err(_) => return Some(said),
            }
        }
    }

    /// The children that are down, with `false` for those that are due to be tried
    /// again.
    pub(super) fn down(&self) -> BTreeMap<usize, bool> {
        let troubles = self.troubles();
        if troubles.failing.is_empty() {
            return BTreeMap::new();
        }
        let now = self.env.coordinator.now();
        let down = |(index, name)| {
            let trouble = troubles.failing.get(name).filter(|trouble| trouble.is_down())?;
            Some((index, trouble.left_out(now).is_some()))
        };
        (0..).zip(&self.names).filter_map(down).collect()
    }

    /// The error for a child that is left out.
    pub(super) fn refusal(&self, child: usize) -> Error {
        let troubles = self.troubles();
        let now = self.env.coordinator.now();
        let trouble = troubles.failing.get(self.child(child));
        let left = trouble.and_then(|trouble| trouble.left_out(now)).unwrap_or(0);
        left_out(left)
    }

    /// Admits an operation on a child, or rejects it. If the child is due to be
    /// tried again, this operation does it and others are rejected.
    fn admit(&self, child: usize) -> Result<Admitted> {
        let troubles = self.troubles();
        let since = self.env.coordinator.now();
        let name = self.child(child);
        let troubled = troubles.failing.contains_key(name);
        if troubles.failing.get(name).is_some_and(Trouble::is_down) {
            let refused = self.change(|troubles| {
                let trouble = troubles.failing.get_mut(name).filter(|trouble| trouble.is_down())?;
                if let Some(left) = trouble.left_out(since) {
                    return Some(Some(left));
                }
                trouble.pause = (trouble.pause * 2).clamp(FIRST_PAUSE, LONGEST_PAUSE);
                // No other operation joins while it waits.
                trouble.retry_at = since.saturating_add(LONGEST_PAUSE);
                Some(None)
            });
            if let Some(Some(left)) = refused {
                return Err(left_out(left));
            }
        }
        Ok(Admitted { troubled, since })
    }

    /// Records how an operation on a child ended.
    fn hear(&self, child: usize, admitted: &Admitted, failure: Option<&Error>) {
        let Some(error) = failure.filter(|error| matches!(error, Error::Unavailable(_))) else {
            if admitted.troubled {
                let back = self.change(|troubles| troubles.failing.remove(self.child(child)));
                if back.is_some_and(|trouble| trouble.is_down()) {
                    let text = format!("child {:?} answers again", self.child(child));
                    self.env.observer.log(Level::Info, &self.store, &text);
                }
            }
            return;
        };
        let now = self.env.coordinator.now();
        let slow = now.saturating_sub(admitted.since) >= SLOW;
        let gone = self.change(|troubles| {
            let trouble = troubles.failing.entry(self.child(child).to_owned()).or_default();
            if trouble.is_down() {
                trouble.retry_at = now.saturating_add(trouble.pause);
                return Some(false);
            }
            trouble.failures += if slow { PATIENCE } else { 1 };
            (trouble.pause, trouble.retry_at) = (FIRST_PAUSE, now.saturating_add(FIRST_PAUSE));
            Some(trouble.is_down())
        });
        if gone == Some(true) {
            let text = format!(
                "child {:?} does not answer, and is left out until it does: {error}",
                self.child(child)
            );
            self.env.observer.log(Level::Warn, &self.store, &text);
        }
    }

    /// Records that a listing includes children, or leaves one out because of a
    /// failure. A child that does not answer was logged already.
    pub(super) fn listed<'a>(
        &self,
        children: impl IntoIterator<Item = (usize, Option<&'a Error>)>,
    ) {
        let troubles = self.troubles();
        for (child, failure) in children {
            let name = self.child(child);
            let is_new = failure.is_some() != troubles.unlisted.contains(name);
            let (level, text) = match failure {
                Some(Error::Unavailable(_)) => continue,
                _ if !is_new => continue,
                Some(error) => (
                    Level::Warn,
                    format!(
                        "child {name:?} can't be listed, and listings go on without it: {error}"
                    ),
                ),
                None => (Level::Info, format!("child {name:?} is listed again")),
            };
            let change = |troubles: &mut Troubles| match failure {
                Some(_) => troubles.unlisted.insert(name.to_owned()).then_some(()),
                None => troubles.unlisted.remove(name).then_some(()),
            };
            if self.change(change).is_some() {
                self.env.observer.log(level, &self.store, &text);
            }
        }
    }

    fn child(&self, child: usize) -> &str {
        self.names.get(child).map_or("", String::as_str)
    }
}

fn left_out(milliseconds: u64) -> Error {
    let seconds = milliseconds.div_ceil(1_000);
    Error::Unavailable(format!("it does not answer, and is asked again in {seconds} s"))
}

/// A child behind its circuit breaker.
pub(super) struct Watched {
    child: SharedStore,
    index: usize,
    breaker: Rc<Breaker>,
}

impl Watched {
    pub(super) fn new(child: SharedStore, index: usize, breaker: &Rc<Breaker>) -> Self {
        Self { child, index, breaker: breaker.clone() }
    }

    fn ask<T>(&self, ask: impl FnOnce(&dyn Store) -> Result<T>) -> Result<T> {
        let admitted = self.breaker.admit(self.index)?;
        let answer = ask(self.child.as_ref());
        self.breaker.hear(self.index, &admitted, answer.as_ref().err());
        answer
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Watched {
    fn capabilities(&self) -> Capabilities {
        self.child.capabilities()
    }
    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.ask(|child| child.get(key, options))
    }
    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.ask(|child| child.put(key, data, options))
    }
    fn exists(&self, key: &str) -> Result<bool> {
        self.ask(|child| child.exists(key))
    }
    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.ask(|child| child.delete(key, options))
    }
    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.ask(|child| child.stat(key))
    }
    fn list(&self, options: &ListOptions) -> Result<Page> {
        self.ask(|child| child.list(options))
    }
    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        let reader = self.ask(|child| child.read(key, options))?;
        Ok(Box::new(Stream { inner: reader, index: self.index, breaker: self.breaker.clone() }))
    }
    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let admitted = self.breaker.admit(self.index)?;
        let opened = self.child.write(key, options);
        // A successful open proves nothing: the child may not be contacted before
        // the end.
        if let Err(error) = &opened {
            self.breaker.hear(self.index, &admitted, Some(error));
        }
        let inner = opened?;
        Ok(Box::new(Stream { inner, index: self.index, breaker: self.breaker.clone() }))
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

/// An open stream. It continues whatever the breaker's state, and reports failures
/// to it.
struct Stream<T: ?Sized> {
    index: usize,
    breaker: Rc<Breaker>,
    inner: Box<T>,
}

impl<T: ?Sized> Stream<T> {
    fn go<A>(&mut self, go: impl FnOnce(&mut T) -> Result<A>) -> Result<A> {
        let since = self.breaker.env.coordinator.now();
        let answer = go(&mut self.inner);
        if let Err(error) = &answer {
            let admitted = Admitted { troubled: false, since };
            self.breaker.hear(self.index, &admitted, Some(error));
        }
        answer
    }
}

impl Reader for Stream<dyn Reader> {
    fn info(&self) -> &ObjectInfo {
        self.inner.info()
    }
    fn next(&mut self, max: usize) -> Result<Vec<u8>> {
        self.go(|reader| reader.next(max))
    }
}

impl Writer for Stream<dyn Writer> {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.go(|writer| writer.push(chunk))
    }
    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let since = self.breaker.env.coordinator.now();
        let Self { index, breaker, inner } = *self;
        let answer = inner.finish(trailer);
        breaker.hear(index, &Admitted { troubled: true, since }, answer.as_ref().err());
        answer
    }
}
