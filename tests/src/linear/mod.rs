//! Whether the history of an object could be that of one which does every
//! operation at one instant, between its request and its answer:
//! linearizability.
//!
//! The search is that of Wing and Gong: it puts the operations into an order,
//! one by one, and takes back what leads nowhere. With Lowe's memory no
//! situation is tried twice, so that histories of thousands of operations take
//! milliseconds as long as few of them overlap.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

/// What tells the contents of one put from all others.
pub type Version = u64;

/// What must hold for a change to happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Nothing.
    Always,
    /// There is no object.
    Absent,
    /// The object is this one.
    Is(Version),
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// To keep this.
    Put(Version, When),
    /// To remove what is there. Of nothing, that is done whatever was to hold.
    Delete(When),
    /// To tell what is there.
    Get,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is done.
    Done,
    /// The condition did not hold, and nothing was changed.
    Refused,
    /// This was there.
    Saw(Option<Version>),
    /// Nothing: it was done before the end, or never.
    Unknown,
}

/// An operation, from its request to its answer. Where there was none, `end`
/// is when it can't happen any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Who asked.
    pub client: usize,
    /// When, on one clock for all clients.
    pub begin: u64,
    /// When the answer was there.
    pub end: u64,
    /// What was asked for.
    pub action: Action,
    /// What was answered.
    pub outcome: Outcome,
}

/// Why a history is not that of one object.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No order explains it. So many operations could be explained at most;
    /// then one of these would have been the next.
    NoOrder(usize, Option<Version>, Vec<Operation>),
    /// It was not decided within so many steps.
    TooLong(usize),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoOrder(explained, state, next) => {
                write!(
                    f,
                    "{explained} operations have an order, after which the object is {state:?}; none of these can be next:"
                )?;
                next.iter().try_for_each(|operation| write!(f, "\n  {operation:?}"))
            }
            Self::TooLong(steps) => write!(f, "not decided after {steps} steps"),
        }
    }
}

impl std::error::Error for Refusal {}

/// Situations that are looked at before it is given up.
const MOST: usize = 5_000_000;

/// What is explained so far: all operations before `first`, and those in
/// `more`, which is in order. Operations are in the order of their requests.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Situation {
    first: usize,
    more: Vec<usize>,
    state: Option<Version>,
}

/// Checks the history of one object, which is absent at first.
pub fn check(history: &[Operation]) -> Result<(), Refusal> {
    // What was seen without telling says nothing.
    let said = |o: &&Operation| (o.action, o.outcome) != (Action::Get, Outcome::Unknown);
    let mut history: Vec<Operation> = history.iter().filter(said).copied().collect();
    history.sort_by_key(|operation| (operation.begin, operation.end));
    let start = Situation { first: 0, more: Vec::new(), state: None };
    let mut seen = HashSet::new();
    let mut best = start.clone();
    let mut stack = vec![(next(&history, &start).into_iter(), start)];
    while let Some((choices, situation)) = stack.last_mut() {
        let Some((index, state)) = choices.next() else {
            stack.pop();
            continue;
        };
        let after = situation.with(index, state);
        if after.first == history.len() {
            return Ok(());
        }
        if !seen.insert(after.clone()) {
            continue;
        }
        if seen.len() > MOST {
            return Err(Refusal::TooLong(MOST));
        }
        if after.explained() > best.explained() {
            best = after.clone();
        }
        stack.push((next(&history, &after).into_iter(), after));
    }
    if history.is_empty() {
        return Ok(());
    }
    let waiting = candidates(&history, &best).into_iter();
    let waiting = waiting.filter_map(|index| history.get(index).copied()).collect();
    Err(Refusal::NoOrder(best.explained(), best.state, waiting))
}

impl Situation {
    fn explained(&self) -> usize {
        self.first + self.more.len()
    }

    fn with(&self, index: usize, state: Option<Version>) -> Self {
        let mut after = Self { state, ..self.clone() };
        let at = after.more.partition_point(|other| *other < index);
        after.more.insert(at, index);
        let together =
            after.more.iter().enumerate().take_while(|(at, index)| after.first + at == **index);
        let together = together.count();
        after.more.drain(..together);
        after.first += together;
        after
    }
}

/// The operations that may be next: those that were asked for before any other
/// that is left was answered.
fn candidates(history: &[Operation], situation: &Situation) -> Vec<usize> {
    let mut more = situation.more.iter().peekable();
    let (mut answered, mut found) = (u64::MAX, Vec::new());
    for (index, operation) in history.iter().enumerate().skip(situation.first) {
        if operation.begin > answered {
            break;
        }
        if more.next_if_eq(&&index).is_none() {
            answered = answered.min(operation.end);
            found.push(index);
        }
    }
    found.retain(|index| history.get(*index).is_some_and(|o| o.begin <= answered));
    found
}

/// The ways on, the likeliest first: what nobody answered is needed rarely,
/// and often has not happened.
fn next(history: &[Operation], situation: &Situation) -> Vec<(usize, Option<Version>)> {
    let (mut sure, mut doubtful) = (Vec::new(), Vec::new());
    for index in candidates(history, situation) {
        let Some(operation) = history.get(index) else { continue };
        let known = operation.outcome != Outcome::Unknown;
        let ways = if known { &mut sure } else { &mut doubtful };
        let states = results(operation, situation.state);
        ways.extend(states.into_iter().flatten().map(|state| (index, state)));
    }
    sure.extend(doubtful);
    sure
}

/// What the object may be after an operation with this answer; nothing when
/// it can't have got that.
fn results(operation: &Operation, state: Option<Version>) -> [Option<Option<Version>>; 2] {
    let holds = |when| match when {
        When::Always => true,
        When::Absent => state.is_none(),
        When::Is(version) => state == Some(version),
    };
    let (holds, changed) = match operation.action {
        Action::Put(version, when) => (holds(when), Some(version)),
        Action::Delete(when) => (state.is_none() || holds(when), None),
        Action::Get => (true, state),
    };
    match operation.outcome {
        Outcome::Done if holds => [Some(changed), None],
        Outcome::Refused if !holds => [Some(state), None],
        Outcome::Saw(seen) if seen == state => [Some(state), None],
        Outcome::Unknown if holds => [Some(changed), Some(state)],
        Outcome::Unknown => [Some(state), None],
        Outcome::Done | Outcome::Refused | Outcome::Saw(_) => [None, None],
    }
}
