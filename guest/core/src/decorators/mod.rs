//! The built-in decorators: one file each.

pub mod caching;
#[cfg(test)]
mod faulty;
mod identity;
pub mod mirroring;
mod resume;

use crate::kind::Kind;

/// Every built-in kind, in the order that documentation lists them.
pub static KINDS: &[&Kind] = &[&identity::KIND, &mirroring::KIND, &caching::KIND];
