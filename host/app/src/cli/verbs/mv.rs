//! `mv`: moves one object or many.

use crate::cli::support::context::{At, Context};
use crate::cli::support::exit::{Outcome, Usage};
use crate::cli::support::names::Word;
use crate::cli::support::paths::{PathArgs, into, is_folder};
use crate::cli::support::transfer::{FilterArgs, GLOBS, RunArgs, TargetArgs};
use crate::cli::support::watch::{SAME_COMMAND, Shape, Watch};
use crate::transfer::{Endpoint, Mv, mv, mv_one};
use anyhow::bail;
use clap::Args;
use storage_store::Error;

/// Move an object, or everything below a path
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host mv draft.pdf reports/2026.pdf\n  storage-host mv draft.pdf reports/\n  storage-host mv logs:2025/ archive:logs/2025/ --no-overwrite\n\nFROM means everything below where it is a store or ends in /, and one object\notherwise. One object goes into TO where that ends in /, and keeps its key where\nTO is a store. Each object is deleted from FROM when its copy is acknowledged.\n\n{GLOBS}")
)]
pub struct MvArgs {
    /// KEY, STORE:KEY, or a store or PATH/
    from: String,
    /// KEY, STORE:KEY, or a store or PATH/
    to: String,
    /// Keep objects that are there already, and those that would replace them
    #[arg(long)]
    no_overwrite: bool,
    #[command(flatten)]
    target: TargetArgs,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    filter: FilterArgs,
    #[command(flatten)]
    run: RunArgs,
}

impl MvArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        // `mv draft.pdf final.pdf` renames an object; `mv files:a dtabase` has
        // a mistyped store.
        let named = self.from.contains(':') || self.target.to_config.is_some();
        let words = (Word::Rename, if named { Word::Store } else { Word::Rename });
        context
            .between(&self.from, &self.to, self.target.to_config.as_deref(), words, self.run.dry_run, async |from, to| {
                let many = is_folder(&from.key) || self.how.raw_prefix;
                if self.filter.any() && !many {
                    bail!(Usage(format!(
                        "--include and --exclude choose among many: end {:?} with a /, to move \
                         what lies below it",
                        self.from
                    )));
                }
                let shape = Shape { moves: true, bytes: true, goes_on: SAME_COMMAND };
                let watch = Watch::new(context, &self.run, self.filter.filter()?, shape);
                let overwrite = !self.no_overwrite;
                if !many {
                    let what = self.one(&from, &to, overwrite).await?;
                    return watch.over(mv_one(&what, watch.control())).await;
                }
                if !is_folder(&to.key) && !self.how.raw_prefix {
                    bail!(Usage(format!(
                        "many objects can't be moved to one key; end {:?} with a /, to move them \
                         below it",
                        self.to
                    )));
                }
                let (from, to) = self.how.sides(&from, &to).await?;
                let watch = watch.of(&from);
                let control = watch.control();
                let what = Mv { from, to, overwrite };
                watch.over(mv(&what, control)).await
            })
            .await
    }

    async fn one(&self, from: &At, to: &At, overwrite: bool) -> anyhow::Result<Mv> {
        let target = if is_folder(&to.key) { into(&to.key, &from.key) } else { to.key.clone() };
        let below = At { key: format!("{}/", from.key), ..from.clone() };
        if from.objects.stat(&from.key).await == Err(Error::NotFound)
            && from.objects.capabilities().list
            && self.how.found(&below).await.is_ok()
        {
            bail!(Usage(format!(
                "there is no object {:?}; end it with a /, to move what lies below it",
                self.from
            )));
        }
        let from = Endpoint::new(from.objects.clone(), &from.key);
        let to = Endpoint::new(to.objects.clone(), &target);
        Ok(Mv { from, to, overwrite })
    }
}
