//! `mv`: one object, or many, to another place.

use super::context::{At, Context};
use super::exit::Outcome;
use super::transfer::{RunArgs, TargetArgs};
use super::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::{Filter, Relocate, relocate, relocate_one};
use anyhow::bail;
use clap::Args;

/// Move an object, or everything below a prefix
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host mv draft.pdf reports/2026.pdf\n  storage-host mv draft.pdf reports/\n  storage-host mv logs:2025/ archive:logs/2025/ --no-overwrite\n\nFROM means everything below where it is a store or ends in /, and one object\notherwise. One object goes into TO where that ends in /, and keeps its key where\nTO is a store. Each object is deleted from FROM when its copy is acknowledged."
)]
pub struct MvArgs {
    /// KEY, STORE:KEY, or a store or PREFIX/
    from: String,
    /// KEY, STORE:KEY, or a store or PREFIX/
    to: String,
    /// Keep objects that are there already, and those that would replace them
    #[arg(long)]
    no_overwrite: bool,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl MvArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .between(&self.from, &self.to, self.target.to_config.as_deref(), async |from, to| {
                let many = folder(&from);
                let mut what = Relocate {
                    from: from.side(),
                    to: to.side(),
                    overwrite: !self.no_overwrite,
                };
                match (many, folder(&to)) {
                    (true, true) | (false, false) => {}
                    (true, false) => bail!(
                        "many objects can't be moved to one key; end {:?} with a /, to move them below it",
                        self.to
                    ),
                    (false, true) => what.to.prefix = into(&to.key, &from.key),
                }
                let shape = Shape { moves: true, bytes: true, goes_on: SAME_COMMAND };
                let watch = Watch::new(context, &self.run, Filter::default(), shape);
                match many {
                    true => watch.over(relocate(&what, watch.control())).await,
                    false => watch.over(relocate_one(&what, watch.control())).await,
                }
            })
            .await
    }
}

/// Whether many objects are meant.
fn folder(at: &At) -> bool {
    at.key.is_empty() || at.key.ends_with('/')
}

/// The key of an object that goes into a folder, or into a store.
fn into(folder: &str, key: &str) -> String {
    let name = match folder {
        "" => key,
        _ => key.rsplit('/').next().unwrap_or(key),
    };
    format!("{folder}{name}")
}
