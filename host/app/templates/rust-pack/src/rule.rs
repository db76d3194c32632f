//! What the store refuses.

use crate::bindings::storage::object_store::types::Error;

/// A store: what is under it, and the words that it refuses.
#[derive(Clone)]
pub struct Rule {
    pub base: String,
    pub words: Vec<String>,
}

impl Rule {
    /// Whether there may be a new object under this key.
    pub fn check(&self, key: &str) -> Result<(), Error> {
        match self.words.iter().find(|word| key.contains(word.as_str())) {
            Some(word) => Err(Error::InvalidKey(format!("the key {key:?} has {word:?} in it"))),
            None => Ok(()),
        }
    }
}
