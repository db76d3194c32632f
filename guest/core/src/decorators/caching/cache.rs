//! The parts of a cache, which everything here works with.

use super::config::Config;
use super::index::Index;
use storage_contract::env::Env;
use storage_contract::store::SharedStore;

pub(super) struct Cache {
    pub name: String,
    pub env: Env,
    pub config: Config,
    pub main: SharedStore,
    pub cache: SharedStore,
    /// Whether the cache store can hold the main store's info of an object.
    pub keeps_info: bool,
    pub index: Index,
}
