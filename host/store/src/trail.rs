//! The locations of a store's objects, to detect stores that share objects.
//!
//! Copying an object onto itself destroys data or never ends, and differently
//! named stores may share objects. So each open store records the paths down to
//! its backends, and how they change keys.

/// The path from a store down to one backend.
pub type Trail = Vec<Step>;

/// A store on the path, and the form of keys there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Equal only if the objects are the same.
    pub place: String,
    /// The prefix of every key.
    pub prefix: String,
    /// Whether the unchanged key follows the prefix; otherwise anything may
    /// follow.
    pub keys: bool,
    /// Whether metadata that is known only after the bytes makes the backend copy a large
    /// object.
    pub late_copies: bool,
}

impl Step {
    fn region(&self, key: &str) -> (String, bool) {
        match self.keys {
            true => (format!("{}{key}", self.prefix), true),
            false => (self.prefix.clone(), false),
        }
    }
}

/// Whether two stores may share objects: below a key prefix each, or (`whole`)
/// under one key each.
pub fn meet(a: &[Trail], a_key: &str, b: &[Trail], b_key: &str, whole: bool) -> bool {
    a.iter().any(|a| b.iter().any(|b| both(a, a_key, b, b_key, whole)))
}

fn both(a: &Trail, a_key: &str, b: &Trail, b_key: &str, whole: bool) -> bool {
    let common = |a: &Step| b.iter().find(|b| b.place == a.place).cloned();
    let mut shared = a.iter().filter_map(|a| Some((a, common(a)?))).peekable();
    // If they differ at one common place, they differ everywhere below it.
    shared.peek().is_some()
        && shared.all(|(a, b)| {
            let ((a, a_exact), (b, b_exact)) = (a.region(a_key), b.region(b_key));
            match whole && a_exact && b_exact {
                true => a == b,
                false => a.starts_with(&b) || b.starts_with(&a),
            }
        })
}
