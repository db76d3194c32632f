//! Copies every object below a prefix.

use super::carry::Carrier;
use super::control::Control;
use super::endpoint::{Endpoint, Known};
use super::executor::{Finished, execute};
use super::keys::{KeyList, named};
use super::left_out;
use super::report::{Aborted, Counts, Event};
use futures::TryStreamExt;

/// What to copy.
#[derive(Clone)]
pub struct Copy {
    /// The source.
    pub from: Endpoint,
    /// The target; its prefix replaces that of the source.
    pub to: Endpoint,
    /// Replace existing objects.
    pub overwrite: bool,
}

/// Copies the objects. Failed keys are counted. Returns an error if the listing fails,
/// or if source and target overlap.
pub async fn copy(what: &Copy, control: &Control) -> Result<Counts, Box<Aborted>> {
    carry_all(what, control, "copy", false).await
}

/// Copies everything below the prefix and, with `mv`, deletes it from the source.
pub(super) async fn carry_all(
    what: &Copy,
    control: &Control,
    verb: &'static str,
    mv: bool,
) -> Result<Counts, Box<Aborted>> {
    what.from.check_disjoint(&what.to, verb)?;
    let mut counts = Counts::default();
    let carrier = Carrier::new(&what.from, &what.to, control);
    let found = what
        .from
        .listing(&control.filter)
        .inspect_ok(|(_, known)| (control.watch)(Event::Found(known.size)));
    execute(control, &mut counts, found, |(rest, known)| {
        carrier.clone().one(rest, known, what.overwrite, mv)
    })
    .await?;
    if !counts.stopped {
        left_out::tell(&what.from, control, &mut counts, |_| {}).await?;
    }
    Ok(counts)
}

/// Like [`copy`], for the given keys, which are relative to the prefix. A missing
/// object counts as failed.
pub async fn copy_keys(
    what: &Copy,
    keys: impl KeyList,
    control: &Control,
) -> Result<Counts, Box<Aborted>> {
    what.from.check_disjoint(&what.to, "copy")?;
    let mut counts = Counts::default();
    let carrier = Carrier::new(&what.from, &what.to, control);
    execute(control, &mut counts, named(&what.from, keys, control), |key| {
        let (carrier, overwrite) = (carrier.clone(), what.overwrite);
        async move {
            match key {
                Ok(rest) => carrier.one(rest, Known::default(), overwrite, false).await,
                Err(failure) => Finished::failed(failure),
            }
        }
    })
    .await?;
    Ok(counts)
}
