//! Histories that the checker must accept, and others that it must refuse.

use super::Outcome::{Done, Refused, Saw, Unknown};
use super::When::{Absent, Always, Is};
use super::*;

fn operation(begin: u64, end: u64, action: Action, outcome: Outcome) -> Operation {
    Operation { client: 0, begin, end, action, outcome }
}

fn put(begin: u64, end: u64, version: Version, when: When, outcome: Outcome) -> Operation {
    operation(begin, end, Action::Put(version, when), outcome)
}

fn get(begin: u64, end: u64, seen: Option<Version>) -> Operation {
    operation(begin, end, Action::Get, Saw(seen))
}

fn delete(begin: u64, end: u64, when: When, outcome: Outcome) -> Operation {
    operation(begin, end, Action::Delete(when), outcome)
}

fn holds(history: &[Operation]) -> bool {
    check(history).is_ok()
}

#[test]
fn what_one_client_does_after_the_other_is_explained() {
    assert!(holds(&[]));
    assert!(holds(&[
        get(0, 1, None),
        put(2, 3, 1, Absent, Done),
        put(4, 5, 2, Absent, Refused),
        put(6, 7, 3, Is(1), Done),
        put(8, 9, 4, Is(1), Refused),
        get(10, 11, Some(3)),
        delete(12, 13, Is(1), Refused),
        delete(14, 15, Is(3), Done),
        delete(16, 17, Is(3), Done),
        get(18, 19, None),
    ]));
}

#[test]
fn operations_that_overlap_may_have_any_order() {
    let puts = [put(0, 10, 1, Always, Done), put(0, 10, 2, Always, Done)];
    for seen in [1, 2] {
        assert!(holds(&[puts[0], puts[1], get(11, 12, Some(seen))]));
    }
    assert!(holds(&[puts[0], get(1, 2, None), get(3, 4, Some(1))]));
    // An answer at the instant of a request overlaps with it.
    assert!(holds(&[put(0, 5, 1, Always, Done), get(5, 6, None)]));
}

#[test]
fn an_acknowledged_put_that_is_lost_is_refused() {
    assert!(!holds(&[put(0, 1, 1, Always, Done), get(2, 3, None)]));
}

#[test]
fn a_stale_read_is_refused() {
    let history = [put(0, 1, 1, Always, Done), put(2, 3, 2, Always, Done), get(4, 5, Some(1))];
    assert!(!holds(&history));
    let Err(Refusal::NoOrder(explained, state, next)) = check(&history) else {
        panic!("it was explained")
    };
    assert_eq!((explained, state, next), (2, Some(2), vec![history[2]]));
}

#[test]
fn the_old_after_the_new_is_refused_even_while_the_put_goes_on() {
    let history = |first, second| {
        [
            put(0, 1, 1, Always, Done),
            put(2, 20, 2, Always, Done),
            get(3, 4, Some(first)),
            get(5, 6, Some(second)),
        ]
    };
    assert!(holds(&history(1, 2)));
    assert!(!holds(&history(2, 1)));
}

#[test]
fn what_nobody_wrote_is_refused() {
    assert!(!holds(&[put(0, 1, 1, Always, Done), get(2, 3, Some(9))]));
}

#[test]
fn two_winners_of_one_condition_are_refused() {
    assert!(!holds(&[put(0, 9, 1, Absent, Done), put(0, 9, 2, Absent, Done)]));
    assert!(!holds(&[
        put(0, 1, 1, Always, Done),
        put(2, 9, 2, Is(1), Done),
        put(2, 9, 3, Is(1), Done),
    ]));
    // With a delete in between, both may have won.
    assert!(holds(&[
        put(0, 9, 1, Absent, Done),
        put(0, 9, 2, Absent, Done),
        delete(0, 9, Always, Done),
    ]));
}

#[test]
fn a_refusal_without_a_reason_is_refused() {
    assert!(!holds(&[put(0, 1, 1, Absent, Refused)]));
    assert!(!holds(&[put(0, 1, 1, Always, Done), put(2, 3, 2, Is(1), Refused)]));
    assert!(!holds(&[put(0, 1, 1, Always, Done), delete(2, 3, Is(1), Refused)]));
}

