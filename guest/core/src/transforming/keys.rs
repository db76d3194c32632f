//! A transformer's key mapping, for [`KeyMapping`](crate::keymap::KeyMapping).

use super::checked::Checked;
use super::transform::Transform;
use crate::keymap::Mapping;
use std::borrow::Cow;
use std::rc::Rc;
use storage_contract::behaviour::KeyMap;
use storage_contract::types::{Error, Result};

/// The key mapping of a transformer.
pub struct Keys<T> {
    transform: Rc<Checked<T>>,
    map: KeyMap,
}

impl<T: Transform> Keys<T> {
    pub fn new(transform: Rc<Checked<T>>, map: KeyMap) -> Self {
        Self { transform, map }
    }
}

impl<T: Transform> Mapping for Keys<T> {
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        self.transform.map_key(key).map(Cow::Owned)
    }

    fn image<'a>(&self, key: &'a str) -> Result<Option<Cow<'a, str>>> {
        match self.transform.map_text(key) {
            Ok(mapped) => Ok(Some(mapped.into())),
            Err(Error::InvalidKey(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        self.transform.unmap_key(base_key)
    }

    fn base_prefix(&self, prefix: &str) -> Result<String> {
        let mapped = match self.map.keeps_prefixes {
            true => self.image(prefix)?,
            false => None,
        };
        Ok(mapped.unwrap_or_default().into_owned())
    }

    fn base_start(&self, after: &str) -> Result<Option<String>> {
        Ok(self.image(after)?.map(Cow::into_owned))
    }

    fn ordered(&self) -> bool {
        self.map.keeps_order
    }
}
