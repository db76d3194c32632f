//! Moves objects: deletes each from the source once its copy is acknowledged.

use super::carry::Carrier;
use super::control::Control;
use super::copy::{Copy, carry_all};
use super::endpoint::Endpoint;
use super::report::{Aborted, Counts, Event};
use storage_store::Error;

/// What to move.
#[derive(Clone)]
pub struct Mv {
    /// The source.
    pub from: Endpoint,
    /// The target; its prefix (or key) replaces that of the source.
    pub to: Endpoint,
    /// Replace existing objects. Otherwise they stay, and so do their counterparts in
    /// the source.
    pub overwrite: bool,
}

/// Checks first that the source can delete, so that nothing in the target is replaced
/// in vain.
fn can_delete(from: &Endpoint) -> Result<(), Box<Aborted>> {
    match from.objects.capabilities().delete {
        true => Ok(()),
        false => {
            let problem = "this store can't delete, so nothing can be moved out of it; copy it";
            Err(from.fault("move from", Error::Unsupported(problem.to_owned())))
        }
    }
}

/// Moves everything below a prefix. If the source has conditional deletes, an object
/// that changes while it is copied stays there and counts as failed.
pub async fn mv(what: &Mv, control: &Control) -> Result<Counts, Box<Aborted>> {
    let Mv { from, to, overwrite } = what.clone();
    can_delete(&from)?;
    carry_all(&Copy { from, to, overwrite }, control, "move", true).await
}

/// Moves one object; the prefixes are complete keys.
pub async fn mv_one(what: &Mv, control: &Control) -> Result<Counts, Box<Aborted>> {
    let Mv { from, to, overwrite } = what;
    can_delete(from)?;
    if from.objects.may_alias(&from.prefix, &to.objects, &to.prefix) {
        let problem = "source and target are, or may be, the same object".to_owned();
        return Err(from.fault("move", Error::Unsupported(problem)));
    }
    let found = from.objects.stat(&from.prefix).await.map_err(|e| from.fault("move", e))?;
    (control.watch)(Event::Found(found.size));
    (control.watch)(Event::Listed);
    let (key, target) = (from.prefix.clone(), to.prefix.clone());
    let carrier = Carrier::new(from, to, control);
    let result = carrier.carry(&key, &target, found.size, *overwrite, true).await;
    (control.watch)(Event::Done { key: &key, size: found.size, result: &result });
    let mut counts = Counts::default();
    counts.add(result);
    Ok(counts)
}
