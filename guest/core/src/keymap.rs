//! Decorators that change keys.
//!
//! A [`Mapping`] maps keys to keys of the base; [`KeyMapping`] turns any mapping
//! into a store. A base key that no key maps to is foreign: it is never shown and
//! never touched.

use std::borrow::Cow;
use storage_contract::MappedWriter;
use storage_contract::paging::Paging;
use storage_contract::skipped::{Skipped, hidden, one_and_base, plain, printable, why_no_key};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Entry, Error, ListOptions, Location, MAX_KEY_BYTES,
    ObjectInfo, Page, PutOptions, ReadOptions, Result, check_key, shorten, too_long,
};

/// Maps keys to base keys and back.
pub trait Mapping: 'static {
    /// The base key of a key. Different keys must have different base keys.
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>>;
    /// The result of `map` for any text; `None` if the text can't be a key.
    fn image<'a>(&self, text: &'a str) -> Result<Option<Cow<'a, str>>> {
        Ok(self.map(text).ok())
    }
    /// The only key that `map` might turn into `base_key`, if there is one.
    fn unmap(&self, base_key: &str) -> Result<Option<String>>;
    /// A prefix of the base keys of all keys that begin with `prefix`.
    fn base_prefix(&self, prefix: &str) -> Result<String>;
    /// Where an ordered listing of the base starts so as to continue after `after`,
    /// which need not be a key. `None` if unknown.
    fn base_start(&self, after: &str) -> Result<Option<String>> {
        self.base_prefix(after).map(Some)
    }
    /// Whether keys sort like their base keys, by bytes.
    fn ordered(&self) -> bool;
    /// Whether a foreign base key may belong to someone else, so that it need not
    /// be reported as skipped.
    fn others(&self, _base_key: &str) -> bool {
        false
    }
    /// A prefix that every base key has, if every key of the base that begins with
    /// it stands for a key of ours. Only the prefix itself then stands for none.
    fn territory(&self) -> Option<&str> {
        None
    }
}

/// Marks page tokens of an unordered mapping, so that no user's key is mistaken for
/// one.
const TOKEN: char = '\u{1}';

/// Why an object of the base is foreign.
const FOREIGN: &str = "its key in the base is not one that this store writes";

/// A base under other keys.
pub struct KeyMapping<M> {
    base: SharedStore,
    mapping: M,
}

impl<M: Mapping> KeyMapping<M> {
    /// Maps keys over `base`.
    pub fn new(base: SharedStore, mapping: M) -> Self {
        Self { base, mapping }
    }

    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        check_key(key)?;
        let mapped = self.mapping.map(key)?;
        if mapped.len() > MAX_KEY_BYTES {
            let (long, key, mapped) = (mapped.len(), shorten(key), shorten(&mapped));
            return Err(too_long(&format!(
                "{key:?} becomes {mapped:?} in the base, {long} bytes of UTF-8, and a key has at \
                 most {MAX_KEY_BYTES}"
            )));
        }
        Ok(mapped)
    }

    /// Does something under the base key of `key`.
    fn at<T>(&self, key: &str, call: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let mapped = self.map(key)?;
        call(&mapped).map_err(|error| error.with_key(key, &mapped))
    }

    /// Our key for a base key; `None` if it is foreign.
    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        let Some(key) = self.mapping.unmap(base_key)? else { return Ok(None) };
        if check_key(&key).is_err() {
            return Ok(None);
        }
        let own = self.mapping.image(&key)?.is_some_and(|mapped| mapped == base_key);
        Ok(own.then_some(key))
    }

    fn ordered(&self) -> bool {
        self.mapping.ordered() && self.base.capabilities().ordered
    }

    /// A page of what the base holds besides our keys.
    fn skipped(&self, options: &ListOptions) -> Result<Page> {
        let prefix = printable(options.prefix.as_bytes());
        let inner =
            ListOptions { prefix: self.mapping.base_prefix(&options.prefix)?, ..options.clone() };
        if let Some(territory) = self.mapping.territory() {
            return self.skipped_within(territory, &prefix, &inner);
        }
        let hide = |entry: &Entry| {
            let key = entry.key.as_str();
            if self.unmap(key)?.is_some() || self.mapping.others(key) {
                return Ok(None);
            }
            let ours = self.mapping.unmap(key)?.unwrap_or_default();
            let wanted = ours.starts_with(&options.prefix);
            Ok(wanted.then(|| Skipped::new(key.as_bytes(), FOREIGN)))
        };
        let show = |mut skipped: Skipped| {
            let name = plain(&skipped.entry);
            if let Some(key) = name.map(|name| self.mapping.unmap(&name)).transpose()?.flatten() {
                skipped.entry = printable(key.as_bytes());
            }
            Ok(skipped.entry.starts_with(&prefix).then_some(skipped))
        };
        hidden(&*self.base, &inner, hide, show)
    }

    /// The same if the territory holds nothing but our keys.
    fn skipped_within(&self, territory: &str, prefix: &str, options: &ListOptions) -> Result<Page> {
        let start = printable(territory.as_bytes());
        let show = |mut skipped: Skipped| {
            if let Some(rest) = skipped.entry.strip_prefix(&start) {
                skipped.entry = rest.to_owned();
            }
            skipped
        };
        let empty = || -> Result<Option<Skipped>> {
            let asked = prefix.is_empty() && self.base.capabilities().read;
            let reason = why_no_key(b"").filter(|_| asked);
            let Some(reason) = reason else { return Ok(None) };
            match self.base.exists(territory) {
                Ok(true) => Ok(Some(Skipped::new(b"", reason))),
                // If the prefix itself can't be a key, there is nothing under it.
                Ok(false) | Err(Error::InvalidKey(_)) => Ok(None),
                Err(error) => Err(error),
            }
        };
        one_and_base(&*self.base, options, empty, show)
    }

    /// Where the base's listing continues after `after`.
    fn base_start(&self, after: Option<&str>) -> Result<Option<String>> {
        let Some(after) = after else { return Ok(None) };
        if self.ordered() {
            // The empty string precedes every key.
            return if after.is_empty() { Ok(None) } else { self.mapping.base_start(after) };
        }
        match after.strip_prefix(TOKEN) {
            Some(token) => Ok(Some(token.to_owned())),
            None => Err(Error::Unsupported(
                "this store does not list in the order of its keys: start only after the token of a page".to_owned(),
            )),
        }
    }

    /// Our page token for the base's `token`. `None` if there was no key of ours
    /// yet to continue after.
    fn next(&self, token: &str, page: &Page) -> Result<Option<String>> {
        if !self.ordered() {
            return Ok(Some(format!("{TOKEN}{token}")));
        }
        // Prefer the base's token: the last key of its page may be foreign.
        if let Some(text) = self.mapping.unmap(token)?
            && self.mapping.image(&text)?.is_some_and(|mapped| mapped == token)
        {
            return Ok(Some(text));
        }
        Ok(page.entries.last().map(|entry| entry.key.clone()))
    }
}

