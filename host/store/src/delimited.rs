//! Listings grouped by a delimiter, as in S3: sorted, in pages.

use crate::object_store::{Entry, ListOptions, Paging, Result};
use crate::objects::Objects;
use std::collections::BTreeMap;

/// The parameters of a listing.
#[derive(Debug, Default, Clone)]
pub struct Query {
    /// Only names that begin with this.
    pub prefix: String,
    /// Groups keys that are the same up to this, after the prefix; empty: none.
    pub delimiter: String,
    /// List names after this one: a key, or a common prefix, which skips all
    /// keys below it.
    pub after: String,
    /// The most names of the page.
    pub limit: usize,
}

/// One entry of a listing.
#[derive(Debug, Clone, PartialEq)]
pub enum Item {
    /// An object.
    Object(Entry),
    /// What several keys have in common, up to the delimiter.
    Prefix(String),
}

impl Item {
    /// The key, or the common prefix.
    pub fn name(&self) -> &str {
        match self {
            Item::Object(entry) => &entry.key,
            Item::Prefix(prefix) => prefix,
        }
    }
}

/// Returns at most `limit` items sorted by name, and whether there are more.
pub async fn list(objects: &Objects, query: &Query) -> Result<(Vec<Item>, bool)> {
    if query.limit == 0 {
        return Ok((Vec::new(), false));
    }
    match objects.capabilities().ordered {
        true => ordered(objects, query).await,
        false => unordered(objects, query).await,
    }
}

impl Query {
    /// The common prefix of a key's group; `None` if it has no delimiter.
    pub fn group<'a>(&self, key: &'a str) -> Option<&'a str> {
        if self.delimiter.is_empty() {
            return None;
        }
        let rest = key.strip_prefix(&self.prefix)?;
        let at = rest.find(&self.delimiter)?;
        key.get(..self.prefix.len() + at + self.delimiter.len())
    }

    /// The listing's item for a key; `None` if it does not come after `after`.
    fn item(&self, entry: Entry) -> Option<Item> {
        if !self.after.is_empty() && entry.key.as_str() <= self.after.as_str() {
            return None;
        }
        match self.group(&entry.key) {
            Some(group) if group == self.after => None,
            Some(group) => Some(Item::Prefix(group.to_owned())),
            None => Some(Item::Object(entry)),
        }
    }
}

/// A text after practically every key that begins with `prefix`.
pub fn past(prefix: &str) -> String {
    format!("{prefix}\u{10FFFF}\u{10FFFF}\u{10FFFF}\u{10FFFF}")
}

async fn ordered(objects: &Objects, query: &Query) -> Result<(Vec<Item>, bool)> {
    let mut items: Vec<Item> = Vec::new();
    let whole_group = query.group(&query.after) == Some(query.after.as_str());
    let start_after = (!query.after.is_empty())
        .then(|| if whole_group { past(&query.after) } else { query.after.clone() });
    let prefix = query.prefix.clone();
    let mut options =
        ListOptions { prefix, start_after, limit: Some(1000), ..ListOptions::default() };
    let mut paging = Paging::default();
    loop {
        let page = objects.list(options.clone()).await?;
        let more = paging.advance(&page, &mut options)?;
        let mut jump = None;
        for entry in page.entries {
            let Some(item) = query.item(entry) else { continue };
            if items.last().is_some_and(|last| last.name() == item.name()) {
                continue;
            }
            if items.len() == query.limit {
                return Ok((items, true));
            }
            jump = match &item {
                Item::Prefix(prefix) => Some(prefix.clone()),
                Item::Object(_) => None,
            };
            items.push(item);
        }
        // The page ended inside a group: skip the rest of the group.
        if !more {
            return Ok((items, false));
        }
        let next = options.start_after.as_deref().unwrap_or_default();
        if let Some(group) = jump.filter(|group| next.starts_with(group)) {
            options.start_after = Some(past(&group));
        }
    }
}

/// Scans every key, keeping the first `limit` names and one more.
async fn unordered(objects: &Objects, query: &Query) -> Result<(Vec<Item>, bool)> {
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut options = ListOptions { prefix: query.prefix.clone(), ..ListOptions::default() };
    let mut paging = Paging::default();
    loop {
        let page = objects.list(options.clone()).await?;
        let more = paging.advance(&page, &mut options)?;
        for entry in page.entries {
            let Some(item) = query.item(entry) else { continue };
            items.insert(item.name().to_owned(), item);
            if items.len() > query.limit + 1 {
                items.pop_last();
            }
        }
        if !more {
            break;
        }
    }
    let more = items.len() > query.limit;
    Ok((items.into_values().take(query.limit).collect(), more))
}
