//! The built-in decorators, and the list of their store types.

mod base64;
pub mod buffer;
pub mod caching;
#[cfg(test)]
mod faulty;
mod gzip;
mod hash_prefix;
mod identity;
mod json;
mod key_validating;
mod logging;
pub mod mirroring;
mod notifying;
mod prefix;
mod readonly;
mod regex_routing;
mod resume;
mod text_encoding;
mod url_encoding;
mod writeonly;

use crate::kind::Kind;

/// Every built-in kind, in the order of the documentation.
pub static KINDS: &[&Kind] = &[
    &identity::KIND,
    &readonly::KIND,
    &writeonly::KIND,
    &mirroring::KIND,
    &caching::KIND,
    &notifying::KIND,
    &logging::KIND,
    &logging::EXCEPTIONS,
    &text_encoding::KIND,
    &gzip::KIND,
    &base64::KIND,
    &json::KIND,
    &buffer::KIND,
    &key_validating::KIND,
    &key_validating::REGEX,
    &key_validating::URL,
    &prefix::KIND,
    &hash_prefix::KIND,
    &url_encoding::KIND,
    &regex_routing::KIND,
];
