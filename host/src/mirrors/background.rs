//! Heals while the stores are served: what a child missed is copied to it when
//! it answers again.

use super::heal::{Heal, heal};
use super::report::{Event, Report};
use super::{Mirror, Watcher};
use std::collections::HashMap;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage_core::decorators::mirroring::record::BUCKETS;
use tokio::task::JoinHandle;

/// How long after a look the next one is, and after every failure twice as
/// long as before,
const PAUSE: Duration = Duration::from_secs(2);
/// up to this.
const LONGEST: Duration = Duration::from_secs(300);

/// A task for each mirror; dropping it ends them.
#[derive(Default)]
pub struct Background(Vec<(Arc<Mirror>, JoinHandle<()>)>);

impl Background {
    /// Looks after these mirrors.
    pub fn start(mirrors: Vec<Mirror>) -> Self {
        let task = |mirror: Mirror| {
            let mirror = Arc::new(mirror);
            let own = mirror.clone();
            (mirror, tokio::spawn(async move { look_after(&own).await }))
        };
        Self(mirrors.into_iter().map(task).collect())
    }

    /// Ends it. What is under way is given up, which leaves it on record;
    /// records of writes that ended well go.
    pub async fn stop(mut self) {
        for (mirror, task) in std::mem::take(&mut self.0) {
            task.abort();
            let _ = task.await;
            for number in 0..BUCKETS {
                if let Err(error) = mirror.book.tidy(number).await {
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

async fn look_after(mirror: &Mirror) {
    let mut pause = PAUSE;
    let mut idle = HashMap::new();
    let mut told = false;
    loop {
        tokio::time::sleep(pause).await;
        let before = pause;
        pause = match pass(mirror, &mut idle).await {
            Ok((Report { left: 0, .. }, _)) => {
                if std::mem::take(&mut told) {
                    let store = mirror.name();
                    tracing::info!(target: "storage", store, "its children are equal again");
                }
                PAUSE
            }
            Ok((report, why)) => {
                // A child that is down was said to be.
                if !told && !mirror.troubles().0.is_any_down() {
                    told = true;
                    tracing::warn!(
                        target: "storage", store = mirror.name(),
                        "{} keys can't be healed now, and stay on record: {why}", report.left
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

/// What was healed, and why one of the keys was not.
async fn pass(mirror: &Mirror, idle: &mut HashMap<u32, u64>) -> crate::Result<(Report, String)> {
    // Another process may have healed what is outstanding here.
    for (number, _) in mirror.book.all().await? {
        mirror.book.refresh(number).await?;
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
    // Records of writes that ended well go when nobody writes there any more.
    for number in 0..BUCKETS {
        match mirror.book.idle(number).await? {
            Some(serial) if idle.insert(number, serial) == Some(serial) => {
                mirror.book.tidy(number).await?;
            }
            Some(_) => {}
            None => drop(idle.remove(&number)),
        }
    }
    Ok((report, reason.get().cloned().unwrap_or_default()))
}
