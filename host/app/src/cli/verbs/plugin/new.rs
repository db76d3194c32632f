//! `plugin new`: creates a plug-in from a template.

use super::templates::{Lang, NewWorld, Template, WIT};
use crate::cli::support::context::Context;
use crate::cli::support::exit::{DONE, Outcome};
use crate::cli::support::output;
use anyhow::{Context as _, bail};
use clap::Args;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Write a plug-in to start from, which builds and passes `plugin check`
#[derive(Args)]
#[command(after_help = "\
Examples:
  storage-host plugin new --lang python redact
  storage-host plugin new --lang rust --world pack plugins/quota

Its README.md has the commands that build, check and use it.")]
pub struct NewArgs {
    /// The language
    #[arg(long)]
    lang: Lang,
    /// transformer: functions of which the host makes a store. pack: whole
    /// stores, with every operation (Rust)
    #[arg(long, default_value = "transformer")]
    world: NewWorld,
    /// The directory to make; its last part is the name of the plug-in
    name: PathBuf,
}

impl NewArgs {
    pub fn run(self, context: &Context) -> Outcome {
        let name = self.name.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if let Some(problem) = problem(name) {
            bail!("{name:?} can't name a plug-in: {problem}");
        }
        let Some(template) = Template::of(self.lang, self.world) else {
            bail!("there is a template of the world pack for Rust alone: write --lang rust");
        };
        let kind = kind(name);
        write(&self.name, &template, name, &kind)?;
        let path = self.name.display();
        output::print(&match context.json {
            true => {
                let made = serde_json::json!({"directory": path.to_string(), "kind": kind});
                format!("{made}\n")
            }
            false => format!(
                "{path}: a plug-in with the store type {kind}; {path}/README.md says how to build, \
                 check and use it\n"
            ),
        })?;
        Ok(DONE)
    }
}

/// Why a name is invalid, if it is. It becomes the name of a package in each
/// language, and of a plug-in in a configuration.
fn problem(name: &str) -> Option<&'static str> {
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        return Some("it begins with a small letter");
    }
    if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-') {
        return Some("it has small letters, digits and \"-\" in it, and nothing else");
    }
    (name.len() > 50 || name.ends_with('-')).then_some("it has at most 50, and no \"-\" at its end")
}

/// The store type's name: `MyRulesStore` for `my-rules`.
fn kind(name: &str) -> String {
    let parts = name.strip_suffix("-store").unwrap_or(name).split('-');
    let capital = |part: &str| {
        let mut letters = part.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
    };
    let parts: Vec<String> = parts.map(capital).collect();
    parts.concat() + "Store"
}

fn write(directory: &Path, template: &Template, name: &str, kind: &str) -> anyhow::Result<()> {
    let shown = directory.display();
    if let Some(parent) = directory.parent() {
        fs::create_dir_all(parent).with_context(|| parent.display().to_string())?;
    }
    // Not `create_dir_all`, which would accept someone's existing directory.
    match fs::create_dir(directory) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {
            bail!("{shown} exists already, and is left as it is: choose another name")
        }
        other => other.with_context(|| format!("{shown} can't be made"))?,
    }
    let wit = WIT.iter().map(|(file, text)| (format!("wit/{file}"), *text));
    let files = template.files.iter().map(|(file, text)| ((*file).to_owned(), *text));
    for (file, text) in files.chain(wit) {
        let path = directory.join(&file);
        let text = text.replace("{{name}}", name).replace("{{kind}}", kind);
        let place = path.parent().unwrap_or(directory);
        fs::create_dir_all(place)
            .and_then(|()| fs::File::create_new(&path))
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .with_context(|| format!("{} can't be written", path.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_every_language_takes_is_a_name() {
        for name in ["a", "redact", "my-rules2"] {
            assert_eq!(problem(name), None, "{name}");
        }
        for name in ["", "-a", "A", "a_b", "a b", "1a", "a-", "é", "a.b", &"a".repeat(51)] {
            assert!(problem(name).is_some(), "{name}");
        }
    }

    #[test]
    fn a_store_type_has_the_name_of_its_plug_in() {
        assert_eq!(kind("my-rules"), "MyRulesStore");
        assert_eq!(kind("quota-store"), "QuotaStore");
        assert_eq!(kind("a--b"), "ABStore");
    }

    #[test]
    fn nothing_is_left_to_fill_in() {
        for lang in [Lang::Rust, Lang::Js, Lang::Python] {
            for world in [NewWorld::Transformer, NewWorld::Pack] {
                let Some(template) = Template::of(lang, world) else { continue };
                let directory = tempfile::tempdir().unwrap();
                let place = directory.path().join("x");
                write(&place, &template, "x", "XStore").unwrap();
                for (file, _) in template.files {
                    let text = fs::read_to_string(place.join(file)).unwrap();
                    assert!(!text.contains("{{"), "{file}");
                }
                assert!(write(&place, &template, "x", "XStore").is_err());
            }
        }
    }
}
