//! The grammar of store and key names on the command line. `docs/cli.md`
//! documents it for users.

use super::exit::Usage;
use crate::config::{Config, closest, suggest};

/// A key in a store, or (with an empty key) the whole store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Name<'a> {
    pub store: &'a str,
    pub key: &'a str,
}

/// The meaning of a word without a colon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Word {
    /// A key, for verbs on single objects. A store's name is refused: `put
    /// files report.pdf` lacks a colon.
    Key,
    /// A store, or else a path of the main store, for verbs that only read.
    Place,
    /// The same for the words of `mv`, which renames objects and moves them to other
    /// stores: what is close to the name of a store is refused.
    Rename,
    /// A store, unless it contains a `/`, for verbs that change things: a
    /// mistyped store must not become a path.
    Store,
}

/// The store and key that `text` names.
pub fn name<'a>(config: &'a Config, text: &'a str, word: Word) -> Result<Name<'a>, Usage> {
    let main = config.stores.get(config.main).map_or("", |def| def.name.as_str());
    let is_store = |name: &str| config.stores.iter().any(|def| def.name == name);
    let Some((before, key)) = text.split_once(':') else {
        return match (word, is_store(text)) {
            (Word::Key, true) => Err(Usage(format!(
                "{text:?} is a store: write \"{text}:KEY\" for an object in it, and \":{text}\" \
                 for the key {text:?} of the main store"
            ))),
            (Word::Place | Word::Rename | Word::Store, true) => Ok(Name { store: text, key: "" }),
            (Word::Store, false) if !text.contains('/') => {
                Err(unknown(config, text, &format!(":{text}")))
            }
            (Word::Rename, false) if is_mistyped(config, text) => {
                Err(unknown(config, text, &format!(":{text}")))
            }
            _ => Ok(Name { store: main, key: text }),
        };
    };
    if before.is_empty() {
        return Ok(Name { store: main, key });
    }
    if is_store(before) {
        return Ok(Name { store: before, key });
    }
    // URLs are common keys, and nobody mistypes a store with a slash.
    if key.starts_with("//") || before.contains('/') {
        return Ok(Name { store: main, key: text });
    }
    Err(unknown(config, before, &format!(":{text}")))
}

/// Fails unless a store has this name.
pub fn check_store(config: &Config, name: &str) -> Result<(), Usage> {
    match config.stores.iter().any(|def| def.name == name) {
        true => Ok(()),
        false => Err(Usage(missing(config, name))),
    }
}

/// A message that no store is named `text`, if it could be meant as a store.
pub fn unknown_store(config: &Config, text: &str) -> Option<String> {
    let word = !text.is_empty() && !text.contains([':', '/']);
    (word && check_store(config, text).is_err()).then(|| missing(config, text))
}

/// Whether a word is probably a mistyped store.
fn is_mistyped(config: &Config, text: &str) -> bool {
    let stores: Vec<&str> = config.stores.iter().map(|def| def.name.as_str()).collect();
    text.len() > 2 && !text.contains('/') && closest(text, &stores).is_some()
}

fn unknown(config: &Config, store: &str, cure: &str) -> Usage {
    let missing = missing(config, store);
    Usage(format!("{missing}; for a key of the main store write {cure:?}"))
}

fn missing(config: &Config, store: &str) -> String {
    let hint = suggest(store, config.stores.iter().map(|def| def.name.as_str()));
    format!("there is no store {store:?} in {}{hint}", config.file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::TypeInfo;

    fn config() -> Config {
        let schema = serde_json::json!({"type": "object"});
        let kind = TypeInfo {
            name: "DictStore".to_owned(),
            aliases: Vec::new(),
            base: None,
            schema,
            doc: String::new(),
            plugin: None,
        };
        let text = "stores:\n  db: {type: DictStore}\n  files: {type: DictStore}\nmain: db\n";
        Config::parse(text, "stores.yaml", &[kind], &|_| None).unwrap()
    }

    #[test]
    fn what_stands_before_a_colon_is_a_store_or_refused() {
        let config = config();
        for word in [Word::Key, Word::Place, Word::Store] {
            for (text, store, key) in [
                ("files:a", "files", "a"),
                ("files:a:b", "files", "a:b"),
                (":fiels:a", "db", "fiels:a"),
                ("db:fiels:a", "db", "fiels:a"),
                ("http://host/x", "db", "http://host/x"),
                ("a/b:c", "db", "a/b:c"),
                ("a/b", "db", "a/b"),
                ("files:", "files", ""),
            ] {
                assert_eq!(name(&config, text, word), Ok(Name { store, key }), "{text}");
            }
            let Usage(said) = name(&config, "fiels:a", word).unwrap_err();
            let wanted = "there is no store \"fiels\" in stores.yaml; did you mean \"files\"?; \
                          for a key of the main store write \":fiels:a\"";
            assert_eq!(said, wanted);
        }
    }

    #[test]
    fn a_word_alone_is_what_its_verb_makes_of_it() {
        let config = config();
        let named = |text, word| name(&config, text, word).map(|n| (n.store, n.key));
        assert_eq!(named("a", Word::Key), Ok(("db", "a")));
        assert_eq!(named("a", Word::Place), Ok(("db", "a")));
        assert!(named("fiels", Word::Store).is_err());
        assert_eq!(named("files", Word::Place), Ok(("files", "")));
        assert_eq!(named("files", Word::Store), Ok(("files", "")));
        assert!(named("files", Word::Key).is_err());
        assert_eq!(named(":files", Word::Key), Ok(("db", "files")));
        assert!(named("fiels", Word::Rename).is_err());
        for key in ["draft.pdf", "d", "fiels/a", ":fiels"] {
            assert_eq!(named(key, Word::Rename), Ok(("db", key.trim_start_matches(':'))));
        }
    }
}
