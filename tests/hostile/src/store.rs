//! A store that forwards all calls, and lies where its config says so.

use crate::bindings::exports::storage::object_store::object_store as own;
use crate::bindings::storage::object_store::{object_store as outside, types};
use crate::harm::Plan;
use types::Error;

/// The store.
pub struct Stored {
    pub base: outside::Store,
    pub plan: Plan,
}

impl Stored {
    fn lies(&self, operation: &str, key: &str, what: &str) -> bool {
        self.plan.due(operation, key) && self.plan.what == what
    }

    /// Performs the attacks that do not forge an answer.
    fn strike(&self, operation: &str, key: &str) -> Result<(), Error> {
        while self.lies(operation, key, "own-handles") {
            // The address is never dereferenced; only the number of handles matters.
            unsafe { <Self as own::GuestStore>::_resource_new(std::ptr::null_mut()) };
        }
        self.plan.strike(operation, key)
    }
}

impl own::GuestStore for Stored {
    fn capabilities(&self) -> types::Capabilities {
        let _ = self.strike("capabilities", "bad");
        self.base.capabilities()
    }

    fn get(
        &self,
        key: String,
        options: types::ReadOptions,
    ) -> Result<(types::ObjectInfo, Vec<u8>), Error> {
        self.strike("get", &key)?;
        let (mut info, mut data) = self.base.get(&key, &options)?;
        if self.lies("get", &key, "vast-list") {
            data = vec![0; 40_000_000];
        }
        if self.lies("get", &key, "huge-list") {
            data = vec![0; 9_000_000];
            info.size = None;
        }
        if self.lies("get", &key, "longer") {
            data.push(0);
        }
        if self.lies("get", &key, "header") {
            info.etag = Some("a\r\nSet-Cookie: b".to_owned());
        }
        Ok((info, data))
    }

    fn put(
        &self,
        key: String,
        data: Vec<u8>,
        options: types::PutOptions,
    ) -> Result<types::ObjectInfo, Error> {
        self.strike("put", &key)?;
        self.base.put(&key, &data, &options)
    }

    fn exists(&self, key: String) -> Result<bool, Error> {
        self.strike("exists", &key)?;
        self.base.exists(&key)
    }

    fn delete(&self, key: String, options: types::DeleteOptions) -> Result<(), Error> {
        self.strike("delete", &key)?;
        self.base.delete(&key, &options)
    }

    fn stat(&self, key: String) -> Result<types::ObjectInfo, Error> {
        self.strike("stat", &key)?;
        self.base.stat(&key)
    }

    fn list(&self, options: types::ListOptions) -> Result<types::Page, Error> {
        self.strike("list", &options.prefix)?;
        let mut page = self.base.list(&options)?;
        if self.lies("list", &options.prefix, "many") {
            let info = types::ObjectInfo {
                size: None,
                etag: None,
                modified: None,
                content_type: None,
                metadata: Vec::new(),
            };
            let entry =
                |i| types::Entry { key: format!("{}{i}", options.prefix), info: info.clone() };
            page.entries = (0..5_000).map(entry).collect();
        }
        if self.lies("list", &options.prefix, "still") {
            page.next = options.start_after.or(Some(options.prefix));
        } else if self.lies("list", &options.prefix, "onward") {
            page.entries.clear();
            page.next = Some(format!("{}!", options.start_after.unwrap_or(options.prefix)));
        }
        Ok(page)
    }

    fn read(&self, key: String, options: types::ReadOptions) -> Result<own::Reader, Error> {
        self.strike("read", &key)?;
        let reader = self.base.read(&key, &options)?;
        let sized = !self.lies("next", &key, "endless-unsized");
        Ok(own::Reader::new(Reading { reader, plan: self.plan.clone(), key, sized }))
    }

    fn write(&self, key: String, options: types::PutOptions) -> Result<own::Writer, Error> {
        self.strike("write", &key)?;
        let writer = self.base.write(&key, &options)?;
        Ok(own::Writer::new(Writing { writer, plan: self.plan.clone(), key }))
    }

    fn locate(&self, key: String, _: types::Access) -> Result<Option<types::Location>, Error> {
        self.strike("locate", &key)?;
        let base = if self.lies("locate", &key, "foreign") { "calm" } else { "memory" };
        let key = if self.lies("locate", &key, "no-key") { "\0".to_owned() } else { key };
        let located = self.plan.at == "locate";
        Ok(located.then(|| types::Location { base: base.to_owned(), key }))
    }
}

/// A reader.
pub struct Reading {
    reader: outside::Reader,
    plan: Plan,
    key: String,
    sized: bool,
}

impl own::GuestReader for Reading {
    fn info(&self) -> types::ObjectInfo {
        let mut info = self.reader.info();
        if !self.sized {
            info.size = None;
        }
        info
    }

    fn next(&self, max: u32) -> Result<Vec<u8>, Error> {
        self.plan.strike("next", &self.key)?;
        let lies = self.plan.due("next", &self.key);
        match self.plan.what.as_str() {
            "longer" if lies => Ok(vec![0; max as usize + 1]),
            "endless" | "endless-unsized" if lies => Ok(vec![0; max as usize]),
            "short" if lies => Ok(Vec::new()),
            // Reads, writes and deletes in the base while a reader of the same object
            // is open.
            "reentrant" if lies => {
                let base = outside::open("memory")?;
                let whole = types::ReadOptions { range: None, if_match: None, if_none_match: None };
                let second = base.read(&self.key, &whole)?;
                let (_, data) = base.get(&self.key, &whole)?;
                let put = types::PutOptions {
                    content_type: None,
                    metadata: Vec::new(),
                    etag: None,
                    if_absent: false,
                    if_match: None,
                };
                base.put("side", &data, &put)?;
                base.delete("side", &types::DeleteOptions { if_match: None })?;
                second.next(max)?;
                self.reader.next(max)
            }
            _ => self.reader.next(max),
        }
    }
}

/// A writer.
pub struct Writing {
    writer: outside::Writer,
    plan: Plan,
    key: String,
}

impl own::GuestWriter for Writing {
    fn push(&self, chunk: Vec<u8>) -> Result<(), Error> {
        self.plan.strike("push", &self.key)?;
        self.writer.push(&chunk)
    }

    fn finish(&self, trailer: types::Trailer) -> Result<types::ObjectInfo, Error> {
        self.plan.strike("finish", &self.key)?;
        self.writer.finish(&trailer)
    }
}
