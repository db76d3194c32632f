//! `get`: writes an object to a file or standard output.

use crate::StoreFactory;
use crate::cli::support::context::{Context, at, same};
use crate::cli::support::exit::{DONE, Outcome, Usage};
use crate::cli::support::range::range;
use anyhow::Context as _;
use clap::Args;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use storage_store::ByteRange;

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

impl GetArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                if self.file != Path::new("-") {
                    self.spare(factory, context)?;
                }
                let at = at(factory, &self.key).await?;
                let mut target = None;
                at.stream("get", self.range, |chunk| {
                    // Not before the object is known to exist.
                    let target = match &mut target {
                        Some(target) => target,
                        none => none.insert(Target::open(&self.file)?),
                    };
                    target.write(chunk)
                })
                .await?;
                let target = match target {
                    Some(target) => target,
                    None => Target::open(&self.file)?,
                };
                target.keep()?;
                Ok(DONE)
            })
            .await
    }
}

impl GetArgs {
    /// Refuses a FILE that is a directory or the configuration, or where a
    /// store keeps objects.
    fn spare(&self, factory: &StoreFactory, context: &Context) -> Result<(), Usage> {
        let shown = self.file.display();
        if self.file.is_dir() {
            return Err(Usage(format!("{shown} is a directory; name a file")));
        }
        if same(&self.file, &context.file) {
            return Err(Usage(format!("{shown} is the configuration; name another file")));
        }
        match factory.keeper(&self.file) {
            None => Ok(()),
            Some(store) => Err(Usage(format!(
                "store {store:?} keeps its objects in {shown}; name another file, or `copy` the \
                 object to that store"
            ))),
        }
    }
}

/// Standard output, something other than a regular file (a device, a pipe), or
/// a file that appears only when it is complete.
enum Target {
    Stdout,
    Other(File, PathBuf),
    File(tempfile::NamedTempFile, PathBuf),
}

impl Target {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if path == Path::new("-") {
            return Ok(Target::Stdout);
        }
        if let Ok(there) = path.metadata()
            && !there.is_file()
        {
            let other = OpenOptions::new().write(true).open(path);
            let other = other.with_context(|| path.display().to_string())?;
            return Ok(Target::Other(other, path.to_owned()));
        }
        // Write to a link's target instead of replacing the link.
        let path = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let parent = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = tempfile::Builder::new()
            .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
            .tempfile_in(parent)
            .with_context(|| format!("no file can be made in {}", parent.display()))?;
        Ok(Target::File(file, path))
    }

    fn write(&mut self, chunk: &[u8]) -> anyhow::Result<()> {
        match self {
            Target::Stdout => Ok(std::io::stdout().write_all(chunk)?),
            Target::Other(file, path) => {
                file.write_all(chunk).with_context(|| path.display().to_string())
            }
            Target::File(file, path) => {
                file.write_all(chunk).with_context(|| path.display().to_string())
            }
        }
    }

    fn keep(self) -> anyhow::Result<()> {
        match self {
            Target::Stdout => Ok(std::io::stdout().flush()?),
            Target::Other(..) => Ok(()),
            Target::File(file, path) => {
                file.persist(&path).with_context(|| path.display().to_string())?;
                Ok(())
            }
        }
    }
}
