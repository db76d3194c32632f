//! A store of the objects below a prefix of another store.

use async_trait::async_trait;
use bytes::Bytes;
use storage_contract::types::{MAX_KEY_BYTES, too_long};
use storage_store::base_key::MappedWriter;
use storage_store::{
    Access, Capabilities, DeleteOptions, ListOptions, ObjectInfo, ObjectStore, Page, PutOptions,
    ReadOptions, Reader, Result, SharedStore, Writer,
};

/// A view of `base`: key `k` here is `prefix` + `k` there. The full key must
/// fit the key limit, or the base's own if that is lower.
pub struct Prefixed {
    base: SharedStore,
    prefix: String,
}

impl Prefixed {
    pub fn new(base: SharedStore, prefix: String) -> Self {
        Self { base, prefix }
    }

    fn key(&self, key: &str) -> Result<String> {
        let room = MAX_KEY_BYTES.saturating_sub(self.prefix.len());
        if key.len() > room {
            let long = key.len();
            let text = format!("in this bucket one has at most {room} bytes, not {long}");
            return Err(too_long(&text));
        }
        Ok(format!("{}{key}", self.prefix))
    }
}

#[deny(clippy::missing_trait_methods)]
#[async_trait]
impl ObjectStore for Prefixed {
    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }

    async fn get(&self, key: &str, options: ReadOptions) -> Result<(ObjectInfo, Bytes)> {
        let there = self.key(key)?;
        let answer = self.base.get(&there, options).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn put(&self, key: &str, data: Bytes, options: PutOptions) -> Result<ObjectInfo> {
        let there = self.key(key)?;
        let answer = self.base.put(&there, data, options).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn exists(&self, key: &str) -> Result<bool> {
        let there = self.key(key)?;
        let answer = self.base.exists(&there).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn delete(&self, key: &str, options: DeleteOptions) -> Result<()> {
        let there = self.key(key)?;
        let answer = self.base.delete(&there, options).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn stat(&self, key: &str) -> Result<ObjectInfo> {
        let there = self.key(key)?;
        let answer = self.base.stat(&there).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn list(&self, options: ListOptions) -> Result<Page> {
        // The page tokens of an unordered store are not keys.
        let ordered = self.base.capabilities().ordered;
        let start_after = match options.start_after {
            Some(after) if ordered => Some(format!("{}{after}", self.prefix)),
            after => after,
        };
        let prefix = format!("{}{}", self.prefix, options.prefix);
        let mut page = self.base.list(ListOptions { prefix, start_after, ..options }).await?;
        page.entries.retain_mut(|entry| match entry.key.strip_prefix(&self.prefix) {
            // The base may have the prefix itself as a key, which would be
            // empty here.
            Some(key) if !key.is_empty() => {
                entry.key = key.to_owned();
                true
            }
            _ => false,
        });
        if ordered {
            page.next = page.next.map(|next| match next.strip_prefix(&self.prefix) {
                Some(next) => next.to_owned(),
                None => next,
            });
        }
        Ok(page)
    }

    async fn read(&self, key: &str, options: ReadOptions) -> Result<Box<dyn Reader>> {
        let there = self.key(key)?;
        let answer = self.base.read(&there, options).await;
        answer.map_err(|error| error.with_key(key, &there))
    }

    async fn write(&self, key: &str, options: PutOptions) -> Result<Box<dyn Writer>> {
        let there = self.key(key)?;
        MappedWriter::opened(self.base.write(&there, options).await, key, &there)
    }

    async fn copy(&self, _: &str, _: &str, _: &str, _: PutOptions) -> Result<Option<ObjectInfo>> {
        Ok(None)
    }

    async fn join(
        &self,
        _: &[(String, String)],
        _: &str,
        _: PutOptions,
    ) -> Result<Option<Box<dyn Writer>>> {
        Ok(None)
    }

    async fn locate(&self, key: &str, _: Access) -> Result<Option<(SharedStore, String)>> {
        Ok(Some((self.base.clone(), self.key(key)?)))
    }

    /// Does nothing: the opener of the base closes it.
    async fn close(&self) -> Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use storage_backends::memory::Memory;
    use storage_store::objects::Objects;

    #[tokio::test]
    async fn only_what_lies_below_the_prefix_is_seen_in_pages_of_any_size() {
        let memory: SharedStore = Arc::new(Memory::new());
        let all = Objects::new("all", memory.clone());
        for key in ["a", "b/", "b/1", "b/2", "b/2/x", "b/3", "b0", "c/1"] {
            all.put(key, Bytes::new(), PutOptions::default()).await.unwrap();
        }
        let below = Prefixed::new(memory, "b/".to_owned());
        for limit in 1..5 {
            let mut keys = Vec::new();
            let mut options = ListOptions { limit: Some(limit), ..ListOptions::default() };
            loop {
                let page = below.list(options.clone()).await.unwrap();
                keys.extend(page.entries.into_iter().map(|entry| entry.key));
                match page.next {
                    Some(next) => options.start_after = Some(next),
                    None => break,
                }
            }
            assert_eq!(keys, ["1", "2", "2/x", "3"], "pages of {limit}");
        }
    }
}
