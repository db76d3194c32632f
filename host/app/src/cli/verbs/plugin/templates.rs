//! The templates of `plugin new`. `{{name}}` and `{{kind}}` stand for the names
//! of the plug-in and its store type.

use clap::ValueEnum;

/// The languages that there are templates for.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Lang {
    Rust,
    Js,
    Python,
}

/// The worlds that a plug-in may have.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum NewWorld {
    Transformer,
    Pack,
}

/// Files by path.
type Files = &'static [(&'static str, &'static str)];

/// A template of a plug-in.
pub struct Template {
    pub files: Files,
}

macro_rules! template {
    ($directory:literal: $($name:literal from $file:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../templates/", $directory, "/", $file)))),+]
    };
}

macro_rules! wit {
    ($($name:literal),+ $(,)?) => {
        &[$(($name, include_str!(concat!("../../../../wit/", $name)))),+]
    };
}

/// The WIT files of the contract.
pub const WIT: Files = wit![
    "coordinator.wit",
    "decorators.wit",
    "object-store.wit",
    "observer.wit",
    "request-context.wit",
    "transform.wit",
    "types.wit",
    "worlds.wit",
];

// Some names differ, since they would affect the tools of this repository.
const RUST: Files = template!["rust-transformer":
    "Cargo.toml" from "Cargo.toml.in",
    "Cargo.lock" from "Cargo.lock.in",
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "src/lib.rs" from "src/lib.rs",
];

const JS: Files = template!["js-transformer":
    "package.json" from "package.json",
    "package-lock.json" from "package-lock.json",
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "plugin.js" from "plugin.js",
];

const PYTHON: Files = template!["python-transformer":
    "requirements.txt" from "requirements.txt",
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "app.py" from "app.py",
];

const RUST_PACK: Files = template!["rust-pack":
    "Cargo.toml" from "Cargo.toml.in",
    "Cargo.lock" from "Cargo.lock.in",
    ".gitignore" from "gitignore",
    "README.md" from "README.md",
    "src/lib.rs" from "src/lib.rs",
    "src/bindings.rs" from "src/bindings.rs",
    "src/forward.rs" from "src/forward.rs",
    "src/rule.rs" from "src/rule.rs",
];

impl Template {
    /// The template for a language and world, if there is one.
    pub fn of(lang: Lang, world: NewWorld) -> Option<Self> {
        let files = match (lang, world) {
            (Lang::Rust, NewWorld::Transformer) => RUST,
            (Lang::Rust, NewWorld::Pack) => RUST_PACK,
            (Lang::Js, NewWorld::Transformer) => JS,
            (Lang::Python, NewWorld::Transformer) => PYTHON,
            (Lang::Js | Lang::Python, NewWorld::Pack) => return None,
        };
        Some(Self { files })
    }
}
