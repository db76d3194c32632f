//! The built-in decorators: one file each.

mod base64;
mod gzip;
mod identity;

use crate::kind::Kind;

/// Every built-in kind, in the order that documentation lists them.
pub static KINDS: &[&Kind] = &[&identity::KIND, &gzip::KIND, &base64::KIND];
