//! `plugin check`: runs the conformance suite on the stores of a plug-in.

use super::load::load;
use super::suite::{Checked, Report, run};
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome, PARTLY, Unusable};
use crate::cli::support::output;
use crate::config::{PluginLimits, TypeInfo, alone};
use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};
use storage_conformance::subject::{Dialect, Values};
use storage_contract::options::Property;
use storage_sandbox::Plugin;
use storage_store::units;

/// Run the conformance suite over the store types of a plug-in
#[derive(Args)]
#[command(after_help = "\
Examples:
  storage-host plugin check redact.wasm --values text
  storage-host plugin check pack.wasm --kind PrefixStore --kind-config '{\"prefix\": \"a/\"}'
  storage-host plugin check pack.wasm --kind-config PrefixStore=@prefix.json --json

Every case gets a fresh store over fresh memory. A value without KIND= is for every
store type that is checked. Exit code 4: some cases failed, or had no time left.")]
pub struct CheckArgs {
    /// The component
    file: PathBuf,
    /// Check this store type only (may be repeated)
    #[arg(long, value_name = "KIND")]
    kind: Vec<String>,
    /// The config of a store type: JSON, or @ and the name of a file
    #[arg(long, value_name = "[KIND=]JSON")]
    kind_config: Vec<String>,
    /// What every key begins with, for stores that refuse others
    #[arg(long, value_name = "[KIND=]PREFIX")]
    key_prefix: Vec<String>,
    /// The values to use: bytes, text (lower-case letters), json, or a text of
    /// your own in which letters take the place of {}
    #[arg(long, value_name = "[KIND=]VALUES")]
    values: Vec<String>,
    /// Let the store refuse keys as invalid
    #[arg(long)]
    may_refuse_keys: bool,
    /// Run only cases with this in their name
    #[arg(long, value_name = "TEXT")]
    case: Option<String>,
    /// The memory of one instance
    #[arg(long, value_name = "SIZE", default_value = "64MiB", value_parser = memory)]
    memory: u64,
    /// How long all of it may take
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    time_limit: Duration,
}

fn memory(text: &str) -> Result<u64, String> {
    let limits = PluginLimits::read(&json!({"memory": units::size(text)?}))?;
    Ok(limits.memory)
}

fn time(text: &str) -> Result<Duration, String> {
    let time = units::duration(&Value::from(text))?;
    let range = Duration::from_secs(1)..=Duration::from_secs(24 * 3_600);
    range.contains(&time).then_some(time).ok_or_else(|| "it is from 1s to 24h".to_owned())
}

/// The most bytes that one reader may return: far more than any case writes.
const OBJECT_SIZE: u64 = 256 << 20;

impl CheckArgs {
    pub async fn run(self, context: &Context) -> Outcome {
        let limits = PluginLimits {
            memory: self.memory,
            object_size: OBJECT_SIZE,
            ..PluginLimits::default()
        };
        let plugin = load(&self.file, limits).await?;
        let all = self.checked(&plugin)?;
        let mut code = DONE;
        for checked in all {
            let kind = plugin.kind(&checked.kind.name).to_owned();
            let (case, config) = (self.case.clone().unwrap_or_default(), checked.config.clone());
            let running = tokio::task::spawn_blocking(move || run(&checked, &case));
            let report = running.await.context("the suite ended before its time")??;
            if !report.good() {
                code = PARTLY;
            }
            output::print(&match context.json {
                true => format!("{}\n", as_json(&kind, &config, &report)),
                false => as_text(&kind, &report),
            })?;
        }
        Ok(code)
    }

    /// The store types to check. Reports all configs that violate their schemas
    /// together.
    fn checked(&self, plugin: &Arc<Plugin>) -> anyhow::Result<Vec<Checked>> {
        let own = |info: &TypeInfo| plugin.kind(&info.name).to_owned();
        let known: Vec<String> = plugin.types.iter().map(own).collect();
        if let Some(unknown) = self.kind.iter().find(|kind| !known.contains(kind)) {
            bail!("{unknown:?} is none of its store types: {}", known.join(", "));
        }
        let until = Instant::now() + self.time_limit;
        let (mut all, mut problems) = (Vec::new(), Vec::new());
        for info in &plugin.types {
            let kind = own(info);
            if !self.kind.is_empty() && !self.kind.contains(&kind) {
                continue;
            }
            let given = of_kind(&self.kind_config, &kind, &known).unwrap_or("{}");
            let config = match alone::config(&text_of(given)?, &info.schema) {
                Ok(config) => Value::Object(config).to_string(),
                Err(wrong) => {
                    problems.extend(wrong.into_iter().map(|p| (kind.clone(), p.message)));
                    continue;
                }
            };
            let dialect = self.dialect(&kind, &known)?;
            all.push(Checked {
                plugin: plugin.clone(),
                kind: info.clone(),
                config,
                dialect,
                until,
            });
        }
        if let Some((name, _)) = problems.first() {
            let told = problems.iter().map(|(kind, message)| format!("{kind}: {message}\n"));
            return Err(Unusable(format!(
                "{}a config is given with --kind-config '{name}={{…}}', or --kind-config \
                 {name}=@FILE; --kind names the types that are to be checked alone",
                told.collect::<String>()
            ))
            .into());
        }
        Ok(all)
    }

