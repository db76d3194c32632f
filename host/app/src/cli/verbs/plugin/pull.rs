//! `plugin pull`: fetches a component from a registry into a file.

use super::transport::Transport;
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use crate::cli::support::output::tell;
use crate::oci::{Reference, pull};
use anyhow::Context as _;
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Fetch a component from an OCI registry
#[derive(Args)]
#[command(after_help = "\
Examples:
  storage-host plugin pull registry.example.org/team/redact:1.2.0
  storage-host plugin pull localhost:5000/redact@sha256:5b1c… -o plugins/redact.wasm

The name and password are those in $STORAGE_REGISTRY_USER and
$STORAGE_REGISTRY_PASSWORD, or those that `docker login` left in its file.")]
pub struct PullArgs {
    /// REGISTRY/NAME:TAG or REGISTRY/NAME@sha256:DIGEST
    reference: Reference,
    /// The file; without it, the last part of NAME with .wasm, here
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    transport: Transport,
}

impl PullArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let Self { reference, output, transport } = self;
        let last = reference.name.rsplit('/').next().unwrap_or_default().to_owned();
        let file = output.unwrap_or_else(|| PathBuf::from(format!("{last}.wasm")));
        let (to, named) = (file.clone(), reference.clone());
        let pulled = tokio::task::spawn_blocking(move || fetch(&named, &to, &transport)).await??;
        let sha256 = pulled.component.hex();
        if context.json {
            let value = json!({
                "reference": reference.to_string(), "manifest": pulled.manifest.to_string(),
                "file": file, "sha256": sha256, "size": pulled.size,
            });
            output::print(&format!("{value}\n"))?;
            return Ok(DONE);
        }
        tell!("{reference}: {} bytes, manifest {}", pulled.size, pulled.manifest);
        output::print(&lines(&last, &file, sha256))?;
        Ok(DONE)
    }
}

fn fetch(
    reference: &Reference,
    file: &Path,
    transport: &Transport,
) -> anyhow::Result<pull::Pulled> {
    let mut client = transport.client(reference, "pull")?;
    let parent = file.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The file appears only when it is complete and verified.
    let mut whole = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666))
        .tempfile_in(parent)
        .with_context(|| format!("no file can be made in {}", parent.display()))?;
    let pulled = pull::pull(&mut client, reference, &mut whole).map_err(anyhow::Error::msg)?;
    whole.as_file().sync_all().with_context(|| file.display().to_string())?;
    whole.persist(file).with_context(|| file.display().to_string())?;
    Ok(pulled)
}

/// The lines for a configuration.
fn lines(name: &str, file: &Path, sha256: &str) -> String {
    let file = file.display().to_string();
    // Quote text, as in JSON, that YAML might take for something else.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '_' | '-');
    let file = match file.chars().all(plain) && file.starts_with(['/', '.']) {
        true => file,
        false if file.chars().all(plain) => format!("./{file}"),
        false => Value::from(file).to_string(),
    };
    format!("plugins:\n  {name:?}:\n    component: {file}\n    sha256: {sha256:?}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_are_yaml_that_means_what_it_says() {
        let lines = lines("redact", Path::new("plug ins/a: b.wasm"), "00");
        assert!(lines.contains(r#"component: "plug ins/a: b.wasm""#), "{lines}");
        let lines = super::lines("1.0", Path::new("1.0.wasm"), "00");
        assert!(lines.contains("  \"1.0\":\n    component: ./1.0.wasm\n    sha256: \"00\"\n"));
    }
}
