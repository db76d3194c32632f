//! Listings, merged from those of the children.

use super::Mirror;
use super::dirty::Memo;
use super::record::Absence;
use super::report::Outcome;
use std::collections::{BTreeMap, BTreeSet};
use storage_contract::paging::Paging;
use storage_contract::store::SharedStore;
use storage_contract::types::{Entry, Error, ListOptions, PAGE_LIMIT, Page, Result};

impl Mirror {
    /// A page of all children's keys that is not empty, or the last one. Stale
    /// copies may fill any number of pages; callers must not see those as empty
    /// pages.
    pub(super) fn merged(&self, options: &ListOptions) -> Result<Page> {
        filled(options, |options| self.merged_page(options))
    }

    /// Like [`merged`](Self::merged), for unordered children.
    pub(super) fn chained(&self, options: &ListOptions) -> Result<Page> {
        filled(options, |options| self.chained_page(options))
    }

    /// Merges the children's pages in key order.
    ///
    /// Returns keys only as far as every child's page reaches: beyond that, a child
    /// may have keys that were not seen yet.
    fn merged_page(&self, options: &ListOptions) -> Result<Page> {
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let mut outcomes = vec![Outcome::Skipped; self.children.len()];
        let mut merged: BTreeMap<String, Entry> = BTreeMap::new();
        let mut stale: BTreeMap<String, Entry> = BTreeMap::new();
        let mut horizon: Option<String> = None;
        let mut memo = Memo::new();
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            let page = match self.page_with_entries(index, options) {
                Ok(page) => page,
                Err(error) => {
                    *outcome = Outcome::Failed(error);
                    continue;
                }
            };
            *outcome = Outcome::Done;
            if page.next.is_some()
                && let Some(last) = page.entries.last()
                && horizon.as_ref().is_none_or(|h| last.key < *h)
            {
                horizon = Some(last.key.clone());
            }
            for entry in page.entries {
                let recorded = self.dirty.recall(&mut memo, &entry.key)?;
                if !recorded.is_behind(index) {
                    merged.entry(entry.key.clone()).or_insert(entry);
                } else if recorded.absence() != Absence::Certain {
                    stale.entry(entry.key.clone()).or_insert(entry);
                }
            }
        }
        self.check_enough(options, &outcomes)?;
        self.breaker.listed((0..).zip(outcomes.iter().map(Outcome::error)));
        // Objects that only children that are behind have are listed: the others
        // lost them. Reading them fails.
        for (key, entry) in stale {
            merged.entry(key).or_insert(entry);
        }
        let from = options.start_after.as_deref().unwrap_or("");
        for key in self.recorded_writes(&options.prefix, from)? {
            merged.entry(key.clone()).or_insert(Entry { key, ..Entry::default() });
        }
        let mut entries: Vec<Entry> = merged
            .into_values()
            .take_while(|entry| horizon.as_ref().is_none_or(|h| entry.key <= *h))
            .collect();
        let cut = entries.len() > limit;
        entries.truncate(limit);
        // If the page ends at the horizon, that entry may be hidden.
        let next = if cut { entries.last().map(|e| e.key.clone()) } else { horizon };
        Ok(Page::of(entries, next))
    }

    /// The keys whose last write is on record as missed by some child, in order. If
    /// no child lists one, the others lost it: it is listed all the same, without its
    /// size, since whoever deletes what is not listed must not delete its backup.
    fn recorded_writes(&self, prefix: &str, after: &str) -> Result<Vec<String>> {
        let mut keys = self.dirty.missed_writes()?;
        keys.retain(|key| key.starts_with(prefix) && key.as_str() > after);
        keys.sort_unstable();
        Ok(keys)
    }

    /// Fails unless the children that answered are known to have, together, all
    /// acknowledged objects that belong in the listing.
    ///
    /// That is the case if the policy guarantees that each write reached one of
    /// them, or if the journal names all children that missed a write. In addition,
    /// for each key on record, one of them must not be behind.
    fn check_enough(&self, options: &ListOptions, outcomes: &[Outcome]) -> Result<()> {
        let lost = |(index, outcome): (usize, &Outcome)| match outcome {
            Outcome::Failed(error) => Some((index, error.clone())),
            _ => None,
        };
        let lost: Vec<(usize, Error)> = outcomes.iter().enumerate().filter_map(lost).collect();
        if lost.is_empty() {
            return Ok(());
        }
        let left = outcomes.len() - lost.len();
        if left == 0 {
            return Err(self.failure("listing", &options.prefix, outcomes));
        }
        if left + self.needed() <= outcomes.len() && !self.dirty.is_durable() {
            let why = "without a journal, the others may lack what it has";
            return Err(self.needs(options, outcomes, lost.iter().map(|(index, _)| *index), why));
        }
        let answered = |index: &usize| lost.iter().all(|(other, _)| other != index);
        let from = options.start_after.as_deref().unwrap_or("");
        for (key, recorded) in self.dirty.all()? {
            let listed = key.as_deref().is_none_or(|key| {
                key.starts_with(&options.prefix) && key > from && !recorded.own.is_deleted()
            });
            let behind = recorded.behind();
            if !listed || (0..outcomes.len()).filter(answered).any(|index| !behind.contains(&index))
            {
                continue;
            }
            let has = lost.iter().map(|(index, _)| *index).filter(|index| !behind.contains(index));
            let why = match key {
                Some(key) => format!("the others missed the last write of {key:?}"),
                None => "the others missed writes".to_owned(),
            };
            return Err(self.needs(options, outcomes, has, &why));
        }
        Ok(())
    }

    /// The error of a listing that needs more children.
    fn needs(
        &self,
        options: &ListOptions,
        outcomes: &[Outcome],
        children: impl Iterator<Item = usize>,
        why: &str,
    ) -> Error {
        let names: Vec<String> = children.map(|index| format!("{:?}", self.child(index))).collect();
        let names = if names.is_empty() { "more children".to_owned() } else { names.join(", ") };
        let add = |text: String| format!("{text}; it needs {names}: {why}");
        match self.failure("listing", &options.prefix, outcomes) {
            Error::Unavailable(text) => Error::Unavailable(add(text)),
            Error::Other(text) => Error::Other(add(text)),
            error => error,
        }
    }

    /// A page of one child that is not empty, or its last one.
    fn page_with_entries(&self, index: usize, options: &ListOptions) -> Result<Page> {
        let (mut options, mut paging) = (options.clone(), Paging::default());
        loop {
            let page = self.children[index].list(&options)?;
            if !paging.advance(&page, &mut options)? || !page.entries.is_empty() {
                return Ok(page);
            }
        }
    }

    /// For unordered children: lists one child after the other, each without the
    /// keys of earlier ones. The token holds the child, its own token, and the
    /// children left out so far, whose keys must not count as listed when they
    /// answer again.
    fn chained_page(&self, options: &ListOptions) -> Result<Page> {
        let (mut child, token, mut without) = match &options.start_after {
            None => (0, None, BTreeSet::new()),
            Some(token) => self.parse_token(token)?,
        };
        let mut inner = ListOptions { start_after: token, ..options.clone() };
        let page = loop {
            if child >= self.children.len() {
                return self.lost_page(options, inner.start_after.as_deref(), &without);
            }
            match self.page_with_entries(child, &inner) {
                Ok(page) => break page,
                // Its keys that were already listed could not be told from the
                // others.
                Err(error) if inner.start_after.is_some() => return Err(error),
                Err(error) => {
                    let mut outcomes = vec![Outcome::Done; self.children.len()];
                    for earlier in &without {
                        let text = "it was left out from the start of this listing".to_owned();
                        outcomes[*earlier] = Outcome::Failed(Error::Unavailable(text));
                    }
                    outcomes[child] = Outcome::Failed(error);
                    let all = ListOptions { start_after: None, ..options.clone() };
                    self.check_enough(&all, &outcomes)?;
                    self.breaker.listed([(child, outcomes[child].error())]);
                    without.insert(child);
                    (child, inner.start_after) = (child + 1, None);
                }
            }
        };
        self.breaker.listed([(child, None)]);
        let mut memo = Memo::new();
        let mut entries = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            if self.is_first(&mut memo, &entry.key, child, &without)? {
                entries.push(entry);
            }
        }
        let is_last = child + 1 == self.children.len();
        let next = match page.next {
            Some(next) => Some(token_of(child, &without, &next)),
            None if is_last && self.recorded_writes(&options.prefix, "")?.is_empty() => None,
            None => Some(token_of(child + 1, &without, "")),
        };
        Ok(Page::of(entries, next))
    }

    /// After the children's own: the objects that no child has any more.
    fn lost_page(
        &self,
        options: &ListOptions,
        after: Option<&str>,
        without: &BTreeSet<usize>,
    ) -> Result<Page> {
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let mut entries: Vec<Entry> = Vec::new();
        for key in self.recorded_writes(&options.prefix, after.unwrap_or(""))? {
            let mut children = (0..).zip(&self.children);
            let asked = |(index, child): (usize, &SharedStore)| match without.contains(&index) {
                true => Ok(false),
                false => child.exists(&key),
            };
            if children.try_fold(false, |found, child| Ok(found || asked(child)?))? {
                continue;
            }
            if entries.len() == limit {
                let last = entries.last().map_or("", |entry| entry.key.as_str());
                let next = token_of(self.children.len(), without, last);
                return Ok(Page::of(entries, Some(next)));
            }
            entries.push(Entry { key, ..Entry::default() });
        }
        Ok(Page::of(entries, None))
    }

    /// What the children skip, one child after the other. A failing child is left
    /// out, since the others know nothing about it.
    pub(super) fn left_out(&self, options: &ListOptions) -> Result<Page> {
        let (first, mut token) = match &options.start_after {
            None => (0, None),
            Some(token) => {
                let (child, token, _) = self.parse_token(token)?;
                (child, token)
            }
        };
        let mut failed = None;
        for (index, child) in self.children.iter().enumerate().skip(first) {
            let inner = ListOptions { start_after: token.take(), ..options.clone() };
            let mut page = match child.list(&inner) {
                Ok(page) => page,
                Err(error) => {
                    failed = Some(error);
                    continue;
                }
            };
            let name = match self.child(index) {
                "" => format!("child {index}"),
                name => format!("{name:?}"),
            };
            for skipped in &mut page.skipped {
                skipped.reason = format!("{} (in {name})", skipped.reason);
            }
            page.entries.clear();
            page.next = match page.next {
                Some(next) => Some(format!("{index}:{next}")),
                None if index + 1 < self.children.len() => Some(format!("{}:", index + 1)),
                None => None,
            };
            return Ok(page);
        }
        match failed.filter(|_| options.start_after.is_none()) {
            Some(error) => Err(error),
            None => Ok(Page::default()),
        }
    }

    /// Whether a key is listed with this child, rather than with another one.
    fn is_first(
        &self,
        memo: &mut Memo,
        key: &str,
        child: usize,
        without: &BTreeSet<usize>,
    ) -> Result<bool> {
        let recorded = self.dirty.recall(memo, key)?;
        let stale = recorded.is_behind(child);
        if stale && recorded.absence() == Absence::Certain {
            return Ok(false);
        }
        for (index, other) in self.children.iter().enumerate() {
            // Up-to-date children come before those that are behind.
            let before = match (stale, recorded.is_behind(index)) {
                (true, false) => true,
                (false, true) => false,
                _ => index < child,
            };
            if before && !without.contains(&index) && other.exists(key)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn parse_token(&self, token: &str) -> Result<(usize, Option<String>, BTreeSet<usize>)> {
        let count = self.children.len();
        let child = |text: &str| text.parse::<usize>().ok().filter(|child| *child < count);
        let parsed = token.split_once(':').and_then(|(place, rest)| {
            let (at, without) = place.split_once('!').unwrap_or((place, ""));
            let without = without.split(',').filter(|text| !text.is_empty());
            let without = without.map(child).collect::<Option<_>>()?;
            // After the last child come the objects that all have lost.
            let at = if at == count.to_string() { count } else { child(at)? };
            Some((at, (!rest.is_empty()).then(|| rest.to_owned()), without))
        });
        parsed.ok_or_else(|| {
            Error::Unsupported(format!(
                "store {:?}: its children list in no order, so a listing goes on only from a token that it gave",
                self.name
            ))
        })
    }
}

/// The token of a listing that goes on at a child.
fn token_of(child: usize, without: &BTreeSet<usize>, rest: &str) -> String {
    let without: Vec<String> = without.iter().map(usize::to_string).collect();
    let mark = if without.is_empty() { "" } else { "!" };
    format!("{child}{mark}{}:{rest}", without.join(","))
}

/// The first page from `options` on that is not empty, or the last one. Each page
/// must come from non-empty pages of the children.
fn filled(options: &ListOptions, list: impl Fn(&ListOptions) -> Result<Page>) -> Result<Page> {
    let (mut options, mut paging) = (options.clone(), Paging::default());
    loop {
        let page = list(&options)?;
        if !page.is_empty() || !paging.advance_through(&page, &mut options)? {
            return Ok(page);
        }
    }
}
