//! `PrincipalsStore` refuses writes and deletes by who asks: each rule names the
//! principals that may change what lies below a prefix.
//!
//! The rule with the longest prefix of a key decides. What no rule allows is refused, and
//! so is a request of which nobody knows who sent it.

use std::rc::Rc;
use storage_plugin::env::Context;
use storage_plugin::options::Options;
use storage_plugin::{
    Args, BaseShape, Decorator, DeleteOptions, Error, Keys, Kind, PutOptions, Result, SharedStore,
    Store, Writer, decorated, forward, options,
};

static PRINCIPALS: Kind = Kind {
    name: "PrincipalsStore",
    aliases: &[],
    base: BaseShape::One,
    keys: Keys::Same,
    config_schema: Config::JSON_SCHEMA,
    doc: "Lets only certain principals write and delete below certain prefixes",
    build,
};

storage_plugin::pack!(&[&PRINCIPALS]);

options! {
    struct Config {
        /// Who may write and delete where
        allow: Vec<Rule>,
    }
}

options! {
    struct Rule {
        /// What the keys begin with
        prefix: String,
        /// Access keys or users
        principals: Vec<String>,
    }
}

fn build(args: Args) -> Result<SharedStore> {
    let Config { allow } = args.config()?;
    decorated(Principals { base: args.base(), context: args.env.context.clone(), allow })
}

struct Principals {
    base: SharedStore,
    context: Rc<dyn Context>,
    allow: Vec<Rule>,
}

impl Principals {
    fn check(&self, key: &str) -> Result<()> {
        let Some(principal) = self.context.current().principal else {
            let text = format!("it is not known who wants to change {key:?}");
            return Err(Error::PermissionDenied(text));
        };
        let rules = self.allow.iter().filter(|rule| key.starts_with(&rule.prefix));
        let rule = rules.max_by_key(|rule| rule.prefix.len());
        match rule.is_some_and(|rule| rule.principals.contains(&principal)) {
            true => Ok(()),
            false => Err(Error::PermissionDenied(format!("{principal:?} may not change {key:?}"))),
        }
    }
}

impl Decorator for Principals {
    forward!(get, exists);

    fn base(&self) -> &dyn Store {
        &*self.base
    }

    fn delete(&self, key: &str, options: &DeleteOptions) -> Result<()> {
        self.check(key)?;
        self.base.delete(key, options)
    }

    fn write(&self, key: &str, options: &PutOptions) -> Result<Box<dyn Writer>> {
        self.check(key)?;
        self.base.write(key, options)
    }
}

#[cfg(test)]
mod tests;
