//! Users and their rights: `serve.credentials` and `serve.anonymous`.

use super::load::Loader;
use super::model::ServeOptions;
use super::yaml::{Data, Node, entry};
use std::collections::{BTreeSet, HashMap};
use storage_s3::bucket_name;
use storage_s3::credentials::{Anonymous, Credentials, MIN_SECRET, User, UserOptions};
use storage_store::secret;

impl Loader<'_> {
    /// Takes the users from the options of `serve`. `buckets` are all possible bucket names,
    /// if known.
    pub(super) fn access(
        &mut self,
        options: &mut ServeOptions,
        (credentials, anonymous): (Option<&Node>, Option<&Node>),
        buckets: Option<&[String]>,
    ) -> Vec<User> {
        let buckets =
            buckets.map(|names| names.iter().map(String::as_str).collect::<BTreeSet<_>>());
        let buckets = buckets.as_ref();
        let nodes = match credentials.map(|node| (node, &node.data)) {
            Some((_, Data::List(nodes))) => nodes.as_slice(),
            Some((node, _)) => std::slice::from_ref(node),
            None => &[],
        };
        let mut users = Vec::new();
        let mut numbers = HashMap::new();
        for (user, node) in std::mem::take(&mut options.credentials.0).into_iter().zip(nodes) {
            let Some(secret_key) = self.secret_key(&user, node) else { continue };
            let UserOptions { access_key, scope, .. } = user;
            let number = users.len();
            let first = *numbers.entry(access_key.clone()).or_insert(number);
            if first != number {
                let text = format!("this access key is that of serve.credentials[{first}], too");
                self.report(entry(node, "access_key").unwrap_or(node).place, text);
            }
            self.buckets(node, buckets);
            users.push(User { credentials: Credentials { access_key, secret_key }, scope });
        }
        if let Some(node) = anonymous {
            self.buckets(node, buckets);
            if options.anonymous == Anonymous::Everything && !users.is_empty() {
                let text = "serve.anonymous: true turns signing off, and serve.credentials asks \
                            for it: give one, or anonymous: read";
                self.report(node.place, text.to_owned());
            }
        }
        users
    }

    /// The secret key of a user, from the configuration or from a file.
    fn secret_key(&mut self, user: &UserOptions, node: &Node) -> Option<String> {
        let (property, secret) = match (&user.secret_key, &user.secret_key_file) {
            (Some(secret), None) => ("secret_key", Ok(secret.clone())),
            (None, Some(file)) => ("secret_key_file", secret::read(&self.directory.join(file))),
            (Some(_), Some(_)) => {
                ("secret_key_file", Err("and secret_key exclude each other: give one".to_owned()))
            }
            (None, None) => {
                let text = "serve.credentials: a user needs a secret_key or a secret_key_file";
                self.report(node.place, text.to_owned());
                return None;
            }
        };
        let problem = match secret {
            Ok(secret) if secret.chars().count() >= MIN_SECRET => return Some(secret),
            Ok(_) => format!("a secret key must have at least {MIN_SECRET} character(s)"),
            Err(problem) => problem,
        };
        let place = entry(node, property).unwrap_or(node).place;
        self.report(place, format!("serve.credentials: {property}: {problem}"));
        None
    }

    /// Reports names in a scope's `buckets` that no bucket can have.
    fn buckets(&mut self, scope: &Node, known: Option<&BTreeSet<&str>>) {
        let Some(Data::List(names)) = entry(scope, "buckets").map(|node| &node.data) else {
            return;
        };
        for node in names {
            let Some(name) = self.converter.text(node) else { continue };
            if let Some(rule) = bucket_name::problem(&name) {
                self.report(node.place, format!("{name:?} is not a bucket name: {rule}"));
            } else if let Some(known) = known.filter(|known| !known.contains(name.as_str())) {
                let hint = self.converter.problems.hint(&name, known.iter().copied());
                self.report(node.place, format!("there is no bucket {name:?}{hint}"));
            }
        }
    }
}
