//! `plugin push`: puts a component from a file into a registry.

use super::transport::Transport;
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use crate::cli::support::output::tell;
use crate::oci::{Digest, Reference, push};
use clap::Args;
use serde_json::json;
use std::path::{Path, PathBuf};
use storage_sandbox::plugin;

/// Put a component, or a WIT package, into an OCI registry
#[derive(Args)]
#[command(after_help = "\
Example:
  storage-host plugin push redact.wasm registry.example.org/team/redact:1.2.0

The name and password are those in $STORAGE_REGISTRY_USER and
$STORAGE_REGISTRY_PASSWORD, or those that `docker login` left in its file.")]
pub struct PushArgs {
    /// The component
    file: PathBuf,
    /// REGISTRY/NAME:TAG
    reference: Reference,
    #[command(flatten)]
    transport: Transport,
}

impl PushArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let Self { file, reference, transport } = self;
        let named = reference.clone();
        let (sha256, manifest) =
            tokio::task::spawn_blocking(move || send(&file, &named, &transport)).await??;
        let exact = format!("{}/{}@{manifest}", reference.registry, reference.name);
        if context.json {
            let value = json!({
                "reference": reference.to_string(), "exact": exact,
                "manifest": manifest.to_string(), "sha256": sha256.hex(),
            });
            output::print(&format!("{value}\n"))?;
            return Ok(DONE);
        }
        tell!("{reference} is in the registry; this very artifact is:");
        output::print(&format!("{exact}\n"))?;
        Ok(DONE)
    }
}

fn send(
    file: &Path,
    reference: &Reference,
    transport: &Transport,
) -> anyhow::Result<(Digest, Digest)> {
    let component = plugin::read(file).map_err(anyhow::Error::msg)?;
    let mut client = transport.client(reference, "pull,push")?;
    let manifest = push::push(&mut client, reference, &component)
        .map_err(|error| anyhow::anyhow!("{}: {error}", file.display()))?;
    Ok((Digest::of(&component), manifest))
}
