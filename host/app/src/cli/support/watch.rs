//! Progress, Ctrl-C and the final report of a transfer.

use super::context::{Context, StoreError};
use super::exit::{DONE, INTERRUPTED, Outcome, PARTLY};
use super::output::tell;
use super::output::{interactive, line, print};
use super::report;
use super::skipped::Told;
use super::transfer::RunArgs;
use crate::transfer::{Aborted, Control, Counts, Done, Endpoint, Event, Filter, Stop};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// How to present a verb.
#[derive(Clone, Copy)]
pub struct Shape {
    /// Objects are moved, and not counted as copied and deleted.
    pub moves: bool,
    /// Bytes are transferred: progress is in bytes instead of objects, and
    /// entries that are not objects are a failure, since they stay behind.
    pub bytes: bool,
    /// How to continue after an interruption.
    pub goes_on: &'static str,
}

/// For verbs that continue by running the same command again.
pub const SAME_COMMAND: &str = "the same command goes on from here";

/// The progress and result of a transfer.
pub struct Watch {
    shape: Shape,
    show: Arc<Show>,
    control: Control,
    /// Whether entries that are not objects are a failure.
    strict: bool,
}

struct Show {
    bar: ProgressBar,
    bytes: bool,
    dry_run: bool,
    json: bool,
    quiet: bool,
    stop: Stop,
    state: Mutex<State>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct State {
    found: u64,
    done: u64,
    listed: bool,
    /// The first error of writing to standard output.
    broken: Option<std::io::Error>,
}

impl Watch {
    /// Shows progress only on a terminal.
    pub fn new(context: &Context, run: &RunArgs, filter: Filter, shape: Shape) -> Self {
        let bar = match interactive() && !context.quiet && !context.json {
            true => ProgressBar::new(0),
            false => ProgressBar::hidden(),
        };
        let style = ProgressStyle::with_template(match shape.bytes {
            true => {
                "{spinner} {msg}, {binary_bytes} of {binary_total_bytes}, {binary_bytes_per_sec}, {eta} left"
            }
            false => "{spinner} {msg}, {per_sec}, {eta} left",
        });
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        // Without a length, `inc_length` has no effect.
        bar.set_length(0);
        bar.enable_steady_tick(Duration::from_millis(100));
        let stop = Stop::default();
        let show = Arc::new(Show {
            bar,
            bytes: shape.bytes,
            dry_run: run.dry_run,
            json: context.json,
            quiet: context.quiet,
            stop: stop.clone(),
            state: Mutex::default(),
            told: Mutex::new(Told::new(context, run.skipped.show)),
        });
        let told = show.clone();
        let control = Control {
            dry_run: run.dry_run,
            concurrency: run.concurrency.into(),
            filter,
            allow_left_out: run.skipped.allow_skipped,
            stop,
            watch: Arc::new(move |event| told.hear(event)),
        };
        let strict = shape.bytes && !run.skipped.allow_skipped;
        Self { shape, show, control, strict }
    }

    /// Sets the side whose entries are reported if they are not objects.
    #[must_use]
    pub fn of(self, side: &Endpoint) -> Self {
        self.show.told().of(side.objects.name(), &side.prefix);
        self
    }

    /// The control to pass to the transfer.
    pub fn control(&self) -> &Control {
        &self.control
    }

    /// Runs the transfer and reports its result. Ctrl-C (or SIGTERM) lets
    /// objects under way finish; a second one stops at once.
    pub async fn over(
        &self,
        transfer: impl Future<Output = Result<Counts, Box<Aborted>>>,
    ) -> Outcome {
        let mut signals = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        let mut transfer = std::pin::pin!(transfer);
        let ended = loop {
            tokio::select! {
                ended = &mut transfer => break ended,
                _ = signals.0.recv() => {}
                _ = signals.1.recv() => {}
            }
            if self.control.stop.stopped() {
                self.show.bar.finish_and_clear();
                tell!(
                    "ended at once: nothing remains of the objects that were under way; {}",
                    self.shape.goes_on
                );
                return Ok(INTERRUPTED);
            }
            self.control.stop.stop();
            self.show.say("stopping: what is under way is finished; again to end at once");
        };
        self.show.bar.finish_and_clear();
        if let Some(error) = self.show.state().broken.take() {
            return Err(error.into());
        }
        match ended {
            Ok(counts) => self.report(&counts),
            Err(aborted) => {
                let Aborted { counts, what, store, prefix, cause } = *aborted;
                if counts != Counts::default() {
                    self.report(&counts)?;
                }
                let key = Some(prefix).filter(|prefix| !prefix.is_empty());
                Err(StoreError { what, store, key, cause }.into())
            }
        }
    }