    fn dialect(&self, kind: &str, known: &[String]) -> anyhow::Result<Dialect> {
        let prefix = of_kind(&self.key_prefix, kind, known).unwrap_or_default();
        if prefix.len() > 256 {
            bail!("--key-prefix has at most 256 bytes");
        }
        let values = match of_kind(&self.values, kind, known).unwrap_or("bytes") {
            "bytes" => Values::Any,
            "text" => Values::Text,
            // With the space that Python writes: a store that normalises JSON
            // is likely to write it like Python.
            "json" => Values::Between("{\"is\": \"", "\"}"),
            text => match text.split_once("{}") {
                Some((before, after)) => Values::Between(kept(before), kept(after)),
                None => bail!("--values is bytes, text, json, or a text with {{}} in it"),
            },
        };
        let may_refuse: fn(&str) -> bool = match self.may_refuse_keys {
            true => |_| true,
            false => |_| false,
        };
        Ok(Dialect { key_prefix: kept(prefix), values, may_refuse, longest: LONGEST })
    }
}

/// The key length that a store must accept, in bytes. It may lengthen keys, and
/// longer ones might not fit its base.
const LONGEST: usize = 200;

/// A string that lives as long as the process, which ends with the check.
fn kept(text: &str) -> &'static str {
    text.to_owned().leak()
}

/// The value for a kind: the last `KIND=` with its name, else the last one
/// without a name.
fn of_kind<'a>(given: &'a [String], kind: &str, known: &[String]) -> Option<&'a str> {
    let split = |text: &'a String| match text.split_once('=') {
        Some((name, value)) if known.iter().any(|kind| kind == name) => (Some(name), value),
        _ => (None, text.as_str()),
    };
    let found = |wanted: Option<&str>| {
        given.iter().rev().map(split).find(|(name, _)| *name == wanted).map(|(_, value)| value)
    };
    found(Some(kind)).or_else(|| found(None))
}

fn text_of(given: &str) -> anyhow::Result<String> {
    match given.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file).with_context(|| file.to_owned()),
        None => Ok(given.to_owned()),
    }
}

fn as_json(kind: &str, config: &str, report: &Report) -> Value {
    let failed: Vec<_> = report
        .failed
        .iter()
        .map(|(case, message)| json!({"case": case, "message": message}))
        .collect();
    json!({
        "kind": kind, "config": serde_json::from_str::<Value>(config).unwrap_or_default(),
        "good": report.good(), "capabilities": report.capabilities,
        "held": report.held, "failed": failed, "not_run": report.not_run,
    })
}

fn as_text(kind: &str, report: &Report) -> String {
    let Report { capabilities, held, failed, not_run } = report;
    let mut text = match report.good() {
        true => format!("{kind}: all {held} cases hold ({})\n", capabilities.join(", ")),
        false => format!("{kind}: {held} cases hold, {} failed\n", failed.len()),
    };
    for (case, message) in failed {
        text.push_str(&format!("  failed: {case}: {}\n", message.trim().replace('\n', "\n    ")));
    }
    if !not_run.is_empty() {
        text.push_str(&format!("  no time was left for {} cases\n", not_run.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_for_its_kind_or_for_all() {
        let known = ["A".to_owned(), "B".to_owned()];
        let given = ["{\"a\"=1}", "A=x=y", "C=z", "A=w"].map(str::to_owned);
        assert_eq!(of_kind(&given, "A", &known), Some("w"));
        assert_eq!(of_kind(&given, "B", &known), Some("C=z"));
        assert_eq!(of_kind(&[], "B", &known), None);
    }
}
