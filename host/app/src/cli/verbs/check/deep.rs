//! `check --deep`: reads every object, and compares the children of mirrors.

use crate::StoreFactory;
use crate::cli::support::context::{Context, StoreError};
use crate::cli::support::exit::{DONE, Outcome, PARTLY};
use crate::cli::support::output::{interactive, line, print};
use crate::cli::support::report;
use crate::cli::support::skipped::{self, SkippedArgs};
use crate::mirrors::{Finding, Seen, compare, compare_keys, read_keys_through, read_through};
use crate::transfer::KeyList;
use futures::TryStreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::time::Duration;
use storage_contract::skipped::printable;
use storage_store::Error;

/// Checks a store and the mirrors below it; an empty name means all stores.
pub async fn check(
    factory: &StoreFactory,
    store: &str,
    args: SkippedArgs,
    context: &Context,
) -> Outcome {
    let under = Some(store).filter(|store| !store.is_empty());
    let mirrors = factory.mirrors(under)?;
    let stores = match under {
        Some(store) => vec![store.to_owned()],
        None => roots(factory),
    };
    let mut code = DONE;
    for name in &mirrors {
        let mut count = Count::new(context, name, "compare");
        let mirror = factory.mirror(name, false).await?;
        let done = compare(&mirror, |bytes, finding| count.add(bytes, finding)).await;
        code = code.max(count.end(done)?);
    }
    let mut opened = Vec::new();
    for name in &stores {
        let objects = match factory.open(name).await {
            Ok(objects) => objects,
            // Read the other stores nevertheless.
            Err(error) => {
                code = code.max(report::report(Err(error), context));
                continue;
            }
        };
        opened.push(name);
        // Comparing a mirror has read it completely.
        if mirrors.contains(name) {
            continue;
        }
        let mut count = Count::new(context, name, "read");
        let can = objects.capabilities();
        if !(can.list && can.read) {
            let why = if can.list { "it can't be read" } else { "it can't be listed" };
            print(&match context.json {
                true => format!("{}\n", json!({"store": name, "skipped": why})),
                false => format!("{name}: left out: {why}\n"),
            })?;
            // Whoever names a store wants it read.
            if under.is_some() {
                code = code.max(PARTLY);
            }
            continue;
        }
        let done = read_through(&objects, |bytes, finding| count.add(bytes, finding)).await;
        code = code.max(count.end(done)?);
    }
    for name in opened {
        let looked = skipped::check(factory, name, args, context).await;
        code = code.max(looked.unwrap_or_else(|error| report::report(Err(error), context)));
    }
    Ok(code)
}

/// Reads the given keys of a store; of a mirror, on all its children.
pub async fn check_keys(
    factory: &StoreFactory,
    store: &str,
    keys: impl KeyList,
    context: &Context,
) -> Outcome {
    let keys = keys.map_err(|e| Error::Other(format!("the list of keys: {e}")));
    let keys = keys.and_then(|key| {
        let text = String::from_utf8(key);
        std::future::ready(text.map_err(|e| {
            let shown = printable(e.as_bytes());
            Error::InvalidKey(format!("the list of keys: {shown} is not UTF-8"))
        }))
    });
    if factory.mirrors(None)?.iter().any(|name| name == store) {
        let mut count = Count::new(context, store, "compare");
        let mirror = factory.mirror(store, false).await?;
        let done = compare_keys(&mirror, keys, |bytes, finding| count.add(bytes, finding)).await;
        return count.end(done);
    }
    let mut count = Count::new(context, store, "read");
    let objects = factory.open(store).await?;
    let done = read_keys_through(&objects, keys, |bytes, finding| count.add(bytes, finding)).await;
    count.end(done)
}

/// The stores that are no other store's base.
pub fn roots(factory: &StoreFactory) -> Vec<String> {
    let stores = &factory.config().stores;
    let used = |index: usize| stores.iter().any(|def| def.bases.contains(&index));
    let roots = stores.iter().enumerate().filter(|(index, _)| !used(*index));
    roots.map(|(_, def)| def.name.clone()).collect()
}

/// The findings in one store.
struct Count<'a> {
    context: &'a Context,
    bar: ProgressBar,
    store: &'a str,
    what: &'static str,
    objects: u64,
    bytes: u64,
    wrong: u64,
    broken: Option<std::io::Error>,
}

impl<'a> Count<'a> {
    fn new(context: &'a Context, store: &'a str, what: &'static str) -> Self {
        let bar = match interactive() && !context.quiet && !context.json {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template(
            "{spinner} {msg}, {binary_bytes} read, {binary_bytes_per_sec}",
        );
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { context, bar, store, what, objects: 0, bytes: 0, wrong: 0, broken: None }
    }

    fn add(&mut self, bytes: u64, finding: Option<Finding>) {
        self.objects += 1;
        self.bytes = self.bytes.saturating_add(bytes);
        self.bar.inc(bytes);
        self.bar.set_message(format!("{}: {} objects", self.store, self.objects));
        let Some(finding) = finding else { return };
        self.wrong += 1;
        let text = match self.context.json {
            true => as_json(self.store, &finding),
            false => as_text(self.store, &finding),
        };
        if let Err(error) = self.bar.suspend(|| print(&text)) {
            self.broken = Some(error);
        }
    }

    fn end(self, done: Result<(), Error>) -> Outcome {
        let Self { context, bar, store, what, objects, bytes, wrong, broken } = self;
        bar.finish_and_clear();
        if let Some(error) = broken {
            return Err(error.into());
        }
        done.map_err(|cause| StoreError { what, store: store.to_owned(), key: None, cause })?;
        print(&match context.json {
            true => format!(
                "{}\n",
                json!({"store": store, "objects": objects, "bytes": bytes, "wrong": wrong})
            ),
            false => format!("{store}: {objects} objects, {bytes} bytes read, {wrong} wrong\n"),
        })?;
        Ok(if wrong == 0 { DONE } else { PARTLY })
    }
}

fn as_text(store: &str, finding: &Finding) -> String {
    let seen = |(name, seen): &(String, Seen)| {
        let state = match seen {
            Seen::Absent => "nothing".to_owned(),
            Seen::Whole { size, md5, .. } => format!("{size} bytes, MD5 {md5}"),
            Seen::Broken(error) => format!("can't be read: {error}"),
        };
        let behind = match finding.behind.contains(name) {
            true => " (on record as behind)",
            false => "",
        };
        format!("{name}: {state}{behind}")
    };
    let parts: Vec<_> = finding.seen.iter().map(seen).collect();
    let sound = finding.sound.as_ref().map(|name| format!("; the digest is that of {name}"));
    let sound = sound.unwrap_or_default();
    format!("wrong   {store}: {}: {}{sound}\n", line(&finding.key), parts.join("; "))
}

fn as_json(store: &str, finding: &Finding) -> String {
    let seen = |(name, seen): &(String, Seen)| match seen {
        Seen::Absent => json!({"child": name, "state": "absent"}),
        Seen::Whole { size, md5, etag, .. } => {
            json!({"child": name, "state": "whole", "size": size, "md5": md5, "etag": etag})
        }
        Seen::Broken(error) => {
            json!({"child": name, "state": "broken", "error": error.to_string()})
        }
    };
    let seen: Vec<_> = finding.seen.iter().map(seen).collect();
    let line = json!({
        "store": store, "key": finding.key, "seen": seen, "behind": finding.behind,
        "sound": finding.sound,
    });
    format!("{line}\n")
}
