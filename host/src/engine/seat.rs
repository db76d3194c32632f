//! Where streams run.
//!
//! While few are open, each stream has an instance of its own. From some
//! number on they sit together: an instance costs some hundred kilobytes, and
//! what many slow clients hold open at a time is what the memory of a server
//! is spent on. Those that sit together take turns, call by call.

use super::pool::{Instance, Pool, within};
use crate::store::{Error, Result};
use futures::future::BoxFuture;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::runtime::Handle;
use tokio::sync::{Mutex as AsyncMutex, OwnedSemaphorePermit};
use wasmtime::component::ResourceAny;

/// Instances that have one stream each, before any has two.
const ALONE: usize = 32;

/// The most streams of one instance.
const TOGETHER: usize = 16;

/// An instance, unless a call in it failed or was given up.
type Place = Arc<AsyncMutex<Option<Box<Instance>>>>;

/// The instances of a chain that streams run in.
#[derive(Default)]
pub(super) struct Seats(Mutex<Vec<Taken>>);

struct Taken {
    place: Place,
    streams: usize,
}

impl Seats {
    fn list(&self) -> MutexGuard<'_, Vec<Taken>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place beside other streams, if it is time for that.
    fn join(&self) -> Option<Place> {
        let mut list = self.list();
        let emptiest = match list.len() {
            0..ALONE => None,
            _ => list.iter_mut().min_by_key(|taken| taken.streams),
        };
        let taken = emptiest.filter(|taken| taken.streams < TOGETHER)?;
        taken.streams += 1;
        Some(taken.place.clone())
    }

    fn found(&self, instance: Box<Instance>) -> Place {
        let place = Arc::new(AsyncMutex::new(Some(instance)));
        self.list().push(Taken { place: place.clone(), streams: 1 });
        place
    }

    /// Nobody else comes to this place.
    fn forget(&self, place: &Place) {
        self.list().retain(|taken| !Arc::ptr_eq(&taken.place, place));
    }

    fn is_alone(&self, place: &Place) -> bool {
        self.list().iter().any(|taken| Arc::ptr_eq(&taken.place, place) && taken.streams == 1)
    }

    /// Leaves if there is no other; then nobody comes any more.
    fn leave_alone(&self, place: &Place) -> bool {
        let mut list = self.list();
        let alone = |taken: &Taken| Arc::ptr_eq(&taken.place, place) && taken.streams == 1;
        let found = list.iter().position(alone);
        found.map(|at| list.swap_remove(at)).is_some()
    }

    /// Leaves the others alone.
    fn leave(&self, place: &Place) {
        let mut list = self.list();
        if let Some(taken) = list.iter_mut().find(|taken| Arc::ptr_eq(&taken.place, place)) {
            taken.streams -= 1;
        }
    }
}

/// What a stream holds: a place in an instance, and its handle there.
pub(super) struct Seat {
    /// Present until the seat is dropped.
    sitting: Option<Sitting>,
    handle: Open,
    /// Whether there is, or may come, something in `handle`.
    is_open: bool,
}

/// The reader or writer of the guest. The call that opens it puts it here, and
/// may do so after its caller went away.
type Open = Arc<Mutex<Option<ResourceAny>>>;

impl Seat {
    /// Waits for a place.
    pub async fn take(pool: &Arc<Pool>) -> Result<Self> {
        let sitting = Sitting::take(pool).await?;
        Ok(Self { sitting: Some(sitting), handle: Open::default(), is_open: false })
    }

    /// The first call, which gives the handle.
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
        if let (false, Some(sitting)) = (self.is_open, &self.sitting) {
            sitting.pool.well();
        }
        Ok(opened)
    }

    /// One call on the instance. After a trap the instance is gone, for
    /// others who sit there, too.
    pub async fn call<T: Send + 'static>(&self, call: impl Call<T>) -> Result<T> {
        match &self.sitting {
            Some(sitting) => sitting.call(call).await,
            None => Err(gone()),
        }
    }

    /// Lets go of the handle, and of the place.
    pub async fn close(mut self) -> Result<()> {
        self.call(closing(self.handle.clone())).await?;
        self.is_open = false;
        if let Some(sitting) = &self.sitting {
            sitting.pool.well();
        }
        Ok(())
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        if self.is_open
            && let Some(sitting) = self.sitting.take()
        {
            sitting.leave_open(self.handle.clone());
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

struct Sitting {
    pool: Arc<Pool>,
    /// Absent once left.
    place: Option<Place>,
    runtime: Handle,
    _permit: OwnedSemaphorePermit,
}

impl Sitting {
    async fn take(pool: &Arc<Pool>) -> Result<Self> {
        let permit = pool.permit().await?;
        let mut joined = None;
        while pool.shares && joined.is_none() {
            let Some(place) = pool.seats.join() else { break };
            // A call that began before this stream came may have been given up.
            if place.lock().await.is_some() {
                joined = Some(place);
            } else {
                pool.seats.forget(&place);
            }
        }
        let place = match joined {
            Some(place) => place,
            None => pool.seats.found(pool.instance().await?),
        };
        let runtime = Handle::current();
        Ok(Self { pool: pool.clone(), place: Some(place), runtime, _permit: permit })
    }

    async fn call<T: Send + 'static>(&self, call: impl Call<T>) -> Result<T> {
        let Some(place) = &self.place else { return Err(gone()) };
        let mut turn = place.clone().lock_owned().await;
        let limit = self.pool.pack().limits().call;
        let run = async move {
            let mut instance = turn.take()?;
            instance.store.data_mut().begin();
            match within(limit, call(&mut instance)).await {
                Ok(answer) => {
                    *turn = Some(instance);
                    Some(Ok(answer))
                }
                Err(trap) => Some(Err((trap, instance.store.data().starved))),
            }
        };
        // A call that is given up in the middle takes the instance with it.
        // Where others would lose theirs, it runs to its end.
        let answer = if self.pool.seats.is_alone(place) {
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

    /// Leaves with a handle open: an instance of one's own is thrown away,
    /// since making one is cheaper than a detour to close the handle.
    fn leave_open(mut self, handle: Open) {
        let Some(place) = &self.place else { return };
        if self.pool.seats.leave_alone(place) {
            self.place = None;
            return;
        }
        let (tasks, runtime) = (self.pool.tasks.clone(), self.runtime.clone());
        let close = async move {
            // Where this fails, the instance is gone with all its handles.
            let _ = self.call(closing(handle)).await;
        };
        tasks.spawn_on(close, &runtime);
    }
}

impl Drop for Sitting {
    fn drop(&mut self) {
        let Some(place) = self.place.take() else { return };
        if !self.pool.seats.leave_alone(&place) {
            self.pool.seats.leave(&place);
        } else if let Ok(mut turn) = place.try_lock()
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
