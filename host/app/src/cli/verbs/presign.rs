//! `presign`: prints URLs for users without keys.

use crate::cli::support::context::{Context, StoreError};
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::names::{Name, Word, name};
use crate::cli::support::output;
use clap::{Args, ValueEnum};
use std::time::Duration;
use storage_backends::Method;
use storage_store::Error;

/// Print a URL that lets whoever holds it read or write one object for a while
#[derive(Args)]
#[command(after_help = "\
Example:
  storage-host presign bucket:reports/2026.pdf --expires 15m

The store must be a BucketStore itself; the key is the one in the bucket.")]
pub struct PresignArgs {
    /// KEY or STORE:KEY
    key: String,
    /// What the URL allows
    #[arg(long, value_enum, default_value = "get")]
    method: Allowed,
    /// How long it is valid: a number with s, m, h or d; at most 7d
    #[arg(long, default_value = "1h", value_parser = duration)]
    expires: Duration,
}

#[derive(Clone, Copy, ValueEnum)]
enum Allowed {
    /// Reading the object
    Get,
    /// Writing it
    Put,
}

impl PresignArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let Name { store, key } = name(factory.config(), &self.key, Word::Key)?;
                let method = match self.method {
                    Allowed::Get => Method::Get,
                    Allowed::Put => Method::Put,
                };
                let url = factory.presign(store, key, method, self.expires).await;
                let url = url.map_err(|error| match error.downcast::<Error>() {
                    Ok(cause) => StoreError {
                        what: "presign",
                        store: store.to_owned(),
                        key: Some(key.to_owned()),
                        cause,
                    }
                    .into(),
                    Err(error) => error,
                })?;
                let text = match context.json {
                    true => serde_json::json!({"url": url, "expires": self.expires.as_secs()})
                        .to_string(),
                    false => url,
                };
                output::print(&format!("{text}\n"))?;
                Ok(DONE)
            })
            .await
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is not a duration: write 90s, 15m, 1h or 7d");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let number = text.strip_suffix(unit).unwrap_or_default().parse::<u32>();
    number.map(|n| Duration::from_secs(u64::from(n) * seconds)).map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_with_their_unit_only() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("1h", 3_600), ("7d", 604_800)] {
            assert_eq!(duration(text), Ok(Duration::from_secs(seconds)));
        }
        for wrong in ["", "1", "h", "-1h", "1.5h", "1w", "1é"] {
            assert!(duration(wrong).is_err(), "{wrong:?}");
        }
    }
}
