//! Decides which of several copies is the right one.

use storage_core::decorators::mirroring::record::{Absence, Recorded};
use storage_store::{Error, ObjectInfo};

/// What a child returned for a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum View {
    Absent,
    Present(ObjectInfo),
    /// It does not answer.
    Failed(Error),
}

/// What all children should hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resolution {
    Absent,
    /// The copy of this child.
    As(usize, ObjectInfo),
}

/// Decides which copy is right; the error says why that is impossible.
///
/// - A key on record: the children that are not behind have the last acknowledged write
///   or delete. If a write was cut off, it may or may not have happened, and the answer
///   is what a reader of the mirror already sees: the object of the first of these
///   children that has one.
/// - If none of these children has an object, that is right only if a delete is on
///   record, or no child has one. Otherwise it was lost, and another child may hold the
///   last copy.
/// - If the record covers the whole bucket, can't be understood, or does not exist: the
///   copy with the latest modification time by the children's clocks, and among equals
///   the first. A key that any child has is not considered deleted.
pub(super) fn decide(recorded: &Recorded, views: &[View]) -> Result<Resolution, String> {
    let behind = recorded.behind();
    let trusted: Vec<usize> = (0..views.len()).filter(|child| !behind.contains(child)).collect();
    // The key's own entry is newer than the part that can't be understood.
    let unknown = recorded.every.is_pending() && recorded.own.children.is_empty();
    if recorded.is_clean() || unknown || trusted.is_empty() {
        return newest(views);
    }
    let view = |child: &usize| views.get(*child);
    let mut failed = trusted.iter().filter_map(|child| match view(child) {
        Some(View::Failed(error)) => Some((*child, error)),
        _ => None,
    });
    let present = trusted.iter().find_map(|child| match view(child) {
        Some(View::Present(info)) => Some((*child, info.clone())),
        _ => None,
    });
    match (present, failed.next()) {
        (Some((child, info)), None) => Ok(Resolution::As(child, info)),
        // If no write was cut off, the children that are not behind are equal.
        (Some((child, info)), Some(_)) if !recorded.own.is_pending() => {
            Ok(Resolution::As(child, info))
        }
        (None, None) => absent(recorded.absence(), views),
        (_, Some((_, error))) => {
            Err(format!("a child that should have the last version does not answer: {error}"))
        }
    }
}

/// Whether a missing object is right, when none of the children that should have it
/// does.
fn absent(absence: Absence, views: &[View]) -> Result<Resolution, String> {
    let held = views.iter().any(|view| matches!(view, View::Present(_)));
    let failed = views.iter().find_map(|view| match view {
        View::Failed(error) => Some(error),
        _ => None,
    });
    let instead = "put it again, or delete it";
    match (absence, held, failed) {
        (Absence::Certain, ..) | (Absence::Unclear, false, None) => Ok(Resolution::Absent),
        (Absence::Lost, true, _) => Err(format!(
            "the children that took the last write have lost the object, and only an older copy \
             is left: {instead}"
        )),
        (Absence::Lost, false, None) => Err(format!(
            "the children that took the last write have lost the object, and no other has a copy: \
             {instead}"
        )),
        (Absence::Unclear, true, _) => Err(format!(
            "only a child that is behind has the object, and the record no longer tells whether \
             it was deleted: {instead}"
        )),
        (_, false, Some(error)) => Err(format!(
            "the others have no such object, and a child that may have one does not answer: {error}"
        )),
    }
}

