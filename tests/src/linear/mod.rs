//! A linearizability checker: whether each operation in an object's history can have
//! happened at one instant between its request and its answer.
//!
//! The search is that of Wing and Gong: it orders the operations one by one and
//! backtracks from dead ends. With Lowe's memoization it tries no state twice, so
//! histories of thousands of operations take milliseconds as long as few of them
//! overlap.

#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::fmt;

/// Identifies the contents of one put.
pub type Version = u64;

/// The condition of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// None.
    Always,
    /// There must be no object.
    Absent,
    /// The object must be this version.
    Is(Version),
}

/// The requested operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Store this version.
    Put(Version, When),
    /// Remove the object. Deleting a missing object succeeds, whatever the condition.
    Delete(When),
    /// Read the object.
    Get,
}

/// The answer to an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It succeeded.
    Done,
    /// The condition did not hold, and nothing changed.
    Refused,
    /// It read this version, or no object.
    Saw(Option<Version>),
    /// No answer: it happened before its end, or never.
    Unknown,
}

/// An operation, from its request to its answer. Without an answer, `end` is when it
/// can no longer happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// The client that made it.
    pub client: usize,
    /// The time of the request, on one clock for all clients.
    pub begin: u64,
    /// The time of the answer.
    pub end: u64,
    /// The requested operation.
    pub action: Action,
    /// The answer.
    pub outcome: Outcome,
}

/// Why a history is not linearizable.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No order explains it. Holds the most operations that could be explained, the
    /// state after them, and the candidates for the next one.
    NoOrder(usize, Option<Version>, Vec<Operation>),
    /// Undecided after this many steps.
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

/// The most states to visit before giving up.
const MOST: usize = 5_000_000;

/// The operations explained so far: all before `first`, and those in `more`, which is
/// sorted. Operations are ordered by request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Situation {
    first: usize,
    more: Vec<usize>,
    state: Option<Version>,
}

/// Checks the history of one object, which does not exist at first.
pub fn check(history: &[Operation]) -> Result<(), Refusal> {
    // An unanswered read proves nothing.
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

/// The operations that may be next: those requested before any other remaining one was
/// answered.
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

/// The possible next steps, likeliest first: unanswered operations come last, since
/// they are rarely needed and often have not happened.
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

/// The possible states after an operation with this answer; none if the answer is
/// impossible.
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
