//! What a configuration needs beside its text.

use std::path::Path;
use storage_sandbox::options::{PluginDef, Refusal};
use storage_sandbox::type_info::TypeInfo;

/// Where a configuration gets what its text does not contain.
pub struct Sources<'a> {
    /// The built-in store types.
    pub types: &'a [TypeInfo],
    /// Loads a plug-in and returns its store types.
    pub plugins: &'a mut dyn FnMut(&PluginDef) -> Result<Vec<TypeInfo>, Refusal>,
    /// The environment.
    pub vars: &'a dyn Fn(&str) -> Option<String>,
    /// The directory of the file, where relative paths start.
    pub directory: &'a Path,
}
