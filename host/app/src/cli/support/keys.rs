//! Keys read from a file, for stores that can't list and for custom selections.

use super::exit::Usage;
use crate::transfer::read_keys;
use anyhow::{Context as _, bail};
use clap::Args;
use futures::StreamExt;
use futures::stream::BoxStream;
use std::io;
use std::path::PathBuf;
use tokio::io::BufReader;

/// The help text on key files.
pub const KEYS: &str = "\
The keys of --keys are those below the path of FROM, one a line and taken as they
stand; with -0 each ends with NUL, as `find -0` writes them. Nothing is listed, and
a key that is not there is a failure. `find` writes whole keys: FROM is a store for
them.";

/// Which keys, one by one.
#[derive(Args)]
pub struct KeysArgs {
    /// Take the keys from a file instead of listing; - is standard input
    #[arg(long, value_name = "FILE")]
    pub keys: Option<PathBuf>,
    /// The keys of --keys end with NUL
    #[arg(short = '0', long, requires = "keys")]
    null: bool,
}

impl KeysArgs {
    /// The keys of the file, if one is given; an empty file is an error.
    pub async fn open(&self) -> anyhow::Result<Option<BoxStream<'static, io::Result<Vec<u8>>>>> {
        let Some(path) = &self.keys else { return Ok(None) };
        let keys = match path.as_os_str() == "-" {
            true => read_keys(BufReader::new(tokio::io::stdin()), self.null).boxed(),
            false => {
                let file = tokio::fs::File::open(path).await;
                let file = file.with_context(|| format!("the keys of {}", path.display()))?;
                read_keys(BufReader::new(file), self.null).boxed()
            }
        };
        // The command that should have written them may have failed.
        let mut keys = Box::pin(keys.peekable());
        if keys.as_mut().peek().await.is_none() {
            bail!(Usage(format!("there are no keys in {}", path.display())));
        }
        Ok(Some(keys.boxed()))
    }
}
