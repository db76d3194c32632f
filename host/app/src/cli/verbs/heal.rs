//! `heal`: makes the children of mirrors equal again.

use crate::cli::support::context::{Context, StoreError};
use crate::cli::support::exit::{DONE, INTERRUPTED, Outcome, PARTLY};
use crate::cli::support::names::check_store;
use crate::cli::support::output::tell;
use crate::cli::support::output::{interactive, line, print};
use crate::mirrors::{ChildCounts, Event, Heal, Mirror, Report, heal};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Copy to the children of mirrors what they missed, and remove what they
/// missed the deletion of
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host heal\n  storage-host heal both --dry-run\n  storage-host heal both --full\n\nWithout STORE it takes every MirroringStore of the configuration. What children\nmissed is read from the mirror's journal; --full compares complete listings, too,\nand works without one. It may be stopped and run again at any time."
)]
pub struct HealArgs {
    /// A MirroringStore, or a store that stands on some
    store: Option<String>,
    /// Compare all objects of all children, on record or not
    #[arg(long)]
    full: bool,
    /// Change nothing; print what would be done
    #[arg(long)]
    dry_run: bool,
}

impl HealArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                if let Some(store) = &self.store {
                    check_store(factory.config(), store)?;
                }
                let names = factory.mirrors(self.store.as_deref())?;
                if names.is_empty() {
                    let what = self.store.as_deref().map_or_else(
                        || "the configuration has no MirroringStore".to_owned(),
                        |name| format!("store {name:?} stands on no MirroringStore"),
                    );
                    tell!("{what}: there is nothing to heal");
                    return Ok(DONE);
                }
                let mut code = DONE;
                for name in names {
                    let mirror = factory.mirror(&name, !self.dry_run).await?;
                    let healed = self.one(&mirror, context);
                    let report = tokio::select! {
                        report = healed => report?,
                        // Completed repairs stay; the rest stays on record.
                        _ = tokio::signal::ctrl_c() => {
                            tell!("stopped: the same command goes on from here");
                            return Ok(INTERRUPTED);
                        }
                    };
                    if report.left > 0 {
                        code = PARTLY;
                    }
                }
                Ok(code)
            })
            .await
    }

    async fn one(&self, mirror: &Mirror, context: &Context) -> anyhow::Result<Report> {
        if !mirror.has_journal() && !self.full {
            tell!(
                "store {:?} has no journal, so what its children missed is known to a running \
                 server alone; --full compares them",
                mirror.name()
            );
        }
        let show = Arc::new(Show::new(context, mirror.name(), self.dry_run));
        let told = show.clone();
        let what = Heal {
            full: self.full,
            dry_run: self.dry_run,
            watch: Arc::new(move |event| told.hear(&event)),
        };
        let healed = heal(mirror, &what).await;
        show.bar.finish_and_clear();
        if let Some(error) = show.broken() {
            return Err(error.into());
        }
        let report = healed.map_err(|cause| StoreError {
            what: "heal",
            store: mirror.name().to_owned(),
            key: None,
            cause,
        })?;
        show.total(&report)?;
        Ok(report)
    }
}

/// The progress shown while it runs.
struct Show {
    bar: ProgressBar,
    mirror: String,
    dry_run: bool,
    json: bool,
    broken: Mutex<Option<std::io::Error>>,
}

impl Show {
    fn new(context: &Context, mirror: &str, dry_run: bool) -> Self {
        let bar = match interactive() && !context.quiet && !context.json {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template("{spinner} {pos} keys, {per_sec}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.enable_steady_tick(Duration::from_millis(100));
        let (mirror, json) = (mirror.to_owned(), context.json);
        Self { bar, mirror, dry_run, json, broken: Mutex::default() }
    }

    fn broken(&self) -> Option<std::io::Error> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn hear(&self, event: &Event<'_>) {
        let mirror = &self.mirror;
        let text = match (event, self.json) {
            (Event::Done, _) => return self.bar.inc(1),
            (Event::Copied { child, key, bytes }, true) => json!({
                "mirror": mirror, "action": "copy", "key": key, "child": child, "bytes": bytes,
            })
            .to_string(),
            (Event::Removed { child, key }, true) => {
                json!({"mirror": mirror, "action": "remove", "key": key, "child": child})
                    .to_string()
            }
            (Event::Left { child, key, why }, true) => json!({
                "mirror": mirror, "action": "leave", "key": key, "child": child, "why": why,
            })
            .to_string(),
            (Event::Copied { child, key, .. }, false) => format!("copy    {} → {child}", line(key)),
            (Event::Removed { child, key }, false) => format!("remove  {} ← {child}", line(key)),
            (Event::Left { child: Some(child), key, why }, false) => {
                format!("leave   {} on {child}: {why}", line(key))
            }
            (Event::Left { child: None, key, why }, false) => {
                format!("leave   {}: {why}", line(key))
            }
        };
        if let Err(error) = self.bar.suspend(|| print(&format!("{text}\n"))) {
            let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
            *broken = Some(error);
        }
    }

    fn total(&self, report: &Report) -> std::io::Result<()> {
        let Report { children, keys, left } = report;
        let mut text = String::new();
        if self.json {
            let child = |child: &ChildCounts| {
                json!({
                    "child": child.name, "copied": child.copied, "bytes": child.bytes,
                    "removed": child.removed, "left": child.left,
                })
            };
            let children: Vec<_> = children.iter().map(child).collect();
            let line = json!({
                "mirror": self.mirror, "keys": keys, "left": left, "children": children,
                "dry_run": self.dry_run,
            });
            text = format!("{line}\n");
        } else {
            let would = if self.dry_run { "would be: " } else { "" };
            for ChildCounts { name, copied, bytes, removed, left } in children {
                text.push_str(&format!(
                    "{}: {name}: {would}{copied} copied ({bytes} bytes), {removed} removed, {left} left\n",
                    self.mirror
                ));
            }
            text.push_str(&format!("{}: {keys} keys looked at, {left} not healed\n", self.mirror));
        }
        print(&text)
    }
}
