//! One listing out of the children's.

use super::dirty::Memo;
use super::report::{Outcome, combine};
use super::{Mirror, Policy};
use crate::types::{Entry, Error, ListOptions, PAGE_LIMIT, Page, Result};
use std::collections::BTreeMap;

impl Mirror {
    /// Merges the children's pages in key order.
    ///
    /// Only keys up to where every child's page reaches are given: beyond, a
    /// child may hold keys that were not seen yet.
    pub(super) fn merged(&self, options: &ListOptions) -> Result<Page> {
        let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT) as usize;
        let mut outcomes = vec![Outcome::Skipped; self.children.len()];
        let mut merged: BTreeMap<String, Entry> = BTreeMap::new();
        let mut horizon: Option<String> = None;
        let mut memo = Memo::new();
        for (index, outcome) in outcomes.iter_mut().enumerate() {
            let page = match self.page_with_entries(index, options) {
                Ok(page) => page,
                // Every write that was acknowledged reached all children, so
                // one of them is enough to know what there is.
                Err(error) => {
                    *outcome = Outcome::Failed(error);
                    if self.policy == Policy::All { continue } else { break }
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
                if !self.dirty.is_behind(&mut memo, &entry.key, index)? {
                    merged.entry(entry.key.clone()).or_insert(entry);
                }
            }
        }
        let failed = outcomes.iter().any(|o| matches!(o, Outcome::Failed(_)));
        let answered = outcomes.iter().any(|o| matches!(o, Outcome::Done));
        if failed && (self.policy != Policy::All || !answered) {
            return Err(combine(&self.name, "listing", &options.prefix, &outcomes));
        }
        let mut entries: Vec<Entry> = merged
            .into_values()
            .take_while(|entry| horizon.as_ref().is_none_or(|h| entry.key <= *h))
            .collect();
        let cut = entries.len() > limit;
        entries.truncate(limit);
        // Where the page ends at the horizon, its entry may have been hidden.
        let next = if cut { entries.last().map(|e| e.key.clone()) } else { horizon };
        Ok(Page { entries, next })
    }

    /// A page of one child that holds something, or its last.
    fn page_with_entries(&self, index: usize, options: &ListOptions) -> Result<Page> {
        let mut options = options.clone();
        loop {
            let page = self.children[index].list(&options)?;
            if !page.entries.is_empty() || page.next.is_none() {
                return Ok(page);
            }
            options.start_after = page.next;
        }
    }

    /// One child after the other, each without what an earlier one has. For
    /// children without an order; the token is the child and its own token.
    pub(super) fn chained(&self, options: &ListOptions) -> Result<Page> {
        let (child, token) = match &options.start_after {
            None => (0, None),
            Some(token) => self.parse_token(token)?,
        };
        let inner = ListOptions { start_after: token, ..options.clone() };
        let page = self.children[child].list(&inner)?;
        let mut memo = Memo::new();
        let mut entries = Vec::with_capacity(page.entries.len());
        for entry in page.entries {
            if !self.dirty.is_behind(&mut memo, &entry.key, child)?
                && !self.listed_before(&mut memo, &entry.key, child)?
            {
                entries.push(entry);
            }
        }
        let next = match page.next {
            Some(next) => Some(format!("{child}:{next}")),
            None if child + 1 < self.children.len() => Some(format!("{}:", child + 1)),
            None => None,
        };
        Ok(Page { entries, next })
    }

    fn listed_before(&self, memo: &mut Memo, key: &str, child: usize) -> Result<bool> {
        for (index, earlier) in self.children.iter().enumerate().take(child) {
            if !self.dirty.is_behind(memo, key, index)? && earlier.exists(key)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn parse_token(&self, token: &str) -> Result<(usize, Option<String>)> {
        let parsed = token.split_once(':').and_then(|(child, rest)| {
            let child = child.parse::<usize>().ok().filter(|c| *c < self.children.len())?;
            Some((child, (!rest.is_empty()).then(|| rest.to_owned())))
        });
        parsed.ok_or_else(|| {
            Error::Unsupported(format!(
                "store {:?}: its children list in no order, so a listing goes on only from a token that it gave",
                self.name
            ))
        })
    }
}
