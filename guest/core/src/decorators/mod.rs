//! The built-in decorators: one file each.

mod base64;
pub mod caching;
#[cfg(test)]
mod faulty;
mod gzip;
mod identity;
pub mod mirroring;
mod resume;

use crate::kind::Kind;

/// Every built-in kind, in the order that documentation lists them.
pub static KINDS: &[&Kind] = &[
    &identity::KIND,
    &mirroring::KIND,
    &caching::KIND,
    &gzip::KIND,
    &base64::KIND,
];
