//! Reports of entries in a store that are not objects.

use super::context::{Context, StoreError};
use super::exit::{DONE, Outcome, PARTLY};
use super::output::line;
use super::output::tell;
use crate::StoreFactory;
use crate::transfer::{Endpoint, Filter};
use clap::Args;
use futures::TryStreamExt;
use serde_json::json;
use std::collections::BTreeMap;
use std::pin::pin;
use storage_store::Skipped;

/// How many reasons to count separately; a plug-in may report any number.
const MAX_REASONS: usize = 50;

/// Whether each entry is named.
#[derive(Args, Clone, Copy, Default)]
pub struct ShowArgs {
    /// Name each entry that is not an object, with the reason
    #[arg(long)]
    pub show_skipped: bool,
}

/// For verbs that fail when there are such entries.
#[derive(Args, Clone, Copy, Default)]
pub struct SkippedArgs {
    #[command(flatten)]
    pub show: ShowArgs,
    /// Entries that are no objects are no failure
    #[arg(long)]
    pub allow_skipped: bool,
}

/// The report on one store's entries, for standard error.
pub struct Told {
    store: String,
    prefix: String,
    show: bool,
    json: bool,
    quiet: bool,
    entries: u64,
    /// Whether there may be more, beyond the pages read.
    more: bool,
    reasons: BTreeMap<String, u64>,
}

impl Told {
    pub fn new(context: &Context, show: ShowArgs) -> Self {
        Self {
            store: String::new(),
            prefix: String::new(),
            show: show.show_skipped,
            json: context.json,
            quiet: context.quiet,
            entries: 0,
            more: false,
            reasons: BTreeMap::new(),
        }
    }

    /// Sets the store and prefix of the entries.
    pub fn of(&mut self, store: &str, prefix: &str) {
        self.store = store.to_owned();
        self.prefix = prefix.to_owned();
    }

    /// Counts an entry. Returns the line that names it, if that is wanted.
    pub fn add(&mut self, skipped: &Skipped) -> Option<String> {
        self.entries += 1;
        let Skipped { entry, reason } = skipped;
        let known = self.reasons.contains_key(reason) || self.reasons.len() < MAX_REASONS;
        let reason = if known { reason.as_str() } else { "another reason" };
        *self.reasons.entry(reason.to_owned()).or_default() += 1;
        self.show.then(|| match self.json {
            true => {
                let store = &self.store;
                json!({"left_out": {"store": store, "entry": entry, "reason": reason}}).to_string()
            }
            false => {
                let entry = if entry.is_empty() { "\"\"" } else { entry };
                format!("left out  {}: {entry}: {reason}", self.store)
            }
        })
    }

    /// A summary by reason; `None` if there is nothing to report.
    pub fn end(&self, fails: bool) -> Option<String> {
        let Self { store, prefix, entries, reasons, .. } = self;
        if *entries == 0 || (self.quiet && !fails) {
            return None;
        }
        if self.json {
            let counts = json!({
                "store": store, "prefix": prefix, "entries": entries, "reasons": reasons,
            });
            return Some(json!({"skipped": counts}).to_string());
        }
        let place = match prefix.as_str() {
            "" => format!("store {store:?} holds"),
            prefix => format!("store {store:?} holds below {:?}", line(prefix)),
        };
        let what = match entries {
            1 => "1 entry that is not an object".to_owned(),
            entries => format!("{entries} entries that are not objects"),
        };
        let what = if self.more { format!("at least {what}") } else { what };
        let word = if fails { "error" } else { "warning" };
        let mut text = format!("{word}: {place} {what}, left out:");
        for (reason, count) in reasons {
            text.push_str(&format!("\n{count:>9}  {reason}"));
        }
        let hints = [
            (!self.show, "--show-skipped names each"),
            (fails, "--allow-skipped takes them as they are"),
        ];
        let hints: Vec<_> =
            hints.into_iter().filter(|(given, _)| *given).map(|(_, hint)| hint).collect();
        if !hints.is_empty() {
            text.push_str(&format!("\nhint: {}", hints.join("; ")));
        }
        Some(text)
    }
}

/// How many pages to read where reading all would take longer than the verb
/// itself.
pub const FIRST_PAGES: usize = 4;

/// Reports on standard error the entries in a side that are not objects and
/// that the filter keeps, reading at most `pages` pages. Returns their number.
pub async fn tell(
    side: &Endpoint,
    filter: &Filter,
    show: ShowArgs,
    context: &Context,
    pages: usize,
) -> anyhow::Result<u64> {
    told_of(side, filter, Told::new(context, show), pages, false).await
}

async fn told_of(
    side: &Endpoint,
    filter: &Filter,
    mut told: Told,
    pages: usize,
    fails: bool,
) -> anyhow::Result<u64> {
    let store = side.objects.name();
    told.of(store, &side.prefix);
    let mut looked_at = 0;
    let mut parts = pin!(side.skipped(filter));
    let key = Some(side.prefix.clone()).filter(|prefix| !prefix.is_empty());
    let failed = |cause| StoreError {
        what: "list what is left out of",
        store: store.to_owned(),
        key: key.clone(),
        cause,
    };
    while let Some(part) = parts.try_next().await.map_err(failed)? {
        for (_, skipped) in &part {
            if let Some(text) = told.add(skipped) {
                tell!("{text}");
            }
        }
        looked_at += 1;
        if looked_at == pages {
            told.more = true;
            break;
        }
    }
    if let Some(text) = told.end(fails) {
        tell!("{text}");
    }
    Ok(told.entries)
}

/// Reports the entries of a store that are not objects. Reads nothing if they
/// are allowed and need not be shown.
pub async fn check(
    factory: &StoreFactory,
    name: &str,
    skipped: SkippedArgs,
    context: &Context,
) -> Outcome {
    let side = Endpoint::new(factory.open(name).await?, "");
    let wanted = skipped.show.show_skipped || !skipped.allow_skipped;
    if !wanted || !side.objects.capabilities().list {
        return Ok(DONE);
    }
    let fails = !skipped.allow_skipped;
    let told = Told::new(context, skipped.show);
    let entries = told_of(&side, &Filter::default(), told, usize::MAX, fails).await?;
    Ok(if fails && entries > 0 { PARTLY } else { DONE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_counted_by_reason_and_however_many_reasons_there_are_few_are_told() {
        let context = Context { file: Default::default(), json: false, quiet: false };
        let mut told = Told::new(&context, ShowArgs { show_skipped: true });
        told.of("files", "a/");
        assert_eq!(told.end(true), None);
        let mut add = |entry: &str, reason: &str| {
            told.add(&Skipped { entry: entry.to_owned(), reason: reason.to_owned() })
        };
        assert_eq!(add("a/l", "a link").unwrap(), "left out  files: a/l: a link");
        assert_eq!(add("", "an empty key").unwrap(), "left out  files: \"\": an empty key");
        for number in 0..200 {
            add("x", &number.to_string());
        }
        let text = told.end(true).unwrap();
        let first =
            "error: store \"files\" holds below \"a/\" 202 entries that are not objects, left out:";
        assert_eq!(text.lines().next(), Some(first));
        assert!(text.contains("\n      152  another reason\n"), "{text}");
        assert!(text.ends_with("--allow-skipped takes them as they are"), "{text}");
    }
}
