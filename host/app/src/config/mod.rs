//! The configuration: parses and checks a YAML file of stores.

mod access;
#[cfg(feature = "cli")]
pub(crate) mod alone;
mod env;
mod load;
mod model;
mod plugins;
mod position;
mod problem;
mod schema;
mod serve;
mod sources;
mod yaml;

pub use model::{
    Buckets, Config, Expose, ServeConfig, ServeOptions, Staging, StagingOptions, StagingStore,
    StoreDef,
};
pub use position::Position;
pub use problem::{ConfigError, Problem};
#[cfg(feature = "cli")]
pub(crate) use problem::{closest, suggest};
pub use sources::Sources;
pub use storage_s3::credentials::{Credentials, Right, Scope, User};
pub use storage_s3::options::{Limits, TlsFiles};
pub use storage_sandbox::options::{PluginDef, PluginLimits, PluginOptions, Refusal};
pub use storage_sandbox::type_info::{BaseShape, TypeInfo};
