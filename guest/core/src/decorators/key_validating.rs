//! `KeyValidatingStore`, `RegexValidatingStore`, `UrlValidatingStore`: reject keys
//! that break a rule, before anything is changed.
//!
//! Every operation on a rejected key is `invalid-key` and names the rule and the
//! key. Listings leave such keys out.

use crate::pattern::{anchored, compile};
use regex::Regex;
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind, NO_CONFIG};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::paging::Paging;
use storage_contract::skipped::{Skipped, hidden};
use storage_contract::store::{Reader, SharedStore, Store, Writer};
use storage_contract::types::{
    Access, Capabilities, DeleteOptions, Entry, Error, ListOptions, Location, ObjectInfo, Page,
    PutOptions, ReadOptions, Result, check_key,
};

/// The store type.
pub static KIND: Kind = Kind {
    name: "KeyValidatingStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Refuses keys that break one of several rules",
    build,
};

/// `RegexValidatingStore`.
pub static REGEX: Kind = Kind {
    name: "RegexValidatingStore",
    aliases: &["AsyncRegexValidatingStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: RegexConfig::JSON_SCHEMA,
    doc: "Refuses keys that a regular expression does not match",
    build: |args| {
        let RegexConfig { pattern, full } = args.config()?;
        let rule = Rule::Regex(compile(&args.name, &anchored(&pattern, full))?, pattern);
        Ok(Rc::new(Validating { base: args.base(), rules: vec![rule] }))
    },
};

/// `UrlValidatingStore`.
pub static URL: Kind = Kind {
    name: "UrlValidatingStore",
    aliases: &["AsyncUrlValidatingStore"],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: NO_CONFIG,
    doc: "Refuses keys that are not http or https URLs",
    build: |args| Ok(Rc::new(Validating { base: args.base(), rules: vec![Rule::Url] })),
};

options! {
    struct RegexConfig {
        /// A regular expression that must match at the start of the key
        pattern: String,
        /// It must match the whole key
        full: bool = false,
    }
}

options! {
    struct Config {
        /// Rules; a key must keep all of them
        #[schema(minItems: 1)]
        validators: Vec<Validator>,
    }
}

options! {
    struct Validator[minProperties: 1] {
        /// A regular expression that must match at the start of the key
        regex: Option<String>,
        /// With regex: it must match the whole key
        full: bool = false,
        /// The key must be an http or https URL with a host
        url: bool = false,
        /// The most bytes of the key in UTF-8
        #[schema(format: "bytes", minimum: 1)]
        max_bytes: Option<usize>,
        /// What the key must begin with
        prefix: Option<String>,
        /// What the key must end with
        suffix: Option<String>,
        /// The key must not hold control characters
        no_control: bool = false,
        /// No segment of the key may be empty, . or ..
        no_traversal: bool = false,
    }
}

enum Rule {
    /// The compiled pattern, and its source.
    Regex(Regex, String),
    Url,
    MaxBytes(usize),
    Prefix(String),
    Suffix(String),
    NoControl,
    NoTraversal,
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { validators } = args.config()?;
    let mut rules = Vec::new();
    for validator in validators {
        if let Some(pattern) = validator.regex {
            let compiled = compile(&args.name, &anchored(&pattern, validator.full))?;
            rules.push(Rule::Regex(compiled, pattern));
        }
        rules.extend(validator.url.then_some(Rule::Url));
        rules.extend(validator.max_bytes.map(Rule::MaxBytes));
        rules.extend(validator.prefix.map(Rule::Prefix));
        rules.extend(validator.suffix.map(Rule::Suffix));
        rules.extend(validator.no_control.then_some(Rule::NoControl));
        rules.extend(validator.no_traversal.then_some(Rule::NoTraversal));
    }
    if rules.is_empty() {
        let text = format!("store {:?}: validators hold no rule", args.name);
        return Err(Error::InvalidConfig(text));
    }
    Ok(Rc::new(Validating { base: args.base(), rules }))
}

impl Rule {
    fn broken(&self, key: &str) -> Option<String> {
        let (kept, rule) = match self {
            Rule::Regex(regex, pattern) => {
                (regex.is_match(key), format!("it does not match the pattern {pattern:?}"))
            }
            Rule::Url => (is_url(key), "it is not an http or https URL with a host".to_owned()),
            Rule::MaxBytes(most) => {
                (key.len() <= *most, format!("it has {} bytes, more than {most}", key.len()))
            }
            Rule::Prefix(prefix) => {
                (key.starts_with(prefix), format!("it does not begin with {prefix:?}"))
            }
            Rule::Suffix(suffix) => {
                (key.ends_with(suffix), format!("it does not end with {suffix:?}"))
            }
            Rule::NoControl => {
                (!key.chars().any(char::is_control), "it holds a control character".to_owned())
            }
            Rule::NoTraversal => (
                !key.split('/').any(|segment| matches!(segment, "" | "." | "..")),
                "a segment of it is empty, \".\" or \"..\"".to_owned(),
            ),
        };
        (!kept).then_some(rule)
    }

    /// Why the rule rejects keys; the same text for every key.
    fn reason(&self, key: &str) -> Option<String> {
        match self {
            Rule::MaxBytes(most) => Some(format!("it has more than {most} bytes")),
            _ => self.broken(key),
        }
    }
}

fn is_url(key: &str) -> bool {
    let Some((scheme, rest)) = key.split_once("://") else { return false };
    let scheme = scheme.to_ascii_lowercase();
    if scheme != "http" && scheme != "https" {
        return false;
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    !host.is_empty() && !host.contains(char::is_whitespace)
}

struct Validating {
    base: SharedStore,
    rules: Vec<Rule>,
}

impl Validating {
    /// Converts a rejected key of the base to a skipped entry.
    fn hidden(&self, key: &str) -> Option<Skipped> {
        let rule = self.rules.iter().find(|rule| rule.broken(key).is_some())?;
        Some(Skipped::new(key.as_bytes(), format!("its key is refused: {}", rule.reason(key)?)))
    }

    fn check(&self, key: &str) -> Result<()> {
        check_key(key)?;
        match self.rules.iter().find_map(|rule| rule.broken(key)) {
            Some(rule) => Err(Error::InvalidKey(format!("the key {key:?} is refused: {rule}"))),
            None => Ok(()),
        }
    }
}

#[deny(clippy::missing_trait_methods)]
impl Store for Validating {
    fn capabilities(&self) -> Capabilities {
        self.base.capabilities()
    }

    fn get(&self, key: &str, options: &ReadOptions) -> Result<(ObjectInfo, Vec<u8>)> {
        self.check(key)?;
        self.base.get(key, options)
    }

    fn put(&self, key: &str, data: &[u8], options: &PutOptions) -> Result<ObjectInfo> {
        self.check(key)?;
        self.base.put(key, data, options)
    }

    fn exists(&self, key: &str) -> Result<bool> {
        self.check(key)?;
        self.base.exists(key)
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.check(key)?;
        self.base.delete(key, options)
    }

    fn stat(&self, key: &str) -> Result<ObjectInfo> {
        self.check(key)?;
        self.base.stat(key)
    }

    fn list(&self, options: &ListOptions) -> Result<Page> {
        if options.skipped {
            let hide = |entry: &Entry| Ok(self.hidden(&entry.key));
            return hidden(&*self.base, options, hide, |skipped| Ok(Some(skipped)));
        }
        let (mut options, mut paging) = (options.clone(), Paging::default());
        loop {
            let mut page = self.base.list(&options)?;
            let more = paging.advance(&page, &mut options)?;
            page.entries.retain(|entry| self.check(&entry.key).is_ok());
            // Rejected keys may fill any number of pages. Callers must not see
            // those as empty pages.
            if !more || !page.is_empty() {
                return Ok(page);
            }
        }
    }

    fn read(&self, key: &str, options: &ReadOptions) -> Result<Box<dyn Reader>> {
        self.check(key)?;
        self.base.read(key, options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.check(key)?;
        self.base.write(key, options)
    }

    fn locate(&self, key: &str, access: Access) -> Result<Option<Location>> {
        self.check(key)?;
        self.base.locate(key, access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use storage_contract::env::Env;
    use storage_contract::memory::Memory;

    fn store(kind: &Kind, config: serde_json::Value) -> Result<(Memory, SharedStore)> {
        let memory = Memory::default();
        let bases = vec![Rc::new(memory.clone()) as SharedStore];
        let store = (kind.build)(Args {
            name: "v".to_owned(),
            config,
            bases,
            names: Vec::new(),
            env: Env::local(),
        })?;
        Ok((memory, store))
    }

    /// Everything that a store leaves out below `prefix`, in pages of `limit`.
    fn left_out(store: &dyn Store, prefix: &str, limit: u32) -> Vec<(String, String)> {
        let mut options = ListOptions {
            prefix: prefix.to_owned(),
            limit: Some(limit),
            skipped: true,
            ..ListOptions::default()
        };
        let mut found = Vec::new();
        loop {
            let page = store.list(&options).unwrap();
            assert!(page.entries.is_empty() && page.skipped.len() <= limit as usize);
            found.extend(page.skipped.into_iter().map(|s| (s.entry, s.reason)));
            assert!(page.next.is_none() || page.next != options.start_after);
            match page.next {
                Some(next) => options.start_after = Some(next),
                None => return found,
            }
        }
    }

    #[test]
    fn a_pattern_matches_at_the_start_as_in_python() {
        let (_, store) = store(&REGEX, serde_json::json!({"pattern": "a|b"})).unwrap();
        assert!(store.exists("bcd").is_ok());
        let error = store.exists("cab").unwrap_err().to_string();
        assert_eq!(
            error,
            r#"invalid key: the key "cab" is refused: it does not match the pattern "a|b""#
        );
    }

    #[test]
    fn a_full_pattern_matches_the_whole_key() {
        let config = serde_json::json!({"pattern": "a|b", "full": true});
        let (_, store) = store(&REGEX, config).unwrap();
        assert!(store.exists("b").is_ok());
        assert!(store.exists("bc").is_err());
    }

    #[test]
    fn syntax_that_only_python_has_is_refused_with_the_reason() {
        let error = store(&REGEX, serde_json::json!({"pattern": "(?=a)"})).err().unwrap();
        assert!(error.to_string().contains("look-around"), "{error}");
    }

    #[test]
    fn only_urls_with_a_host_are_urls() {
        for key in ["http://h", "https://user@host:80/p?q#f", "HTTP://[::1]:8080/"] {
            assert!(is_url(key), "{key}");
        }
        for key in ["ftp://h", "http:///p", "http://", "h", "http://user@/", "https:host"] {
            assert!(!is_url(key), "{key}");
        }
    }

    #[test]
    fn each_rule_is_kept_or_named() {
        for (rule, good, bad) in [
            (serde_json::json!({"max_bytes": 2}), "é", "éa"),
            (serde_json::json!({"prefix": "a/"}), "a/b", "b/a/"),
            (serde_json::json!({"suffix": ".txt"}), "a.txt", "a.txt.gz"),
            (serde_json::json!({"no_control": true}), "a b", "a\nb"),
            (serde_json::json!({"no_traversal": true}), "a/b..c", "a/../b"),
            (serde_json::json!({"url": true}), "http://a", "a"),
        ] {
            let config = serde_json::json!({"validators": [rule.clone()]});
            let (_, store) = store(&KIND, config).unwrap();
            assert!(store.exists(good).is_ok(), "{rule} {good}");
            assert!(matches!(store.exists(bad), Err(Error::InvalidKey(_))), "{rule} {bad}");
        }
    }

    #[test]
    fn a_listing_leaves_refused_keys_out() {
        let (memory, store) = store(&REGEX, serde_json::json!({"pattern": "a"})).unwrap();
        for key in ["a", "b", "ab"] {
            memory.put(key, b"", &PutOptions::default()).unwrap();
        }
        let keys = crate::keymap::tests::listed(&*store, "", 1);
        assert_eq!(keys, ["a", "ab"]);
        let refused = "its key is refused: it does not match the pattern \"a\"".to_owned();
        let told = left_out(&*store, "", 1);
        assert_eq!(told, [("b".to_owned(), refused)]);
        assert!(left_out(&*store, "a", 1).is_empty());
        assert!(store.put("b", b"", &PutOptions::default()).is_err());
    }
}
