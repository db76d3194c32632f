//! Values by name, which exist as long as somebody uses them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// A value for each name that is in use.
pub struct Keyed<T>(Mutex<HashMap<String, Weak<T>>>);

impl<T> Default for Keyed<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T: Default> Keyed<T> {
    /// The value of this name: the one that others use, or a new one.
    pub fn get(&self, name: &str) -> Arc<T> {
        let mut values = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = values.get(name).and_then(Weak::upgrade) {
            return value;
        }
        if values.len() == values.capacity() {
            values.retain(|_, value| value.strong_count() > 0);
        }
        let value = Arc::<T>::default();
        values.insert(name.to_owned(), Arc::downgrade(&value));
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_shared_while_it_is_used_and_then_forgotten() {
        let keyed = Keyed::<Mutex<u32>>::default();
        let first = keyed.get("a");
        *first.lock().unwrap() = 7;
        assert!(Arc::ptr_eq(&first, &keyed.get("a")) && !Arc::ptr_eq(&first, &keyed.get("b")));
        drop(first);
        assert_eq!(*keyed.get("a").lock().unwrap(), 0);
        for n in 0..10_000 {
            keyed.get(&n.to_string());
        }
        assert!(keyed.0.lock().unwrap().len() < 100, "names of nobody stay");
    }
}
