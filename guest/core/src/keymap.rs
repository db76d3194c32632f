//! Decorators that change keys.
//!
//! A [`Mapping`] says which key of the base an object has; [`KeyMapping`]
//! makes a store of it, once for all. A base key that no key of ours maps to is
//! foreign: it is never shown and never touched.

use crate::paging::Paging;
use crate::skipped::{Skipped, hidden, one_and_base, plain, printable, why_no_key};
use crate::store::{Reader, SharedStore, Store, Writer};
use crate::types::{
    Capabilities, DeleteOptions, Entry, Error, KEY_TOO_LONG, ListOptions, MAX_KEY_BYTES,
    ObjectInfo, Page, PutOptions, ReadOptions, Result, check_key, shorten,
};
use std::borrow::Cow;

/// From keys to the base's keys and back.
pub trait Mapping: 'static {
    /// The base's key. Two keys never give the same one.
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>>;
    /// What `map` gives for any text; `None`: it can be no key.
    fn image<'a>(&self, text: &'a str) -> Result<Option<Cow<'a, str>>> {
        Ok(self.map(text).ok())
    }
    /// A key that `map` may give `base_key` for, if there is one.
    fn unmap(&self, base_key: &str) -> Result<Option<String>>;
    /// A prefix of the base keys of all keys that begin with `prefix`.
    fn base_prefix(&self, prefix: &str) -> Result<String>;
    /// Where an ordered listing of the base goes on after `after`, which need
    /// not be a key; `None`: somewhere unknown.
    fn base_start(&self, after: &str) -> Result<Option<String>> {
        self.base_prefix(after).map(Some)
    }
    /// Whether keys and their base keys are in the same order of bytes.
    fn ordered(&self) -> bool;
    /// Whether a base key without a key of ours may be somebody else's: then
    /// nobody need be told of it.
    fn others(&self, _base_key: &str) -> bool {
        false
    }
    /// What every base key begins with and nobody else's does, if all that
    /// begins so stands for keys; only that text itself then stands for none.
    fn territory(&self) -> Option<&str> {
        None
    }
}

/// What page tokens of an unordered mapping begin with: a key of a user's
/// can't be taken for one by accident.
const TOKEN: char = '\u{1}';

/// Why an object of the base is none of ours.
const FOREIGN: &str = "its key in the base is not one that this store writes";

/// A base with other keys.
pub struct KeyMapping<M> {
    base: SharedStore,
    mapping: M,
}

impl<M: Mapping> KeyMapping<M> {
    /// Over `base`.
    pub fn new(base: SharedStore, mapping: M) -> Self {
        Self { base, mapping }
    }

    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        check_key(key)?;
        let mapped = self.mapping.map(key)?;
        if mapped.len() > MAX_KEY_BYTES {
            let (long, key, mapped) = (mapped.len(), shorten(key), shorten(&mapped));
            return Err(Error::InvalidKey(format!(
                "{KEY_TOO_LONG}: {key:?} becomes {mapped:?} in the base, {long} bytes of UTF-8, \
                 and a key has at most {MAX_KEY_BYTES}"
            )));
        }
        Ok(mapped)
    }

    /// Does something with the base's key. A refusal of that key names both:
    /// a user knows one of them, and the base only the other.
    fn at<T>(&self, key: &str, call: impl FnOnce(&str) -> Result<T>) -> Result<T> {
        let mapped = self.map(key)?;
        call(&mapped).map_err(|error| match error {
            Error::InvalidKey(text) if *mapped != *key => Error::InvalidKey(format!(
                "{:?} is {:?} in the base: {text}",
                shorten(key),
                shorten(&mapped)
            )),
            error => error,
        })
    }

    /// The key of ours that has this base key.
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

    /// What is in the base and stands for no key of ours.
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

    /// The same where the base's prefix holds nothing but our keys.
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
                // Where no key can be the prefix itself, nothing is under it.
                Ok(false) | Err(Error::InvalidKey(_)) => Ok(None),
                Err(error) => Err(error),
            }
        };
        one_and_base(&*self.base, options, empty, show)
    }

    /// Where the base's listing goes on after `after`.
    fn base_start(&self, after: Option<&str>) -> Result<Option<String>> {
        let Some(after) = after else { return Ok(None) };
        if self.ordered() {
            // An empty string is before every key.
            return if after.is_empty() { Ok(None) } else { self.mapping.base_start(after) };
        }
        match after.strip_prefix(TOKEN) {
            Some(token) => Ok(Some(token.to_owned())),
            None => Err(Error::Unsupported(
                "this store does not list in the order of its keys: start only after the token of a page".to_owned(),
            )),
        }
    }

    /// What our callers go on with, where the base goes on with `token`;
    /// `None`: no key of ours has come by yet to go on after.
    fn next(&self, token: &str, page: &Page) -> Result<Option<String>> {
        if !self.ordered() {
            return Ok(Some(format!("{TOKEN}{token}")));
        }
        // The base's own token: the last key of the page may be foreign.
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
        self.at(key, |key| self.base.get(key, options))
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.at(key, |key| self.base.put(key, data, options))
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.at(key, |key| self.base.exists(key))
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.at(key, |key| self.base.delete(key, options))
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.at(key, |key| self.base.stat(key))
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
            // Foreign keys may fill any number of pages; those are not for our
            // callers to count.
            if page.next.is_some() && !page.is_empty() {
                return Ok(page);
            }
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.at(key, |key| self.base.read(key, options))
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.at(key, |key| self.base.write(key, options))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::memory::Memory;
    use std::collections::BTreeSet;

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

    /// Puts `keys` through a store over `memory` and checks what is listed.
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
