//! `TrashStore` copies objects to a second store before they are deleted or replaced,
//! and keeps them there for some days.
//!
//! Its bases are the objects and the trash, which can be any store. The trash names an
//! object `2026-01-31T12-59-59-999Z/KEY`, by the time of its loss.

use std::rc::Rc;
use storage_plugin::env::Level;
use storage_plugin::options::Options;
use storage_plugin::{
    Access, Args, BaseShape, Decorator, DeleteOptions, Env, Error, Keys, Kind, ListOptions,
    Location, ObjectInfo, PutOptions, ReadOptions, Result, SharedStore, Store, Trailer, Writer,
    decorated, forward, options,
};
use time::OffsetDateTime;
use time::macros::format_description;

static TRASH: Kind = Kind {
    name: "TrashStore",
    aliases: &[],
    base: BaseShape::Many,
    keys: Keys::Opaque,
    config_schema: Config::JSON_SCHEMA,
    doc: "Keeps deleted and replaced objects in a second store",
    build,
};

storage_plugin::pack!(&[&TRASH]);

const CHUNK: usize = 256 * 1024;
const DAY: u64 = 24 * 60 * 60 * 1000;
/// Expired objects to remove from the trash per loss.
const SWEPT: u32 = 20;
/// Attempts at an object that others change meanwhile.
const ATTEMPTS: usize = 5;

options! {
    struct Config {
        /// How long lost objects are kept; without it, for ever
        #[schema(minimum: 0)]
        days: Option<u64>,
        /// Whether replaced objects are kept, too
        replaced: bool = true,
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let config: Config = args.config()?;
    let invalid = |m: &str| Err(Error::InvalidConfig(format!("store {:?}: {m}", args.name)));
    let [objects, trash] = args.bases.as_slice() else {
        return invalid("its bases are two: the store of the objects, and the trash");
    };
    if config.days.is_some() && !trash.capabilities().ordered {
        return invalid("`days` needs a trash that lists in order");
    }
    let Args { name, env, .. } = &args;
    let (objects, trash) = (objects.clone(), trash.clone());
    decorated(Trash {
        bin: Rc::new(Bin { objects, trash, config, name: name.clone(), env: env.clone() }),
    })
}

struct Trash {
    bin: Rc<Bin>,
}

impl Decorator for Trash {
    forward!(get, exists);

    fn base(&self) -> &dyn Store {
        &*self.bin.objects
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        let conditional = self.base().capabilities().conditional;
        for _ in 0..ATTEMPTS {
            let Some(lost) = self.bin.keep(key, options.if_match.clone())? else {
                return Err(Error::NotFound);
            };
            // Delete only the version that was copied.
            let if_match = if conditional { lost.etag } else { options.if_match.clone() };
            match self.base().delete(key, &DeleteOptions { if_match }) {
                Err(Error::PreconditionFailed) if options.if_match.is_none() => {}
                done => return done,
            }
        }
        Err(Error::Unavailable(format!("{key:?} changes faster than it can be kept")))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        let writer = self.base().write(key, options)?;
        if !self.bin.config.replaced || options.if_absent {
            return Ok(writer);
        }
        Ok(Box::new(Replacing { writer, key: key.to_owned(), bin: self.bin.clone() }))
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        match access {
            Access::Read => self.base().locate(key, access),
            Access::Write | Access::Delete => Ok(None),
        }
    }
}

struct Replacing {
    writer: Box<dyn Writer>,
    key: String,
    bin: Rc<Bin>,
}

impl Writer for Replacing {
    fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.writer.push(chunk)
    }

    fn finish(self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        self.bin.keep(&self.key, None)?;
        self.writer.finish(trailer)
    }
}

struct Bin {
    objects: SharedStore,
    trash: SharedStore,
    config: Config,
    name: String,
    env: Env,
}

impl Bin {
    /// Copies the object under the key to the trash.
    fn keep(&self, key: &str, if_match: Option<String>) -> Result<Option<ObjectInfo>> {
        let options = ReadOptions { if_match, ..ReadOptions::default() };
        let now = self.env.coordinator.now();
        // A second loss of the key in the same millisecond needs another name.
        let copies = (now..).take(ATTEMPTS).map(|time| self.copy(key, &options, time));
        let mut copies = copies.skip_while(|copy| *copy == Err(Error::AlreadyExists));
        let info = match copies.next().unwrap_or(Err(Error::AlreadyExists)) {
            Err(Error::NotFound) => return Ok(None),
            info => info?,
        };
        if let Err(error) = self.sweep(now) {
            let message = format!("old objects stay in the trash: {error}");
            self.env.observer.log(Level::Warn, &self.name, &message);
        }
        Ok(Some(info))
    }

    fn copy(&self, key: &str, options: &ReadOptions, time: u64) -> Result<ObjectInfo> {
        let mut reader = self.objects.read(key, options)?;
        let info = reader.info().clone();
        let kept = PutOptions {
            content_type: info.content_type.clone(),
            metadata: info.metadata.clone(),
            etag: info.etag.clone(),
            if_absent: true,
            if_match: None,
        };
        let mut writer = self.trash.write(&format!("{}/{key}", stamp(time)), &kept)?;
        loop {
            let chunk = reader.next(CHUNK)?;
            if chunk.is_empty() {
                writer.finish(Trailer::default())?;
                return Ok(info);
            }
            writer.push(&chunk)?;
        }
    }

    /// Removes expired objects. They are listed first, since keys begin with the time.
    fn sweep(&self, now: u64) -> Result<()> {
        let Some(days) = self.config.days else { return Ok(()) };
        let before = stamp(now.saturating_sub(days.saturating_mul(DAY)));
        let page =
            self.trash.list(&ListOptions { limit: Some(SWEPT), ..ListOptions::default() })?;
        for entry in page.entries.iter().take_while(|entry| entry.key < before) {
            match self.trash.delete(&entry.key, &DeleteOptions::default()) {
                Ok(()) | Err(Error::NotFound) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn stamp(milliseconds: u64) -> String {
    let format =
        format_description!("[year]-[month]-[day]T[hour]-[minute]-[second]-[subsecond digits:3]Z");
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(milliseconds) * 1_000_000);
    time.ok().and_then(|time| time.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
