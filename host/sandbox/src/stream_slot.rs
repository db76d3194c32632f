//! Stream slots: an open stream's share of an instance.
//!
//! Streams that share an instance take turns, call by call.

use super::instance::{Instance, within};
use super::pool::Pool;
use super::stream_instances::InstanceCell;
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, PoisonError};
use storage_store::request_context::{Captured, capture};
use storage_store::{Error, Result};
use tokio::runtime::Handle;
use tokio::sync::OwnedSemaphorePermit;
use wasmtime::component::ResourceAny;

/// A stream's slot: its share of an instance, and its handle there.
pub(super) struct StreamSlot {
    /// Set until drop.
    occupied: Option<Occupied>,
    handle: Open,
    /// Whether `handle` is set, or may yet be.
    is_open: bool,
    /// Whether an instance of its own is discarded with an open handle.
    discards: bool,
}

/// The guest's reader or writer. The call that opens it sets this, possibly after its
/// caller went away.
type Open = Arc<Mutex<Option<ResourceAny>>>;

impl StreamSlot {
    /// Waits for a slot.
    pub async fn take(pool: &Arc<Pool>) -> Result<Self> {
        let occupied = Occupied::take(pool).await?;
        let handle = Open::default();
        Ok(Self { occupied: Some(occupied), handle, is_open: false, discards: true })
    }

    /// Closes the handle also where nobody shares the instance: a cache's reader that is
    /// dropped with it would leave a claim that keeps others from making a copy.
    pub fn close_when_dropped(&mut self) {
        self.discards = false;
    }

    /// Makes the first call, which returns the handle.
    pub async fn open<T: Send + 'static, E: Send + 'static>(
        &mut self,
        call: impl Call<Result<(ResourceAny, T), E>>,
    ) -> Result<Result<(ResourceAny, T), E>> {
        let handle = self.handle.clone();
        self.is_open = true;
        let opened = self.call(move |instance: &mut Instance| {
            let opening = call(instance);
            Box::pin(async move {
                let opened = opening.await?;
                if let Ok((opened, _)) = &opened {
                    *handle.lock().unwrap_or_else(PoisonError::into_inner) = Some(*opened);
                }
                Ok(opened)
            })
        });
        let opened = opened.await?;
        self.is_open = opened.is_ok();
        if let (false, Some(occupied)) = (self.is_open, &self.occupied) {
            occupied.pool.success();
        }
        Ok(opened)
    }

    /// Makes one call on the instance. A trap discards the instance, also for the other
    /// streams in it.
    pub async fn call<T: Send + 'static>(&self, call: impl Call<T>) -> Result<T> {
        match &self.occupied {
            Some(occupied) => occupied.call(call).await,
            None => Err(gone()),
        }
    }

    /// Closes the handle and frees the slot.
    pub async fn close(mut self) -> Result<()> {
        self.call(closing(self.handle.clone())).await?;
        self.is_open = false;
        if let Some(occupied) = &self.occupied {
            occupied.pool.success();
        }
        Ok(())
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        if self.is_open
            && let Some(occupied) = self.occupied.take()
        {
            occupied.leave_open(self.handle.clone(), self.discards);
        }
    }
}

fn closing(handle: Open) -> impl Call<()> {
    move |instance: &mut Instance| {
        let handle = handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            match handle {
                Some(handle) => handle.resource_drop_async(&mut instance.store).await,
                None => Ok(()),
            }
        }) as _
    }
}

/// A call on an instance that may outlive its caller.
pub(super) trait Call<T>:
    for<'a> FnOnce(&'a mut Instance) -> BoxFuture<'a, wasmtime::Result<T>> + Send + 'static
{
}

impl<T, F> Call<T> for F where
    F: for<'a> FnOnce(&'a mut Instance) -> BoxFuture<'a, wasmtime::Result<T>> + Send + 'static
{
}

struct Occupied {
    pool: Arc<Pool>,
    /// `None` once left.
    cell: Option<InstanceCell>,
    runtime: Handle,
    /// The context under which the stream was opened.
    context: Captured,
    _permit: OwnedSemaphorePermit,
}

impl Occupied {
    async fn take(pool: &Arc<Pool>) -> Result<Self> {
        let permit = pool.permit().await?;
        let mut joined = None;
        while pool.shares && joined.is_none() {
            let Some(cell) = pool.streams.join() else { break };
            // A call that began before this stream came may have been abandoned.
            if cell.lock().await.is_some() {
                joined = Some(cell);
            } else {
                pool.streams.forget(&cell);
            }
        }
        let cell = match joined {
            Some(cell) => cell,
            None => pool.streams.found(pool.instance().await?),
        };
        let (runtime, context) = (Handle::current(), capture());
        Ok(Self { pool: pool.clone(), cell: Some(cell), runtime, context, _permit: permit })
    }

    async fn call<T: Send + 'static>(&self, call: impl Call<T>) -> Result<T> {
        let Some(cell) = &self.cell else { return Err(gone()) };
        let mut turn = cell.clone().lock_owned().await;
        let limit = self.pool.pack().limits().call;
        let run = self.context.scope(async move {
            let mut instance = turn.take()?;
            instance.store.data_mut().begin();
            match within(limit, call(&mut instance)).await {
                Ok(answer) => {
                    *turn = Some(instance);
                    Some(Ok(answer))
                }
                Err(trap) => Some(Err((trap, instance.store.data().starved))),
            }
        });
        // A call dropped half-way takes the instance with it. If other streams share
        // the instance, the call runs to its end in a task.
        let answer = if self.pool.streams.is_alone(cell) {
            run.await
        } else {
            let ended = |error| Error::Unavailable(format!("the call was ended: {error}"));
            self.pool.tasks.spawn_on(run, &self.runtime).await.map_err(ended)?
        };
        match answer {
            Some(Ok(answer)) => Ok(answer),
            Some(Err((trap, starved))) => Err(self.pool.failure("failed", starved, &trap)),
            None => Err(gone()),
        }
    }

    /// Leaves with a handle open. With `discard`, an unshared instance is discarded, since
    /// creating one is cheaper than closing the handle.
    fn leave_open(mut self, handle: Open, discard: bool) {
        let Some(cell) = &self.cell else { return };
        if discard && self.pool.streams.leave_alone(cell) {
            self.cell = None;
            return;
        }
        let (tasks, runtime) = (self.pool.tasks.clone(), self.runtime.clone());
        let close = async move {
            // If this fails, the instance is gone with all its handles.
            let _ = self.call(closing(handle)).await;
        };
        tasks.spawn_on(close, &runtime);
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        let Some(cell) = self.cell.take() else { return };
        if !self.pool.streams.leave_alone(&cell) {
            self.pool.streams.leave(&cell);
        } else if let Ok(mut turn) = cell.try_lock()
            && let Some(instance) = turn.take()
        {
            self.pool.keep(instance);
        }
    }
}

fn gone() -> Error {
    let text = "a call in the instance of this stream failed; the stream can only be dropped";
    Error::Other(text.to_owned())
}
