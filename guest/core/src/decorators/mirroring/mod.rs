//! `MirroringStore`: keeps every object on several stores.
//!
//! Reads ask one child after the other until one answers. Writes go to all;
//! `write` says how many must succeed: `all`, a `quorum` or `any`. A child
//! that missed a write is remembered while the process runs and is not read
//! for that key until a later write reaches it.
//!
//! A write that fails under its policy is taken back where the object is
//! known to have been new; where it replaced another, the children that took
//! it show the new object, although the caller got an error. Repeat it.
//!
//! Preconditions hold among all who write through this process: writes of a
//! key take turns, all children are looked at first, and the first child
//! written checks once more in one step with its write. Writers that go round
//! the mirror, straight to another child, are not seen.

mod dirty;
mod list;
mod read;
mod report;
#[cfg(test)]
mod tests;
mod write;

pub use dirty::Missed;

use crate::env::{Env, Guard};
use crate::kind::{Args, BaseShape, Kind};
use crate::store::{Reader, SharedStore, Store, Writer};
use crate::types::{
    Capabilities, DeleteOptions, ListOptions, ObjectInfo, Page, PutOptions, ReadOptions, Result,
};
use dirty::Dirty;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::rc::Rc;

/// See the module.
pub static KIND: Kind = Kind {
    name: "MirroringStore",
    aliases: &["AsyncFanoutStore"],
    base: BaseShape::Many,
    config_schema: r#"{
        "type": "object",
        "properties": {
            "write": {
                "type": "string",
                "enum": ["all", "quorum", "any"],
                "description": "How many children must take a write or a delete: all of them, more than half, or one",
                "default": "all"
            }
        },
        "additionalProperties": false
    }"#,
    doc: "Writes to every base, reads from the first that answers",
    build: |args| Ok(Rc::new(MirroringStore::new(args)?)),
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Policy {
    #[default]
    All,
    Quorum,
    Any,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    #[serde(default)]
    write: Policy,
}

/// A store on several others.
pub struct MirroringStore {
    mirror: Rc<Mirror>,
}

struct Mirror {
    name: String,
    env: Env,
    policy: Policy,
    children: Vec<SharedStore>,
    dirty: Dirty,
}

impl MirroringStore {
    /// A mirror over the bases in `args`.
    pub fn new(args: Args) -> Result<Self> {
        let config: Config = args.config()?;
        let dirty = Dirty::new(&args.name, &args.env);
        let Args { name, bases, env, .. } = args;
        let mirror = Mirror { name, env, policy: config.write, children: bases, dirty };
        Ok(Self { mirror: Rc::new(mirror) })
    }

    /// What is known of children that missed writes: the key, or `None` for
    /// keys that are no longer told apart, and what was missed. Forgotten at
    /// a restart.
    pub fn dirty(&self) -> Vec<(Option<String>, Missed)> {
        self.mirror.dirty.all()
    }
}

impl Mirror {
    /// Writers of a key take turns, so that all children end with the same.
    fn lock(&self, key: &str) -> Result<Box<dyn Guard>> {
        self.env.coordinator.lock(&format!("{}/write/{key}", self.name))
    }

    fn dirty_of(&self, key: &str) -> BTreeSet<usize> {
        if self.children.len() == 1 { BTreeSet::new() } else { self.dirty.of(key) }
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
        self.mirror.first("reading", key, |child| child.get(key, options)).map(|(_, got)| got)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.refuse(self.capabilities().write, "write")?;
        self.mirror.put_all(key, data, options)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        let found = self.mirror.first("looking for", key, |child| match child.exists(key)? {
            true => Ok(()),
            false => Err(crate::Error::NotFound),
        });
        match found {
            Ok(_) => Ok(true),
            Err(crate::Error::NotFound) => Ok(false),
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
}

impl MirroringStore {
    fn refuse(&self, offered: bool, what: &str) -> Result<()> {
        if offered {
            return Ok(());
        }
        let text = format!("store {:?}: not every child can {what}", self.mirror.name);
        Err(crate::Error::Unsupported(text))
    }
}
