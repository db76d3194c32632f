//! `put`: a file or standard input to an object.

use super::context::{Context, at};
use super::exit::{DONE, Outcome};
use super::output;
use crate::objects::CHUNK;
use crate::store::PutOptions;
use anyhow::Context as _;
use clap::Args;
use std::path::{Path, PathBuf};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Write a file, or standard input, to an object
#[derive(Args)]
#[command(
    after_help = "Examples:\n  storage-host put reports/2026.pdf 2026.pdf --content-type application/pdf\n  tar c dir | storage-host put backups:dir.tar -"
)]
pub struct PutArgs {
    /// KEY or STORE:KEY
    key: String,
    /// The file; - is standard input
    #[arg(default_value = "-")]
    file: PathBuf,
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
                let at = at(factory, &self.key).await?;
                let mut source: Box<dyn AsyncRead + Unpin> = match self.file == Path::new("-") {
                    true => Box::new(tokio::io::stdin()),
                    false => {
                        let file = tokio::fs::File::open(&self.file).await;
                        Box::new(file.with_context(|| self.file.display().to_string())?)
                    }
                };
                let options = PutOptions {
                    content_type: self.content_type,
                    metadata: self.meta,
                    if_absent: self.if_absent,
                    ..PutOptions::default()
                };
                let failed = |e| at.error("put", e);
                let mut upload = at.objects.write(&at.key, options).await.map_err(failed)?;
                loop {
                    let mut chunk = bytes::BytesMut::with_capacity(CHUNK);
                    let count = source.read_buf(&mut chunk).await;
                    if count.with_context(|| self.file.display().to_string())? == 0 {
                        break;
                    }
                    upload.push(chunk.freeze()).await.map_err(failed)?;
                }
                let info = upload.finish().await.map_err(failed)?;
                if context.json {
                    output::print(&format!("{}\n", output::info(&at.key, &info)))?;
                }
                Ok(DONE)
            })
            .await
    }
}
