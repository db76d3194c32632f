//! The runtime of the fuzz targets.

use std::sync::OnceLock;
use tokio::runtime::Runtime;

/// The runtime for the host's stores, with one worker thread.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(1).enable_all().build().expect("a runtime")
    })
}