#[test]
fn what_a_delete_removed_does_not_come_back() {
    let history = [
        put(0, 1, 1, Always, Done),
        delete(2, 3, Always, Done),
        get(4, 5, None),
        get(6, 7, Some(1)),
    ];
    assert!(holds(&history[..3]));
    assert!(!holds(&history));
}

#[test]
fn what_has_no_answer_happened_before_its_end_or_never() {
    let lost = put(2, 10, 2, Always, Unknown);
    let seen = |a, b| [put(0, 1, 1, Always, Done), lost, get(11, 12, a), get(13, 14, b)];
    assert!(holds(&seen(Some(1), Some(1))));
    assert!(holds(&seen(Some(2), Some(2))));
    // The object appeared after the operation's end, or disappeared again.
    assert!(!holds(&seen(Some(1), Some(2))));
    assert!(!holds(&seen(Some(2), Some(1))));
    // An unanswered put may explain why another was refused.
    assert!(holds(&[put(0, 10, 1, Always, Unknown), put(11, 12, 2, Absent, Refused)]));
    assert!(!holds(&[put(0, 10, 1, Is(7), Unknown), put(11, 12, 2, Absent, Refused)]));
}

/// The definition itself: some order of all operations in which each precedes those
/// requested after its answer.
fn by_definition(left: &[Operation], state: Option<Version>) -> bool {
    left.is_empty()
        || (0..left.len()).any(|index| {
            let mut rest = left.to_vec();
            let operation = rest.remove(index);
            rest.iter().all(|other| other.end >= operation.begin)
                && results(&operation, state)
                    .into_iter()
                    .flatten()
                    .any(|state| by_definition(&rest, state))
        })
}

struct Random(u64);

impl Random {
    fn below(&mut self, most: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % most
    }

    fn when(&mut self) -> When {
        match self.below(3) {
            0 => Always,
            1 => Absent,
            _ => Is(self.below(4)),
        }
    }

    fn operation(&mut self, version: Version) -> Operation {
        let begin = self.below(12);
        let action = match self.below(4) {
            0 | 1 => Action::Put(version, self.when()),
            2 => Action::Delete(if self.below(2) == 0 { Always } else { Is(self.below(4)) }),
            _ => Action::Get,
        };
        let outcome = match (action, self.below(4)) {
            (Action::Get, _) => Saw(Some(self.below(5)).filter(|seen| *seen < 4)),
            (_, 0) => Unknown,
            (_, 1) => Refused,
            _ => Done,
        };
        operation(begin, begin + self.below(6), action, outcome)
    }
}

#[test]
fn short_histories_are_judged_as_by_trying_every_order() {
    let mut random = Random(7);
    let mut judged = [0, 0];
    for _ in 0..20_000 {
        let count = 1 + random.below(5);
        let history: Vec<_> = (0..count).map(|version| random.operation(version)).collect();
        let wanted = by_definition(&history, None);
        assert_eq!(holds(&history), wanted, "{history:#?}");
        judged[usize::from(wanted)] += 1;
    }
    assert!(judged.iter().all(|count| *count > 1_000), "{judged:?}");
}

#[test]
fn a_long_history_of_many_clients_is_explained_and_one_wrong_answer_found() {
    let mut random = Random(3);
    let (mut state, mut history) = (None, Vec::new());
    for instant in 0..4_000_u64 {
        let mut made = random.operation(1_000_000 + instant);
        let at = instant * 10;
        (made.begin, made.end) = (at.saturating_sub(random.below(80)), at + random.below(80));
        let ways = |outcome| results(&Operation { outcome, ..made }, state);
        made.outcome = match made.action {
            Action::Get => Saw(state),
            _ if random.below(100) == 0 => Unknown,
            _ => {
                if ways(Done)[0].is_some() {
                    Done
                } else {
                    Refused
                }
            }
        };
        let after = results(&made, state);
        let which = usize::from(after[1].is_some() && random.below(2) == 0);
        state = after[which].unwrap_or(state);
        history.push(made);
    }
    assert_eq!(check(&history), Ok(()));
    let read = history.iter_mut().skip(2_000).find(|o| matches!(o.outcome, Saw(Some(_))));
    read.unwrap().outcome = Saw(Some(1_000_000));
    assert!(matches!(check(&history), Err(Refusal::NoOrder(..))));
}
