//! Deletes every object below a prefix.

use super::carry::remove;
use super::control::Control;
use super::endpoint::Endpoint;
use super::executor::execute;
use super::left_out;
use super::report::{Aborted, Counts, Event};
use futures::TryStreamExt;

/// Deletes the objects. Failed keys are counted; returns an error only if the listing
/// fails.
pub async fn clear(side: &Endpoint, control: &Control) -> Result<Counts, Box<Aborted>> {
    let mut counts = Counts::default();
    let found =
        side.listing(&control.filter).inspect_ok(|(_, _)| (control.watch)(Event::Found(None)));
    execute(control, &mut counts, found, |(rest, _)| {
        remove(side.clone(), side.key(&rest), None, control.dry_run)
    })
    .await?;
    if !counts.stopped {
        left_out::tell(side, control, &mut counts, |_| {}).await?;
    }
    Ok(counts)
}
