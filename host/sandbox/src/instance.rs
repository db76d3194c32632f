//! One instance of a component, and the limits of a call in it.

use super::bindings::DecoratorPack;
use super::offload::Offload;
use super::state::InstanceState;
use std::time::Duration;
use wasmtime::component::ResourceAny;

/// One instance with its chain built. Boxed, because it is large and each call moves it
/// several times.
pub(super) struct Instance {
    pub store: wasmtime::Store<InstanceState>,
    pub exports: DecoratorPack,
    pub root: ResourceAny,
}

impl Instance {
    /// The byte count of the current call.
    pub fn offload(&self) -> Offload {
        self.store.data().offload.clone()
    }
}

/// A call that was ended for exceeding a limit.
#[derive(Debug, thiserror::Error)]
pub(super) enum Exceeded {
    #[error("the call used more than {0:?} of processor time")]
    Processor(Duration),
    #[error("the call did not end within {0:?}")]
    Time(Duration),
}

/// Awaits a call for at most `limit`.
pub(super) async fn within<T>(
    limit: Option<Duration>,
    call: impl Future<Output = wasmtime::Result<T>>,
) -> wasmtime::Result<T> {
    match limit {
        None => call.await,
        Some(limit) => match tokio::time::timeout(limit, call).await {
            Ok(done) => done,
            Err(_) => Err(wasmtime::Error::new(Exceeded::Time(limit))),
        },
    }
}