fn newest(views: &[View]) -> Result<Resolution, String> {
    let mut best: Option<(usize, &ObjectInfo)> = None;
    for (child, view) in views.iter().enumerate() {
        match view {
            View::Failed(error) => {
                return Err(format!(
                    "a child that may have the last version does not answer: {error}"
                ));
            }
            View::Present(info) if best.is_none_or(|(_, b)| info.modified > b.modified) => {
                best = Some((child, info));
            }
            _ => {}
        }
    }
    Ok(best.map_or(Resolution::Absent, |(child, info)| Resolution::As(child, info.clone())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_core::decorators::mirroring::Missed;

    fn copy(modified: u64) -> View {
        View::Present(ObjectInfo { modified: Some(modified), ..ObjectInfo::default() })
    }

    fn down() -> View {
        View::Failed(Error::Unavailable("down".to_owned()))
    }

    fn missed(children: &[usize], pending: bool) -> Missed {
        let children = children.iter().copied().collect();
        let mut missed = Missed { children, ..Missed::default() };
        if pending {
            missed.begin("1", false);
        }
        missed
    }

    /// A record that these children missed a delete.
    fn deleted(children: &[usize]) -> Recorded {
        let own = Missed { deleted: true, ..missed(children, false) };
        Recorded { own, ..Recorded::default() }
    }

    fn own(children: &[usize], pending: bool) -> Recorded {
        Recorded { own: missed(children, pending), ..Recorded::default() }
    }

    fn every(children: &[usize], pending: bool) -> Recorded {
        Recorded { every: missed(children, pending), ..Recorded::default() }
    }

    /// The child with the right copy; `None` if the key should be absent.
    fn decided(recorded: &Recorded, views: &[View]) -> Result<Option<usize>, String> {
        decide(recorded, views).map(|truth| match truth {
            Resolution::Absent => None,
            Resolution::As(child, _) => Some(child),
        })
    }

    #[test]
    fn a_child_that_is_behind_is_never_right_however_new_its_copy_looks() {
        assert_eq!(decided(&own(&[0], false), &[copy(9), copy(1)]), Ok(Some(1)));
        assert_eq!(decided(&deleted(&[0]), &[copy(9), View::Absent]), Ok(None));
        assert!(decided(&own(&[0], false), &[copy(9), down()]).is_err());
    }

    #[test]
    fn the_last_copy_is_right_to_go_only_where_a_delete_is_on_record() {
        let pending = |deleting| {
            let mut own = missed(&[0], false);
            own.begin("1", deleting);
            Recorded { own, ..Recorded::default() }
        };
        let forgotten = Recorded { every: missed(&[], true), ..deleted(&[0]) };
        for recorded in [deleted(&[0]), pending(true), forgotten] {
            assert_eq!(decided(&recorded, &[copy(9), View::Absent]), Ok(None), "{recorded:?}");
            assert!(decided(&recorded, &[copy(9), down()]).is_err(), "{recorded:?}");
        }
        for recorded in [own(&[0], false), pending(false), every(&[0], false)] {
            for other in [copy(9), down()] {
                assert!(decided(&recorded, &[other, View::Absent]).is_err(), "{recorded:?}");
            }
        }
        // Lost by all, or never there.
        assert!(decided(&own(&[0], false), &[View::Absent, View::Absent]).is_err());
        assert_eq!(decided(&every(&[0], false), &[View::Absent, View::Absent]), Ok(None));
        assert_eq!(decided(&own(&[], true), &[View::Absent, View::Absent]), Ok(None));
    }

    #[test]
    fn one_answer_is_enough_where_no_write_was_cut_off() {
        assert_eq!(decided(&own(&[2], false), &[down(), copy(1), copy(2)]), Ok(Some(1)));
        assert!(decided(&own(&[2], false), &[down(), View::Absent, copy(2)]).is_err());
    }

    #[test]
    fn of_a_write_that_was_cut_off_stays_what_readers_see_already() {
        assert_eq!(decided(&own(&[], true), &[copy(1), copy(2)]), Ok(Some(0)));
        assert_eq!(decided(&own(&[], true), &[View::Absent, copy(2)]), Ok(Some(1)));
        assert_eq!(decided(&own(&[0], true), &[copy(3), copy(2), copy(1)]), Ok(Some(1)));
        assert!(decided(&own(&[], true), &[copy(1), down()]).is_err());
    }

    #[test]
    fn without_a_record_the_newest_copy_is_right_and_nothing_counts_as_deleted() {
        let none = Recorded::default();
        assert_eq!(decided(&none, &[copy(1), copy(2)]), Ok(Some(1)));
        assert_eq!(decided(&none, &[copy(2), copy(2)]), Ok(Some(0)));
        assert_eq!(decided(&none, &[View::Absent, copy(2)]), Ok(Some(1)));
        assert_eq!(decided(&none, &[View::Present(ObjectInfo::default()), copy(1)]), Ok(Some(1)));
        assert!(decided(&none, &[copy(1), down()]).is_err());
        // The same if the record names no child that has the last version.
        assert_eq!(decided(&every(&[0, 1], false), &[copy(1), copy(2)]), Ok(Some(1)));
        assert_eq!(decided(&every(&[0], true), &[copy(2), copy(1)]), Ok(Some(0)));
    }
}
