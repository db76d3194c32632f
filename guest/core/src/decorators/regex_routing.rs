//! `RegexRoutingStore`: the first pattern found in a key selects its prefix in the
//! base.
//!
//! A key that no pattern matches is invalid. A base key is shown as a key only if
//! routing that key returns the base key, so keys never alias: of two base keys
//! that could mean one key, only the routed one counts.

use crate::keymap::{KeyMapping, Mapping};
use crate::pattern::compile;
use regex::Regex;
use std::borrow::Cow;
use std::rc::Rc;
use storage_contract::kind::{Args, BaseShape, Keys, Kind};
use storage_contract::options;
use storage_contract::options::Options;
use storage_contract::store::SharedStore;
use storage_contract::types::{Error, Result};

/// The store type.
pub static KIND: Kind = Kind {
    name: "RegexRoutingStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Mapped,
    config_schema: Config::JSON_SCHEMA,
    doc: "Chooses a key's prefix by regular expressions",
    build,
};

options! {
    struct Config {
        /// Tried in order; the first that matches wins
        #[schema(minItems: 1)]
        routes: Vec<RouteConfig>,
    }
}

options! {
    struct RouteConfig {
        /// A regular expression, searched for anywhere in the key
        pattern: String,
        /// What keys of this route begin with in the base; may be empty
        prefix: String,
    }
}

struct Route {
    pattern: Regex,
    prefix: String,
}

struct Routing {
    routes: Vec<Route>,
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { routes } = args.config()?;
    let route = |route: RouteConfig| {
        Ok(Route { pattern: compile(&args.name, &route.pattern)?, prefix: route.prefix })
    };
    let routes = routes.into_iter().map(route).collect::<Result<Vec<_>>>()?;
    for (i, route) in routes.iter().enumerate() {
        // `a` + `bc` and `ab` + `c` would map two keys to one base key.
        let clash = routes.iter().take(i).find(|other| {
            other.prefix != route.prefix
                && (other.prefix.starts_with(&route.prefix)
                    || route.prefix.starts_with(&other.prefix))
        });
        if let Some(other) = clash {
            return Err(Error::InvalidConfig(format!(
                "store {:?}: two keys could meet under the prefixes {:?} and {:?}, since one begins with the other",
                args.name, other.prefix, route.prefix
            )));
        }
    }
    Ok(Rc::new(KeyMapping::new(args.base(), Routing { routes })))
}

impl Mapping for Routing {
    fn map<'a>(&self, key: &'a str) -> Result<Cow<'a, str>> {
        match self.routes.iter().find(|route| route.pattern.is_match(key)) {
            Some(route) => Ok(format!("{}{key}", route.prefix).into()),
            None => Err(Error::InvalidKey(format!("no route matches the key {key:?}"))),
        }
    }

    fn unmap(&self, base_key: &str) -> Result<Option<String>> {
        Ok(self.routes.iter().find_map(|route| {
            let key = base_key.strip_prefix(&route.prefix)?;
            self.map(key).is_ok_and(|mapped| mapped == base_key).then(|| key.to_owned())
        }))
    }

    fn base_prefix(&self, prefix: &str) -> Result<String> {
        match self.routes.as_slice() {
            [only] => Ok(format!("{}{prefix}", only.prefix)),
            _ => Ok(String::new()),
        }
    }

    fn ordered(&self) -> bool {
        self.routes
            .iter()
            .all(|route| self.routes.first().is_some_and(|f| f.prefix == route.prefix))
            && self.routes.len() == 1
    }

    fn others(&self, base_key: &str) -> bool {
        !self.routes.iter().any(|route| base_key.starts_with(&route.prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keymap::tests::check_listing;
    use storage_contract::env::Env;
    use storage_contract::memory::Memory;

    fn store(routes: serde_json::Value) -> Result<(Memory, SharedStore)> {
        let memory = Memory::default();
        let bases = vec![Rc::new(memory.clone()) as SharedStore];
        let config = serde_json::json!({ "routes": routes });
        let store = build(Args {
            name: "r".to_owned(),
            config,
            bases,
            names: Vec::new(),
            env: Env::local(),
        })?;
        Ok((memory, store))
    }

    #[test]
    fn the_first_route_that_matches_wins() {
        let routes = serde_json::json!([
            {"pattern": "\\.jpg$", "prefix": "images/"},
            {"pattern": "", "prefix": "other/"},
        ]);
        let (memory, store) = store(routes).unwrap();
        let keys = ["a.jpg", "b/c.jpg", "readme"].map(str::to_owned).into();
        check_listing(&*store, &memory, &keys, "", 2);
        use storage_contract::store::Store;
        assert_eq!(memory.exists("images/b/c.jpg"), Ok(true));
        assert_eq!(memory.exists("other/readme"), Ok(true));
    }

    #[test]
    fn a_key_without_a_route_is_refused() {
        let (_, store) = store(serde_json::json!([{"pattern": "^a", "prefix": "x/"}])).unwrap();
        let error = store.exists("b").unwrap_err();
        assert_eq!(error.to_string(), "invalid key: no route matches the key \"b\"");
    }

    #[test]
    fn prefixes_under_which_keys_could_meet_are_refused() {
        let routes =
            serde_json::json!([{"pattern": "x", "prefix": "a"}, {"pattern": "y", "prefix": "ab"}]);
        assert!(matches!(store(routes), Err(Error::InvalidConfig(_))));
    }
}
