//! The settings that compiled code depends on. The build script uses them, too.

use wasmtime::Config;

/// Settings to compile decorators with, and to run them with.
pub fn settings() -> Config {
    let mut config = Config::new();
    // The contract is synchronous; concurrency support doubles the cost of a call.
    config.concurrency_support(false);
    config
}
