//! The merged listing of a mirror's children, each key once.

use super::mirror::Mirror;
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt, TryStreamExt};
use std::collections::BTreeMap;
use storage_store::{Entry, Error, ObjectInfo, Result};

/// What one child's listing says about a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Listed {
    Present(ObjectInfo),
    Absent,
    /// The child can't be listed.
    Unknown,
}

/// A key, and what each child's listing says about it.
pub(super) type Row = (String, Vec<Listed>);

/// Merges the listings. Holds nothing in memory if all of them are ordered. If one
/// fails, the stream ends with its error, since a partial listing proves nothing.
pub(super) fn merge_listing(mirror: &Mirror) -> Result<BoxStream<'_, Result<Row>>> {
    let lists = |index: &usize| mirror.children.get(*index).is_some_and(|c| c.capabilities().list);
    let listing: Vec<usize> = (0..mirror.children.len()).filter(lists).collect();
    if listing.is_empty() {
        return Err(Error::Unsupported(format!(
            "store {:?}: none of its children can be listed, so they can't be compared",
            mirror.name
        )));
    }
    let heads: Vec<Head> = listing.iter().filter_map(|index| Head::new(mirror, *index)).collect();
    let ordered = |index: &usize| mirror.children[*index].capabilities().ordered;
    let width = mirror.children.len();
    Ok(match listing.iter().all(ordered) {
        true => merged(heads, width).boxed(),
        false => futures::stream::once(collected(heads, width))
            .map_ok(|rows| futures::stream::iter(rows.into_iter().map(Ok)))
            .try_flatten()
            .boxed(),
    })
}

/// A child's listing, and its next entry.
struct Head {
    child: usize,
    name: String,
    entries: BoxStream<'static, Result<Entry>>,
    next: Option<Entry>,
    done: bool,
}

impl Head {
    fn new(mirror: &Mirror, child: usize) -> Option<Self> {
        let objects = mirror.children.get(child)?;
        let entries = objects.entries("").boxed();
        Some(Self { child, name: objects.name().to_owned(), entries, next: None, done: false })
    }

    async fn pull(&mut self) -> Result<Option<Entry>> {
        let pulled = self.entries.try_next().await;
        pulled.map_err(|e| match e {
            Error::Unavailable(text) => {
                Error::Unavailable(format!("listing {:?}: {text}", self.name))
            }
            error => Error::Other(format!("listing {:?}: {error}", self.name)),
        })
    }

    async fn fill(&mut self) -> Result<()> {
        if !self.done && self.next.is_none() {
            self.next = self.pull().await?;
            self.done = self.next.is_none();
        }
        Ok(())
    }
}

fn blank(heads: &[Head], width: usize) -> Vec<Listed> {
    let lists = |child: usize| heads.iter().any(|head| head.child == child);
    (0..width).map(|c| if lists(c) { Listed::Absent } else { Listed::Unknown }).collect()
}

fn merged(heads: Vec<Head>, width: usize) -> impl futures::Stream<Item = Result<Row>> + Send {
    try_unfold(heads, move |mut heads| async move {
        futures::future::try_join_all(heads.iter_mut().map(Head::fill)).await?;
        let first = heads.iter().filter_map(|head| head.next.as_ref().map(|e| &e.key)).min();
        let Some(key) = first.cloned() else { return Ok(None) };
        let mut row = blank(&heads, width);
        for head in &mut heads {
            if let Some(entry) = head.next.take_if(|entry| entry.key == key)
                && let Some(place) = row.get_mut(head.child)
            {
                *place = Listed::Present(entry.info);
            }
        }
        Ok(Some(((key, row), heads)))
    })
}

async fn collected(mut heads: Vec<Head>, width: usize) -> Result<BTreeMap<String, Vec<Listed>>> {
    let blank = blank(&heads, width);
    let mut rows: BTreeMap<String, Vec<Listed>> = BTreeMap::new();
    for head in &mut heads {
        while let Some(entry) = head.pull().await? {
            let row = rows.entry(entry.key).or_insert_with(|| blank.clone());
            if let Some(place) = row.get_mut(head.child) {
                *place = Listed::Present(entry.info);
            }
        }
    }
    Ok(rows)
}
