//! The built-in decorators: one file each.

mod identity;

use crate::kind::Kind;

/// Every built-in kind, in the order that documentation lists them.
pub static KINDS: &[&Kind] = &[&identity::KIND];
