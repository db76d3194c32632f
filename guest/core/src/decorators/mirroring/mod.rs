//! `MirroringStore`: keeps every object on several stores.
//!
//! Reads ask one child after the other until one answers. Writes go to all; `write`
//! says how many must succeed: `all`, a `quorum` or `any`. A child that missed a
//! write is not read for that key until a later write reaches it or it is healed.
//! This is remembered while the process runs or, with a `journal` (a further store,
//! given after the children), permanently.
//!
//! A missing object on one child does not prove that there is none, because its
//! disk may have been replaced. Only a delete on record does, or the absence on
//! every child. So a write that fails under its policy is undone only if it was
//! conditional and every child, asked under the key's lock, had no object.
//! Otherwise the children that accepted it show it, although the caller got an
//! error: repeat the write.
//!
//! A child that does not answer is left out by its circuit breaker, and tried again
//! now and then.
//!
//! Preconditions hold among all writers of this process: writes of a key take
//! turns, all children are checked first, and the first child written checks again
//! in one step with its write. Writers that bypass the mirror and change another
//! child are not noticed.

mod breaker;
#[cfg(test)]
mod breaker_tests;
#[cfg(test)]
mod coordinator_tests;
mod dirty;
pub mod image;
#[cfg(test)]
mod journal_tests;
mod list;
#[cfg(test)]
mod list_tests;
mod read;
pub mod record;
mod report;
#[cfg(test)]
mod tests;
pub mod troubles;
mod write;

pub use record::Missed;

use breaker::{Breaker, Watched};
use dirty::Dirty;
use record::Recorded;
use report::{Outcome, combine};
use std::rc::Rc;
use storage_contract::env::{Env, Guard};
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::source::whole;
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "MirroringStore",
    aliases: &["AsyncFanoutStore"],
    base: BaseShape::Many,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Writes to every base, reads from the first that answers",
    build: |args| Ok(Rc::new(MirroringStore::new(args)?)),
};

options! {
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Policy {
        All = "all",
        Quorum = "quorum",
        Any = "any",
    }
}

options! {
    struct Config {
        /// How many children must take a write or a delete: all of them, more than half,
        /// or one
        write: Policy = "all",
        /// A store that remembers what children missed when the process ends; without
        /// it, that is forgotten
        #[schema(format: "store", minLength: 1)]
        journal: Option<String>,
    }
}

/// A store that keeps every object on several stores.
pub struct MirroringStore {
    mirror: Rc<Mirror>,
}

struct Mirror {
    name: String,
    env: Env,
    policy: Policy,
    children: Vec<SharedStore>,
    /// The names of the children.
    names: Vec<String>,
    dirty: Dirty,
    breaker: Rc<Breaker>,
}

impl MirroringStore {
    /// Creates a mirror over the bases in `args`.
    pub fn new(args: Args) -> Result<Self> {
        let config: Config = args.config()?;
        let Args { name, mut bases, mut names, env, .. } = args;
        let journal = match config.journal {
            None => None,
            Some(journal) => Some(take_journal(&name, &journal, &mut bases, &mut names)?),
        };
        let dirty = Dirty::new(&name, &env, &names, journal);
        let breaker = Rc::new(Breaker::new(&name, &names, &env));
        let watched = |(index, child)| Rc::new(Watched::new(child, index, &breaker)) as SharedStore;
        let children = match bases.len() {
            1 => bases,
            _ => (0..).zip(bases).map(watched).collect(),
        };
        let policy = config.write;
        let mirror = Mirror { name, env, policy, children, names, dirty, breaker };
        Ok(Self { mirror: Rc::new(mirror) })
    }

    /// The missed writes on record: the key, or `None` for keys forgotten in a
    /// bucket, and what was missed. Lost at a restart without a journal. Fails only
    /// if the journal does.
    pub fn dirty(&self) -> Result<Vec<(Option<String>, Missed)>> {
        let recorded = self.mirror.dirty.all()?.into_iter();
        Ok(recorded
            .map(|(key, all)| if key.is_some() { (key, all.own) } else { (key, all.every) })
            .collect())
    }
}

