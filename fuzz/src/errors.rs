//! What must hold of every error.

use storage_contract::types::Error;

/// Errors must say something.
pub fn readable(error: &Error) {
    let text = error.to_string();
    assert!(!text.trim().is_empty(), "{error:?} says nothing");
}
