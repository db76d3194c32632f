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
pub mod notifying;
mod prefix;
mod readonly;
mod regex_routing;
mod resume;
mod text_encoding;
mod url_encoding;
mod writeonly;

use storage_contract::chain::{self, Node};
use storage_contract::env::Env;
use storage_contract::kind::Kind;
use storage_contract::{Result, SharedStore};

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

/// The built-in kind with this name or alias.
pub fn kind(name: &str) -> Option<&'static Kind> {
    chain::find(KINDS, name)
}

/// Builds a chain of built-in kinds; see [`chain::build`].
pub fn build(
    nodes: &[Node],
    env: &Env,
    open: impl FnMut(&str) -> Result<SharedStore>,
) -> Result<Vec<SharedStore>> {
    chain::build(KINDS, nodes, env, open)
}

#[cfg(test)]
mod tests;