/// Takes the journal from the end of the bases, where the builder of the chain must
/// put it.
fn take_journal(
    store: &str,
    journal: &str,
    bases: &mut Vec<SharedStore>,
    names: &mut Vec<String>,
) -> Result<SharedStore> {
    let invalid = |problem: String| Error::InvalidConfig(format!("store {store:?}: {problem}"));
    if names.pop().as_deref() != Some(journal) || names.is_empty() {
        return Err(invalid(format!(
            "its journal {journal:?} must be given as its last base, after the children"
        )));
    }
    let twice = |name: &&String| names.iter().filter(|other| other == name).count() > 1;
    if let Some(name) = names.iter().find(twice) {
        return Err(invalid(format!("with a journal, no child may be there twice: {name:?} is")));
    }
    if names.iter().any(|name| name == journal) {
        return Err(invalid(format!("its journal {journal:?} can't be one of its children")));
    }
    let taken = bases.pop().ok_or_else(|| invalid("it has no base".to_owned()))?;
    let can = taken.capabilities();
    if !(can.read && can.write && can.replace && can.delete) {
        return Err(invalid(format!(
            "its journal {journal:?} must be able to read, write, replace and delete objects"
        )));
    }
    Ok(taken)
}

impl Mirror {
    /// Serializes writers of a key, so that all children end up with the same
    /// object.
    fn lock(&self, key: &str) -> Result<Box<dyn Guard>> {
        self.env.coordinator.lock(&format!("{}/write/{key}", self.name))
    }

    fn recorded(&self, key: &str) -> Result<Recorded> {
        if self.children.len() == 1 { Ok(Recorded::default()) } else { self.dirty.of(key) }
    }

    fn child(&self, index: usize) -> &str {
        self.names.get(index).map_or("", String::as_str)
    }

    fn needed(&self) -> usize {
        match self.policy {
            Policy::All => self.children.len(),
            Policy::Quorum => self.children.len() / 2 + 1,
            Policy::Any => 1,
        }
    }

    fn failure(&self, what: &str, key: &str, outcomes: &[Outcome]) -> Error {
        combine(&self.name, &self.names, what, key, outcomes)
    }

    fn all(&self, flag: impl Fn(Capabilities) -> bool) -> bool {
        self.children.iter().all(|child| flag(child.capabilities()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for MirroringStore {
    fn capabilities(&self) -> Capabilities {
        let mirror = &self.mirror;
        Capabilities {
            read: mirror.children.iter().any(|child| child.capabilities().read),
            write: mirror.all(|c| c.write),
            replace: mirror.all(|c| c.replace),
            delete: mirror.all(|c| c.delete),
            list: mirror.all(|c| c.list),
            range: mirror.all(|c| c.range || !c.read),
            metadata: mirror.all(|c| c.metadata),
            conditional: mirror.all(|c| c.conditional),
            ordered: mirror.all(|c| c.ordered),
        }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        let get = |child: &SharedStore| {
            let (info, data) = child.get(key, options)?;
            let _ended = whole(&info, options.range, &data)?;
            Ok((info, data))
        };
        self.mirror.first("reading", key, get).map(|(_, got)| got)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.refuse(self.capabilities().write, "write")?;
        self.mirror.put_all(key, data, options)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        let found = self.mirror.first("looking for", key, |child| match child.exists(key)? {
            true => Ok(()),
            false => Err(Error::NotFound),
        });
        match found {
            Ok(_) => Ok(true),
            Err(Error::NotFound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.refuse(self.capabilities().delete, "delete")?;
        self.mirror.delete_all(key, options)
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.mirror.first("looking at", key, |child| child.stat(key)).map(|(_, info)| info)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        let capabilities = self.capabilities();
        self.refuse(capabilities.list, "list")?;
        match self.mirror.children.as_slice() {
            [only] => only.list(options),
            _ if options.skipped => self.mirror.left_out(options),
            _ if capabilities.ordered => self.mirror.merged(options),
            _ => self.mirror.chained(options),
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.mirror.open_reader(key, options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.refuse(self.capabilities().write, "write")?;
        self.mirror.open_writer(key, options)
    }

    fn locate(&self, _: &str, _: Access) -> Result<Option<Location>> {
        Ok(None)
    }
}

impl MirroringStore {
    fn refuse(&self, offered: bool, what: &str) -> Result<()> {
        if offered {
            return Ok(());
        }
        let text = format!("store {:?}: not every child can {what}", self.mirror.name);
        Err(Error::Unsupported(text))
    }
}
