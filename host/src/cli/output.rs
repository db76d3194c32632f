//! What verbs write to standard output.

use super::context::Context;
use super::exit::{DONE, INTERRUPTED, Outcome, PARTLY};
use crate::store::ObjectInfo;
use crate::transfer::{Control, Counts, Stop};
use indicatif::{HumanBytes, ProgressBar};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::time::{Duration, UNIX_EPOCH};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Writes text; a reader that went away is an error, not a panic.
pub fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Whether somebody is watching.
pub fn interactive() -> bool {
    std::io::stderr().is_terminal()
}

/// The time of the last change, as RFC 3339.
pub fn modified(info: &ObjectInfo) -> Option<String> {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(info.modified?))?;
    OffsetDateTime::from(time).format(&Rfc3339).ok()
}

/// What is known of an object, for programs.
pub fn info(key: &str, info: &ObjectInfo) -> Value {
    let metadata: serde_json::Map<String, Value> =
        info.metadata.iter().map(|(name, value)| (name.clone(), value.clone().into())).collect();
    json!({
        "key": key, "size": info.size, "etag": info.etag, "modified": modified(info),
        "content_type": info.content_type, "metadata": metadata,
    })
}

/// A key as one line of text.
pub fn line(key: &str) -> String {
    match key.chars().any(char::is_control) {
        true => key.escape_debug().to_string(),
        false => key.to_owned(),
    }
}

/// Progress and result of a transfer.
pub struct Watch {
    bar: ProgressBar,
    stop: Stop,
    dry_run: bool,
    json: bool,
}

impl Watch {
    /// Shows progress on a terminal only.
    pub fn new(context: &Context, dry_run: bool) -> Self {
        let bar = match interactive() && !context.quiet && !context.json {
            true => ProgressBar::new_spinner(),
            false => ProgressBar::hidden(),
        };
        bar.enable_steady_tick(Duration::from_millis(100));
        Self { bar, stop: Stop::default(), dry_run, json: context.json }
    }

    /// Runs a transfer; Ctrl-C lets what is under way finish, a second one
    /// ends the program.
    pub async fn over<T>(&self, transfer: impl AsyncFnOnce(&Control<'_>) -> T) -> T {
        let progress = |counts: &Counts| {
            let objects = counts.copied + counts.skipped + counts.deleted;
            self.bar.set_message(format!("{objects} objects, {}", HumanBytes(counts.bytes)));
        };
        let control = Control { dry_run: self.dry_run, stop: &self.stop, progress: &progress };
        let mut running = std::pin::pin!(transfer(&control));
        tokio::select! {
            done = &mut running => return done,
            _ = tokio::signal::ctrl_c() => {
                self.stop.stop();
                eprintln!("stopping: objects under way are finished; the same command goes on later");
            }
        }
        running.await
    }

    /// Prints what was done; gives the exit code.
    pub fn report(&self, counts: Counts) -> Outcome {
        self.bar.finish_and_clear();
        for (key, error) in &counts.failed {
            eprintln!("error: {}: {error}", line(key));
        }
        let failed = counts.failed.len();
        let Counts { copied, skipped, deleted, bytes, stopped, .. } = &counts;
        print(&match self.json {
            true => format!(
                "{}\n",
                json!({
                    "copied": copied, "skipped": skipped, "deleted": deleted, "bytes": bytes,
                    "failed": failed, "stopped": stopped, "dry_run": self.dry_run,
                })
            ),
            false => {
                let would = if self.dry_run { "would be: " } else { "" };
                format!(
                    "{would}{copied} copied, {skipped} skipped, {deleted} deleted, {failed} failed\n"
                )
            }
        })?;
        Ok(match (counts.stopped, failed) {
            (true, _) => INTERRUPTED,
            (false, 0) => DONE,
            (false, _) => PARTLY,
        })
    }
}
