//! `put`: writes a file or standard input to an object.

use crate::cli::support::context::{Context, new_at};
use crate::cli::support::exit::{DONE, Outcome, Usage};
use crate::cli::support::names::{Word, name};
use crate::cli::support::output;
use crate::cli::support::output::tell;
use anyhow::{Context as _, bail};
use clap::Args;
use std::collections::HashSet;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use storage_store::carry::FREE_METADATA;
use storage_store::checksum::Crc64;
use storage_store::chunk_size::CHUNK;
use storage_store::source::Ended;
use storage_store::{PutOptions, Trailer};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Write a file, or standard input, to an object
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host put reports/2026.pdf 2026.pdf --content-type application/pdf\n  tar c dir | storage-host put backups:dir.tar -"
)]
pub struct PutArgs {
    /// KEY or STORE:KEY
    key: String,
    /// The file; - is standard input, and so is none, if there is something in it
    file: Option<PathBuf>,
    /// Write an empty object where no FILE is given and standard input is empty
    #[arg(long)]
    allow_empty: bool,
    /// The media type to keep
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// User metadata to keep; may be given several times
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    meta: Vec<(String, String)>,
    /// Only when there is no such object yet
    #[arg(long)]
    if_absent: bool,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => {
            Ok((name.to_ascii_lowercase(), value.to_owned()))
        }
        _ => Err("metadata is NAME=VALUE".to_owned()),
    }
}

impl PutArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        context
            .with(async |factory| {
                // Report a wrong name before waiting for input.
                name(factory.config(), &self.key, Word::Key)?;
                let mut seen = HashSet::new();
                if let Some((name, _)) = self.meta.iter().find(|(name, _)| !seen.insert(name)) {
                    bail!(Usage(format!("--meta names {name:?} twice; give one value")));
                }
                let file = self.file.as_deref().unwrap_or(Path::new("-"));
                let named = || file.display().to_string();
                let mut source = source(file, context).await?;
                let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
                let mut count = source.read_buf(&mut chunk).await.with_context(named)?;
                if count == 0 && self.file.is_none() && !self.allow_empty {
                    bail!(Usage(
                        "no FILE was given, and standard input is empty: nothing was written. \
                         Name a file, or give --allow-empty for an empty object"
                            .to_owned()
                    ));
                }
                let at = new_at(factory, &self.key).await?;
                let options = PutOptions {
                    content_type: self.content_type,
                    metadata: self.meta,
                    if_absent: self.if_absent,
                    ..PutOptions::default()
                };
                let failed = |e| at.error("put", e);
                let mut upload = at.objects.write(&at.key, options).await.map_err(failed)?;
                let (mut length, mut crc) = (0, Crc64::default());
                while count > 0 {
                    length += chunk.len() as u64;
                    crc.update(&chunk);
                    upload.push(chunk.freeze()).await.map_err(failed)?;
                    chunk = bytes::BytesMut::with_capacity(CHUNK);
                    count = source.read_buf(&mut chunk).await.with_context(named)?;
                }
                let mut trailer = Trailer::default();
                let is_free = length <= FREE_METADATA || !at.objects.copies_for_late_metadata();
                if is_free && at.objects.capabilities().metadata {
                    trailer.metadata.push(crc.entry());
                }
                let written = upload.finish_with(Ended::own(length), trailer).await;
                let info = written.map_err(failed)?;
                if context.json {
                    output::print(&format!("{}\n", output::info(&at.key, &info)))?;
                }
                Ok(DONE)
            })
            .await
    }
}

async fn source(file: &Path, context: &Context) -> anyhow::Result<Box<dyn AsyncRead + Unpin>> {
    if file != Path::new("-") {
        let opened = tokio::fs::File::open(file).await;
        return Ok(Box::new(opened.with_context(|| file.display().to_string())?));
    }
    if std::io::stdin().is_terminal() && !context.quiet {
        tell!("reading the object from the terminal: Ctrl-D ends it, Ctrl-C gives up");
    }
    Ok(Box::new(tokio::io::stdin()))
}
