//! Zero-copy answers. The generated bindings take a `Vec<u8>`, so bytes that are shared
//! (by a store in memory, by a network buffer) would be copied first; these functions
//! write them straight into the guest's memory.

use super::bindings::storage::object_store::types;
use super::convert;
use super::state::{Base, BaseReader, InstanceState};
use bytes::Bytes;
use storage_store::MAX_INLINE_BYTES;
use wasmtime::Result;
use wasmtime::component::{Linker, Resource};

/// The interface of the two functions.
const OBJECT_STORE: &str = "storage:object-store/object-store@0.1.0";

/// An answer of the host, as the linker takes it.
type Answer<T> = (Result<T, types::Error>,);

type Get = (Resource<Base>, String, types::ReadOptions);

/// Replaces `store.get` and `reader.next` in a linker that has the generated ones.
pub(super) fn link(linker: &mut Linker<InstanceState>) -> Result<()> {
    linker.allow_shadowing(true);
    let mut interface = linker.instance(OBJECT_STORE)?;
    interface.func_wrap_async("[method]store.get", |mut store, (this, key, options): Get| {
        Box::new(async move { store.data_mut().give_whole(this, &key, options).await })
    })?;
    interface.func_wrap_async("[method]reader.next", |mut store, (this, max)| {
        Box::new(async move { store.data_mut().give_next(this, max).await })
    })?;
    linker.allow_shadowing(false);
    Ok(())
}

impl InstanceState {
    pub(super) async fn give_whole(
        &mut self,
        this: Resource<Base>,
        key: &str,
        options: types::ReadOptions,
    ) -> Result<Answer<(types::ObjectInfo, Bytes)>> {
        let store = self.base(&this).await?;
        let found = store.get(key, convert::read_options_in(options)).await;
        if let Ok((_, data)) = &found {
            self.offload.add(data.len()).await;
        }
        let answer = match found {
            Ok((_, data)) if data.len() as u64 > MAX_INLINE_BYTES => {
                Err(types::Error::LimitExceeded("stream large objects with read".to_owned()))
            }
            Ok((info, data)) => Ok((convert::info_out(info), data)),
            Err(error) => Err(convert::error_out(error)),
        };
        Ok((answer,))
    }

    pub(super) async fn give_next(
        &mut self,
        this: Resource<BaseReader>,
        max: u32,
    ) -> Result<Answer<Bytes>> {
        // The guest controls `max`: clamp it, so that it does not control the host's
        // memory.
        let max = u64::from(max).clamp(1, MAX_INLINE_BYTES);
        let max = usize::try_from(max).unwrap_or(usize::MAX);
        let reader = &mut self.table.get_mut(&this)?.0;
        let chunk = reader.next(max).await;
        if let Ok(chunk) = &chunk {
            self.offload.add(chunk.len()).await;
        }
        Ok((chunk.map_err(convert::error_out),))
    }
}
