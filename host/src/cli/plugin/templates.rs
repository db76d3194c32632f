//! What `plugin new` writes: `{{name}}` and `{{kind}}` stand for the plug-in's
//! and its store type's names.

use super::new::{Lang, NewWorld};

/// Files by their paths.
type Files = &'static [(&'static str, &'static str)];

/// A plug-in to start from.
pub struct Template {
    pub files: Files,
}

macro_rules! template {
    ($directory:literal: $($name:literal from $file:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../templates/", $directory, "/", $file)))),+]
    };
}

macro_rules! wit {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../wit/", $name)))),+]
    };
}

/// The contract.
pub const WIT: Files = wit![
    "coordinator.wit",
    "decorators.wit",
    "object-store.wit",
    "observer.wit",
    "transform.wit",
    "types.wit",
    "worlds.wit",
];

// Some names would mean something to the tools of this repository.
const RUST_PACK: Files = template!["rust-pack":
    "Cargo.toml" from "Cargo.toml.in",
    "Cargo.lock" from "Cargo.lock.in",
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "src/lib.rs" from "src/lib.rs",
    "src/forward.rs" from "src/forward.rs",
];

impl Template {
    /// The template for a language and a world.
    pub fn of(lang: Lang, world: NewWorld) -> Self {
        let (Lang::Rust, NewWorld::Pack) = (lang, world);
        Self { files: RUST_PACK }
    }
}
