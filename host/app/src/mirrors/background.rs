//! Background healing while the stores are served: copies to a child what it missed,
//! once it answers again.

use super::heal::{Heal, heal};
use super::mirror::Mirror;
use super::report::{Event, Report, Watcher};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage_core::decorators::mirroring::record::BUCKETS;
use tokio::task::JoinHandle;

/// The pause between passes; it doubles after every failure,
const PAUSE: Duration = Duration::from_secs(2);
/// up to this.
const LONGEST: Duration = Duration::from_secs(300);

/// One task per mirror. Dropping this aborts them.
#[derive(Default)]
pub struct Background(Vec<(Arc<Mirror>, JoinHandle<()>)>);

impl Background {
    /// Starts a task for each mirror.
    pub fn start(mirrors: Vec<Mirror>) -> Self {
        let task = |mirror: Mirror| {
            let mirror = Arc::new(mirror);
            let own = mirror.clone();
            (mirror, tokio::spawn(async move { look_after(&own).await }))
        };
        Self(mirrors.into_iter().map(task).collect())
    }

    /// Stops the tasks. Unfinished keys stay on record; records of completed writes are
    /// removed.
    pub async fn stop(mut self) {
        for (mirror, task) in std::mem::take(&mut self.0) {
            task.abort();
            let _ = task.await;
            for number in 0..BUCKETS {
                if let Err(error) = mirror.journal.tidy(number).await {
                    tracing::warn!(target: "storage", store = mirror.name(), "{error}");
                    break;
                }
            }
        }
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        for (_, task) in &self.0 {
            task.abort();
        }
    }
}

/// How many passes may fail before one is logged: until then a child may turn out to be
/// down.
const LOG_AFTER: u32 = 1;

async fn look_after(mirror: &Mirror) {
    let mut pause = PAUSE;
    let mut idle = HashMap::new();
    let (mut failed, mut logged) = (0, false);
    loop {
        tokio::time::sleep(pause).await;
        let before = pause;
        pause = match pass(mirror, &mut idle).await {
            Ok((Report { left: 0, .. }, _)) => {
                failed = 0;
                if std::mem::take(&mut logged) {
                    let store = mirror.name();
                    tracing::info!(target: "storage", store, "its children are equal again");
                }
                PAUSE
            }
            Ok((report, why)) => {
                failed += 1;
                // A child that is down was logged.
                if !logged && failed > LOG_AFTER && !mirror.troubles().0.is_any_down() {
                    logged = true;
                    let (store, left) = (mirror.name(), report.left);
                    tracing::warn!(
                        target: "storage", store, left,
                        "keys that can't be healed now stay on record, such as {why}"
                    );
                }
                (pause * 2).min(LONGEST)
            }
            Err(error) => {
                if before == PAUSE {
                    tracing::warn!(target: "storage", store = mirror.name(), "healing: {error}");
                }
                (pause * 2).min(LONGEST)
            }
        };
    }
}

/// Makes one healing pass. Returns its report, and why the first unhealed key was left.
async fn pass(
    mirror: &Mirror,
    idle: &mut HashMap<u32, u64>,
) -> storage_store::Result<(Report, String)> {
    // Another process may have healed some of the recorded keys.
    for (number, _) in mirror.journal.all().await? {
        mirror.journal.refresh(number).await?;
    }
    let reason = Arc::new(OnceLock::new());
    let first = reason.clone();
    let watch: Watcher = Arc::new(move |event| {
        if let Event::Left { child, key, why } = event {
            tracing::debug!(target: "storage", child, key, "not healed: {why}");
            first.get_or_init(|| match child {
                Some(child) => format!("child {child:?}: {key:?}: {why}"),
                None => format!("{key:?}: {why}"),
            });
        }
    });
    let report = heal(mirror, &Heal { full: false, dry_run: false, watch }).await?;
    for child in report.children.iter().filter(|child| child.copied + child.removed > 0) {
        tracing::info!(
            target: "storage", store = mirror.name(),
            "healed {:?}: {} objects copied to it, {} removed from it",
            child.name, child.copied, child.removed
        );
    }
    // Remove records of completed writes once no writer uses the bucket.
    for number in 0..BUCKETS {
        match mirror.journal.idle(number).await? {
            Some(serial) if idle.insert(number, serial) == Some(serial) => {
                mirror.journal.tidy(number).await?;
            }
            Some(_) => {}
            None => drop(idle.remove(&number)),
        }
    }
    Ok((report, reason.get().cloned().unwrap_or_default()))
}
