//! The executor of all transfers: bounded concurrency, each item counted once.

use super::control::Control;
use super::report::{CopyError, Counts, Done, Event, Failure};
use futures::{Stream, StreamExt};
use std::pin::pin;
use tokio::task::JoinSet;

/// The result for one key.
pub(super) struct Finished {
    pub key: String,
    pub size: Option<u64>,
    pub result: Result<Done, Failure>,
}

impl Finished {
    /// A failure of a key of unknown size.
    pub fn failed(failure: Failure) -> Self {
        Self { key: failure.key.clone(), size: None, result: Err(failure) }
    }
}

/// Runs `work` for each item, in tasks, so that it uses all cores.
///
/// If stopped, or if the items fail, it starts nothing new and completes what has
/// begun. Dropping the future aborts the tasks.
pub(super) async fn execute<T, F>(
    control: &Control,
    counts: &mut Counts,
    items: impl Stream<Item = Result<T, CopyError>>,
    work: impl Fn(T) -> F,
) -> Result<(), CopyError>
where
    F: Future<Output = Finished> + Send + 'static,
{
    let mut items = pin!(items.fuse());
    let context = storage_store::request_context::capture();
    let mut tasks = JoinSet::new();
    let (mut open, mut fault) = (true, None);
    let most = control.concurrency.max(1);
    while open || !tasks.is_empty() {
        tokio::select! {
            biased;
            () = control.stop.asked(), if open => {
                open = false;
                counts.stopped = true;
            }
            item = items.next(), if open && tasks.len() < most => match item {
                Some(Ok(item)) => {
                    tasks.spawn(context.scope(work(item)));
                }
                Some(Err(failed)) => {
                    open = false;
                    fault = Some(failed);
                }
                None => {
                    open = false;
                    (control.watch)(Event::Listed);
                }
            },
            Some(finished) = tasks.join_next() => {
                let Finished { key, size, result } = match finished {
                    Ok(finished) => finished,
                    // Tasks are never aborted here, so this is a panic: propagate it.
                    Err(error) => std::panic::resume_unwind(error.into_panic()),
                };
                (control.watch)(Event::Done { key: &key, size, result: &result });
                counts.add(result);
            }
        }
    }
    match fault {
        Some(mut fault) => {
            fault.counts = std::mem::take(counts);
            Err(fault)
        }
        None => Ok(()),
    }
}
