//! `ls`: lists keys.

use crate::cli::support::context::{At, Context, whole};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::names::Word;
use crate::cli::support::output::Form;
use crate::cli::support::paths::{PathArgs, is_folder};
use crate::cli::support::skipped::{FIRST_PAGES, ShowArgs, tell};
use crate::transfer::Filter;
use clap::Args;
use futures::stream::{BoxStream, try_unfold};
use futures::{StreamExt, TryStreamExt};
use std::collections::HashSet;
use std::pin::pin;
use storage_store::delimited::{Item, Query, list};
use storage_store::objects::Objects;
use storage_store::{Entry, Error};

/// How many names to request at a time.
const PAGE: usize = 1000;

/// List keys
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host ls\n  storage-host ls -l logs:2026 --limit 100\n  storage-host ls -r logs:\n\nOne level is shown: what lies deeper is one line, which ends with a /."
)]
pub struct LsArgs {
    /// PATH, STORE:PATH, or a store
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    /// Every key below, and no folders
    #[arg(short, long)]
    recursive: bool,
    /// Size, time and etag, too
    #[arg(short)]
    long: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    show: ShowArgs,
}

impl LsArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = whole(factory, &self.path, Word::Place).await?;
                let form = Form { json: context.json, long: self.long, nul: false };
                let items = match self.recursive {
                    true => self.how.side(&at).entries().map_ok(Item::Object).boxed(),
                    false => self.level(&at),
                };
                let mut items = pin!(items.take(self.limit));
                let mut any = self.limit == 0 || at.key.is_empty();
                let mut listed = 0;
                while let Some(item) = items.next().await {
                    any = true;
                    listed += 1;
                    match item.map_err(|e| at.error("list", e))? {
                        Item::Object(entry) => form.print(&entry)?,
                        Item::Prefix(folder) => form.print_folder(&folder)?,
                    }
                }
                // With a limit, don't read the whole store for this report.
                let whole = listed < self.limit;
                let full = self.show.show_skipped || (self.recursive && whole);
                if full || whole {
                    let most = if full { usize::MAX } else { FIRST_PAGES };
                    let side = self.how.side(&at);
                    tell(&side, &Filter::default(), self.show, context, most).await?;
                }
                if any { Ok(DONE) } else { Err(at.nothing()) }
            })
            .await
    }

    /// The objects and folders of one level.
    fn level(&self, at: &At) -> BoxStream<'static, Result<Item, Error>> {
        if self.how.raw_prefix || is_folder(&at.key) {
            return folders(at.objects.clone(), at.key.clone());
        }
        let (objects, key) = (at.objects.clone(), at.key.clone());
        let below = folders(objects.clone(), format!("{key}/"));
        let own = futures::stream::once(async move {
            match objects.stat(&key).await {
                Ok(info) => Ok(Some(Item::Object(Entry { key, info }))),
                Err(Error::NotFound | Error::InvalidKey(_)) => Ok(None),
                Err(error) => Err(error),
            }
        });
        own.try_filter_map(|found| std::future::ready(Ok(found))).chain(below).boxed()
    }
}

/// The items below `prefix`, up to the next `/`. In an ordered store, this
/// skips the content of folders.
fn folders(objects: Objects, prefix: String) -> BoxStream<'static, Result<Item, Error>> {
    let query = Query { prefix, delimiter: "/".to_owned(), after: String::new(), limit: PAGE };
    if !objects.capabilities().ordered {
        let mut seen = HashSet::new();
        let items = objects.entries(&query.prefix).try_filter_map(move |entry| {
            let item = match query.group(&entry.key) {
                Some(folder) if seen.contains(folder) => None,
                Some(folder) => {
                    seen.insert(folder.to_owned());
                    Some(Item::Prefix(folder.to_owned()))
                }
                None => Some(Item::Object(entry)),
            };
            std::future::ready(Ok(item))
        });
        return items.boxed();
    }
    let pages = try_unfold(Some((objects, query)), |state| async move {
        let Some((objects, mut query)) = state else { return Ok(None) };
        let (items, more) = list(&objects, &query).await?;
        let last = items.last().map(|item| item.name().to_owned()).filter(|_| more);
        let next = last.map(|last| {
            query.after = last;
            (objects, query)
        });
        Ok(Some((futures::stream::iter(items.into_iter().map(Ok)), next)))
    });
    pages.try_flatten().boxed()
}
