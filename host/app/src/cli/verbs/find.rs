//! `find`: lists keys by size, time and pattern.

use crate::cli::support::context::{Context, whole};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::names::Word;
use crate::cli::support::output::Form;
use crate::cli::support::paths::PathArgs;
use crate::cli::support::skipped::{ShowArgs, tell};
use crate::cli::support::transfer::{FilterArgs, GLOBS};
use clap::Args;
use futures::TryStreamExt;
use std::pin::pin;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use storage_store::ObjectInfo;
use storage_store::units;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Find objects by key, size and age
#[derive(Args)]
#[command(
    after_help = format!("Examples:\n  storage-host find logs --include '**/*.gz' --larger 10M --older 30d -l\n  storage-host find tmp/ --older 2026-01-01 -0 | xargs -0 -I{{}} storage-host rm :{{}}\n\nSIZE is in bytes, or has a unit: K, M, G, T or KiB, MiB, … (of 1,024), KB, MB, …\n(of 1,000). TIME is a date (2026-01-31), a time (2026-01-31T12:00:00Z), or how\nlong ago (90s, 15m, 36h, 7d, 2w). An object whose size or time is not known meets no condition on it.\n\n{GLOBS}")
)]
pub struct FindArgs {
    /// PATH, STORE:PATH, or a store
    #[arg(default_value = "", hide_default_value = true)]
    path: String,
    #[command(flatten)]
    filter: FilterArgs,
    /// Only objects larger than this
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    larger: Option<u64>,
    /// Only objects smaller than this
    #[arg(long, value_name = "SIZE", value_parser = units::size)]
    smaller: Option<u64>,
    /// Only objects that changed after this
    #[arg(long, value_name = "TIME", value_parser = moment)]
    newer: Option<u64>,
    /// Only objects that did not change since this
    #[arg(long, value_name = "TIME", value_parser = moment)]
    older: Option<u64>,
    /// Size, time and etag, too
    #[arg(short)]
    long: bool,
    /// End each with NUL, for `xargs -0`
    #[arg(short = '0', conflicts_with = "json")]
    nul: bool,
    /// At most this many
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    limit: usize,
    #[command(flatten)]
    how: PathArgs,
    #[command(flatten)]
    show: ShowArgs,
}

impl FindArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let filter = self.filter.filter()?;
        context
            .with(async |factory| {
                let at = whole(factory, &self.path, Word::Place).await?;
                let form = Form { json: context.json, long: self.long, nul: self.nul };
                let side = self.how.side(&at);
                let mut entries = pin!(side.entries());
                let (mut any, mut left) = (at.key.is_empty(), self.limit);
                while left > 0
                    && let Some(entry) =
                        entries.try_next().await.map_err(|e| at.error("list", e))?
                {
                    any = true;
                    if side.keeps(&filter, &entry.key) && self.wants(&entry.info) {
                        form.print(&entry)?;
                        left -= 1;
                    }
                }
                if left > 0 || self.show.show_skipped {
                    tell(&side, &filter, self.show, context, usize::MAX).await?;
                }
                if any || self.limit == 0 { Ok(DONE) } else { Err(at.nothing()) }
            })
            .await
    }

    fn wants(&self, info: &ObjectInfo) -> bool {
        let holds = |known: Option<u64>, bound: Option<u64>, above: bool| match (known, bound) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(known), Some(bound)) => {
                if above {
                    known > bound
                } else {
                    known < bound
                }
            }
        };
        holds(info.size, self.larger, true)
            && holds(info.size, self.smaller, false)
            && holds(info.modified, self.newer, true)
            && holds(info.modified, self.older, false)
    }
}

/// Parses a time to milliseconds since 1970.
fn moment(text: &str) -> Result<u64, String> {
    let (number, unit) = split(text);
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 3_600,
        "d" => 86_400,
        "w" => 7 * 86_400,
        _ => return date(text),
    };
    let number: u64 =
        number.parse().map_err(|_| format!("{text:?} does not begin with a number"))?;
    let ago = number.checked_mul(seconds).map(Duration::from_secs).ok_or("too long ago")?;
    let then = SystemTime::now().checked_sub(ago).unwrap_or(UNIX_EPOCH);
    let since = then.duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

fn date(text: &str) -> Result<u64, String> {
    let time = OffsetDateTime::parse(text, &Rfc3339)
        .or_else(|_| OffsetDateTime::parse(&format!("{text}T00:00:00Z"), &Rfc3339))
        .map_err(|_| {
            "a time is 2026-01-31, 2026-01-31T12:00:00Z, or how long ago, as in 7d".to_owned()
        })?;
    Ok(u64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(0))
}

fn split(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_dates_or_how_long_ago_and_nonsense_is_refused() {
        assert_eq!(moment("1970-01-02"), Ok(86_400_000));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Ok(0));
        assert_eq!(moment("99999999w"), Ok(0));
        assert!(moment("1d").unwrap() < moment("1h").unwrap());
        for wrong in ["", "yesterday", "d", "12", "2026-13-01", "99999999999999999999s"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }
}