    /// Prints the result and returns the exit code.
    fn report(&self, counts: &Counts) -> Outcome {
        for failure in &counts.failed {
            match self.show.json {
                true => tell!("{}", report::failure(failure)),
                false => tell!("error: {failure}"),
            }
        }
        let failed = counts.failed.len();
        let Counts { copied, moved, skipped, deleted, bytes, left_out, stopped, .. } = counts;
        if let Some(text) = self.show.told().end(self.strict) {
            tell!("{text}");
        }
        let dry_run = self.show.dry_run;
        print(&match self.show.json {
            true => format!(
                "{}\n",
                json!({
                    "copied": copied, "moved": moved, "skipped": skipped, "deleted": deleted,
                    "bytes": bytes, "failed": failed, "left_out": left_out, "stopped": stopped,
                    "dry_run": dry_run,
                })
            ),
            false => {
                let would = if dry_run { "would be: " } else { "" };
                let left_out = match left_out {
                    0 => String::new(),
                    left_out => format!(", {left_out} left out"),
                };
                match self.shape.moves {
                    true => format!(
                        "{would}{moved} moved, {skipped} skipped, {failed} failed{left_out}\n"
                    ),
                    false => format!(
                        "{would}{copied} copied, {skipped} skipped, {deleted} deleted, {failed} failed{left_out}\n"
                    ),
                }
            }
        })?;
        if *stopped {
            tell!("stopped before the end: {}", self.shape.goes_on);
        }
        Ok(match (*stopped, failed) {
            (true, _) => INTERRUPTED,
            (false, 0) if *left_out == 0 || !self.strict => DONE,
            (false, _) => PARTLY,
        })
    }
}

impl Show {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn told(&self) -> std::sync::MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn say(&self, text: &str) {
        self.bar.suspend(|| tell!("{text}"));
    }

    fn hear(&self, event: Event<'_>) {
        match event {
            Event::Found(size) => {
                let mut state = self.state();
                state.found += 1;
                state.listed = false;
                self.bar.inc_length(if self.bytes { size.unwrap_or(0) } else { 1 });
                self.message(&state);
            }
            Event::Listed => {
                let mut state = self.state();
                state.listed = true;
                self.message(&state);
            }
            Event::Bytes(count) if self.bytes => self.bar.inc(count),
            Event::LeftOut(skipped) => {
                if let Some(text) = self.told().add(skipped) {
                    self.say(&text);
                }
            }
            Event::Warning(_) if self.quiet => {}
            Event::Warning(text) if self.json => self.say(&json!({"warning": text}).to_string()),
            Event::Warning(text) => self.say(&format!("warning: {text}")),
            Event::Done { key, size, result } => {
                let mut state = self.state();
                state.done += 1;
                self.bar_done(size, result.as_ref().ok());
                self.message(&state);
                if let (true, Ok(done)) = (self.dry_run, result) {
                    self.would(&mut state, key, done);
                }
            }
            _ => {}
        }
    }

    /// Counts an object. One that was not transferred no longer counts in the
    /// length.
    fn bar_done(&self, size: Option<u64>, done: Option<&Done>) {
        match (self.bytes, done, size) {
            (false, ..) => self.bar.inc(1),
            (true, Some(Done::Copied(bytes) | Done::Moved(bytes)), None) => {
                self.bar.inc_length(*bytes);
            }
            (true, Some(Done::Copied(_) | Done::Moved(_)), Some(_)) => {}
            (true, _, size) => self.bar.dec_length(size.unwrap_or(0)),
        }
    }

    fn message(&self, state: &State) {
        let more = if state.listed { "" } else { "+" };
        self.bar.set_message(format!("{} of {}{more} objects", state.done, state.found));
    }

    fn would(&self, state: &mut State, key: &str, done: &Done) {
        let action = match done {
            Done::Copied(_) => "copy",
            Done::Moved(_) => "move",
            Done::Deleted => "delete",
            Done::Skipped => return,
        };
        let text = match self.json {
            true => format!("{}\n", json!({"action": action, "key": key})),
            false => format!("{action} {}\n", line(key)),
        };
        if let Err(error) = self.bar.suspend(|| print(&text)) {
            // Nobody reads the output any more.
            state.broken = Some(error);
            self.stop.stop();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::support::skipped::SkippedArgs;
    use std::path::PathBuf;

    #[test]
    fn progress_knows_what_was_found_and_waits_for_nothing_that_is_skipped() {
        let context = Context { file: PathBuf::new(), json: false, quiet: true };
        let run = RunArgs { concurrency: 1, dry_run: false, skipped: SkippedArgs::default() };
        let shape = Shape { moves: false, bytes: true, goes_on: SAME_COMMAND };
        let watch = Watch::new(&context, &run, Filter::default(), shape);
        let tell = |event: Event<'_>| (watch.control().watch)(event);
        let done = |size, done| {
            let result = &Ok(done);
            tell(Event::Done { key: "k", size, result });
        };
        for size in [Some(10), Some(20), None] {
            tell(Event::Found(size));
        }
        let bar = &watch.show.bar;
        assert_eq!((bar.position(), bar.length()), (0, Some(30)));
        tell(Event::Bytes(10));
        done(Some(10), Done::Copied(10));
        assert_eq!(bar.message(), "1 of 3+ objects");
        done(Some(20), Done::Skipped);
        assert_eq!((bar.position(), bar.length()), (10, Some(10)));
        tell(Event::Listed);
        tell(Event::Bytes(5));
        done(None, Done::Copied(5));
        assert_eq!((bar.position(), bar.length()), (15, Some(15)));
        assert_eq!(bar.message(), "3 of 3 objects");
    }
}
