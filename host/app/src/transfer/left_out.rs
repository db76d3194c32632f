//! Reports and counts entries of the source that are not objects and so are skipped.

use super::control::Control;
use super::endpoint::Endpoint;
use super::report::{CopyError, Counts, Event};
use futures::StreamExt;

/// Reports every entry below the prefix that is not an object and that the filter
/// includes. Calls `hear` with its name relative to the prefix.
pub(super) async fn tell(
    side: &Endpoint,
    control: &Control,
    counts: &mut Counts,
    mut hear: impl FnMut(&str),
) -> Result<(), CopyError> {
    let mut parts = std::pin::pin!(side.skipped(&control.filter));
    loop {
        let part = tokio::select! {
            biased;
            () = control.stop.asked() => {
                counts.stopped = true;
                return Ok(());
            }
            part = parts.next() => part,
        };
        match part {
            None => return Ok(()),
            Some(Ok(part)) => {
                for (rest, skipped) in &part {
                    counts.left_out += 1;
                    hear(rest);
                    (control.watch)(Event::LeftOut(skipped));
                }
            }
            Some(Err(cause)) => {
                let mut fault = side.fault("list what is left out of", cause);
                fault.counts = std::mem::take(counts);
                return Err(fault);
            }
        }
    }
}