#[deny(clippy::missing_trait_methods)]
impl<M: Mapping> Store for KeyMapping<M> {
    fn capabilities(&self) -> Capabilities {
        Capabilities { ordered: self.ordered(), ..self.base.capabilities() }
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.at(key, |mapped| self.base.get(mapped, options))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.at(key, |mapped| self.base.put(mapped, data, options))
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.at(key, |mapped| self.base.exists(mapped))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.at(key, |mapped| self.base.delete(mapped, options))
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.at(key, |mapped| self.base.stat(mapped))
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        if options.skipped {
            return self.skipped(options);
        }
        let after = options.start_after.as_deref();
        let mut inner = ListOptions {
            prefix: self.mapping.base_prefix(&options.prefix)?,
            start_after: self.base_start(after)?,
            ..options.clone()
        };
        let after = after.filter(|_| self.ordered());
        let mut paging = Paging::default();
        loop {
            let mut page = self.base.list(&inner)?;
            paging.advance(&page, &mut inner)?;
            let entries = std::mem::take(&mut page.entries);
            for mut entry in entries {
                if let Some(key) = self.unmap(&entry.key)?
                    && key.starts_with(&options.prefix)
                    && after.is_none_or(|after| key.as_str() > after)
                {
                    entry.key = key;
                    page.entries.push(entry);
                }
            }
            let Some(token) = page.next.take() else { return Ok(page) };
            page.next = self.next(&token, &page)?;
            // Foreign keys may fill any number of pages. Callers must not see those
            // as empty pages.
            if page.next.is_some() && !page.is_empty() {
                return Ok(page);
            }
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.at(key, |mapped| self.base.read(mapped, options))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.at(key, |mapped| {
            let writer = self.base.write(mapped, options)?;
            Ok(Box::new(MappedWriter::new(writer, key, mapped)) as Box<dyn Writer>)
        })
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        self.at(key, |mapped| self.base.locate(mapped, access))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use storage_contract::memory::Memory;

    /// Every key that the store lists, in pages of `limit`.
    pub fn listed(store: &dyn Store, prefix: &str, limit: u32) -> Vec<String> {
        let mut options =
            ListOptions { prefix: prefix.to_owned(), limit: Some(limit), ..ListOptions::default() };
        let mut keys = Vec::new();
        loop {
            let page = store.list(&options).unwrap();
            keys.extend(page.entries.into_iter().map(|entry| entry.key));
            match page.next {
                Some(next) => options.start_after = Some(next),
                None => return keys,
            }
        }
    }

    /// Puts `keys` through a store over `memory` and checks the listing.
    pub fn check_listing(
        store: &dyn Store,
        memory: &Memory,
        keys: &BTreeSet<String>,
        prefix: &str,
        limit: u32,
    ) {
        for key in keys {
            store.put(key, key.as_bytes(), &PutOptions::default()).unwrap();
        }
        for foreign in ["!", "%", "%zz", "a%2fb", "%FF"] {
            memory.put(foreign, b"foreign", &PutOptions::default()).unwrap();
        }
        for key in keys {
            assert_eq!(store.get(key, &ReadOptions::default()).unwrap().1, key.as_bytes());
        }
        let mut got = listed(store, prefix, limit);
        if !store.capabilities().ordered {
            got.sort();
        }
        let wanted: Vec<_> = keys.iter().filter(|key| key.starts_with(prefix)).cloned().collect();
        assert_eq!(got, wanted, "prefix {prefix:?}, limit {limit}");
    }
}
