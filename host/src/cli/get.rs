//! `get`: an object to a file or standard output.

use super::context::{Context, at};
use super::exit::{DONE, Outcome};
use crate::objects::CHUNK;
use crate::store::{ByteRange, ReadOptions};
use anyhow::Context as _;
use clap::Args;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Write an object to a file, or to standard output
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host get reports/2026.pdf 2026.pdf\n  storage-host get logs:today --range 0-999"
)]
pub struct GetArgs {
    /// KEY or STORE:KEY
    key: String,
    /// The file; - is standard output
    #[arg(default_value = "-")]
    file: PathBuf,
    /// A part of it, in bytes: FIRST-LAST, FIRST- or -COUNT for the end
    #[arg(long, value_parser = range, allow_hyphen_values = true)]
    range: Option<ByteRange>,
}

fn range(text: &str) -> Result<ByteRange, String> {
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("{text:?} is no number"));
    match text.split_once('-') {
        Some(("", count)) => Ok(ByteRange::last(number(count)?)),
        Some((first, "")) => Ok(ByteRange::from(number(first)?)),
        Some((first, last)) => {
            let (first, last) = (number(first)?, number(last)?);
            let length = last.checked_sub(first).and_then(|n| n.checked_add(1));
            Ok(ByteRange::span(first, length.ok_or("the range ends before it begins")?))
        }
        None => Err("a range is FIRST-LAST, FIRST- or -COUNT".to_owned()),
    }
}

impl GetArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                let at = at(factory, &self.key).await?;
                let failed = |e| at.error("get", e);
                let options = ReadOptions { range: self.range, ..ReadOptions::default() };
                let mut reader = at.objects.read(&at.key, options).await.map_err(failed)?;
                let mut target = Target::open(&self.file)?;
                loop {
                    let chunk = reader.next(CHUNK).await.map_err(failed)?;
                    if chunk.is_empty() {
                        break;
                    }
                    target.write(&chunk)?;
                }
                target.keep()?;
                Ok(DONE)
            })
            .await
    }
}

/// Standard output, or a file that appears only when it is whole.
enum Target {
    Stdout,
    File(tempfile::NamedTempFile, PathBuf),
}

impl Target {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Target::Stdout);
        }
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(parent)
            .with_context(|| format!("no file can be made in {}", parent.display()))?;
        Ok(Target::File(file, path.to_owned()))
    }

    fn write(&mut self, chunk: &[u8]) -> anyhow::Result<()> {
        match self {
            Target::Stdout => Ok(std::io::stdout().write_all(chunk)?),
            Target::File(file, path) => {
                file.write_all(chunk).with_context(|| path.display().to_string())
            }
        }
    }

    fn keep(self) -> anyhow::Result<()> {
        match self {
            Target::Stdout => Ok(std::io::stdout().flush()?),
            Target::File(file, path) => {
                file.persist(&path).with_context(|| path.display().to_string())?;
                Ok(())
            }
        }
    }
}
