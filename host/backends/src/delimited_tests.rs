//! Grouped listings over stores with and without order.

use crate::limited::Limited;
use crate::memory::Memory;
use std::collections::BTreeSet;
use std::sync::Arc;
use storage_store::delimited::*;
use storage_store::{Capabilities, Objects};

/// The expected listing, computed from all keys.
fn model(keys: &BTreeSet<String>, prefix: &str, delimiter: &str) -> Vec<String> {
    let names = keys.iter().filter_map(|key| {
        let rest = key.strip_prefix(prefix)?;
        Some(match rest.find(delimiter).filter(|_| !delimiter.is_empty()) {
            Some(at) => key[..prefix.len() + at + delimiter.len()].to_owned(),
            None => key.clone(),
        })
    });
    names.collect::<BTreeSet<_>>().into_iter().collect()
}

#[tokio::test]
async fn pages_are_those_of_the_model_ordered_or_not() {
    let memory = Memory::new();
    let objects = Objects::new("m", Arc::new(memory.clone()));
    let mut keys = BTreeSet::new();
    for i in 0..2500 {
        keys.insert(format!("{}/{}/{i}", i % 3, i % 7));
        keys.insert(format!("{i}"));
    }
    keys.insert("a/\u{10FFFF}/x".to_owned());
    keys.insert("a/\u{10FFFF}\u{10FFFF}".to_owned());
    for key in &keys {
        objects.put(key, Default::default(), Default::default()).await.unwrap();
    }
    let capabilities = Capabilities { ordered: false, ..Capabilities::ALL };
    let unordered = Limited { memory, piece: 1, capabilities };
    let unordered = Objects::new("main", Arc::new(unordered));
    for (prefix, delimiter, limit) in [
        ("", "/", 5),
        ("", "", 1000),
        ("1/", "/", 2),
        ("2", "/", 700),
        ("", "\u{10FFFF}", 3),
        ("x", "/", 9),
    ] {
        for ordered in [true, false] {
            let mut names = Vec::new();
            let mut query = Query {
                prefix: prefix.to_owned(),
                delimiter: delimiter.to_owned(),
                limit,
                ..Query::default()
            };
            loop {
                let objects = if ordered { &objects } else { &unordered };
                let (items, more) = list(objects, &query).await.unwrap();
                assert!(items.len() <= limit);
                names.extend(items.iter().map(|item| item.name().to_owned()));
                match items.last() {
                    Some(last) if more => query.after = last.name().to_owned(),
                    _ => break,
                }
            }
            let wanted = model(&keys, prefix, delimiter);
            assert_eq!(names, wanted, "{prefix:?} {delimiter:?} {limit} {ordered}");
        }
    }
}
