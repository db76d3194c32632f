//! Users and their rights: `serve.credentials` and `serve.anonymous`.

use super::load::Loader;
use super::model::ServeConfig;
use super::yaml::{Data, Node, entry};
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use storage_s3::bucket_name;
use storage_s3::credentials::{Credentials, MIN_SECRET, Scope, User};
use storage_store::secret;

/// The schemas of `credentials` and `anonymous`. Each value's shape selects one
/// of the permitted forms, so that messages name the right place.
pub(super) fn schemas(credentials: Option<&Node>, anonymous: Option<&Node>) -> (Value, Value) {
    let user = User::schema();
    let users = match credentials.map(|node| &node.data) {
        Some(Data::List(_)) => json!({"type": "array", "minItems": 1, "items": user}),
        _ => user,
    };
    let anyone = match anonymous.map(|node| &node.data) {
        Some(Data::Map(_)) => json!({"type": "object", "additionalProperties": false,
            "required": ["rights"], "properties": Scope::properties()}),
        _ => json!({"type": ["boolean", "string"], "enum": [true, false, "read"]}),
    };
    (users, anyone)
}

impl Loader<'_> {
    /// Fills in `users` and `anonymous` from the checked `value` of `serve`.
    /// `buckets` are all possible bucket names, if known.
    pub(super) fn access(
        &mut self,
        serve: &mut ServeConfig,
        value: &Value,
        (credentials, anonymous): (Option<&Node>, Option<&Node>),
        buckets: Option<&[String]>,
    ) {
        let buckets =
            buckets.map(|names| names.iter().map(String::as_str).collect::<BTreeSet<_>>());
        let buckets = buckets.as_ref();
        let mut users = HashMap::new();
        let one = std::slice::from_ref(&value["credentials"]);
        let values = value["credentials"].as_array().map_or(one, Vec::as_slice);
        let nodes: Vec<&Node> = match credentials.map(|node| &node.data) {
            Some(Data::List(nodes)) => nodes.iter().collect(),
            _ => credentials.into_iter().collect(),
        };
        for (value, node) in values.iter().zip(nodes) {
            let Some(access_key) = value["access_key"].as_str().map(str::to_owned) else {
                continue;
            };
            let Some(secret_key) = self.secret_key(value, node) else { continue };
            let number = serve.users.len();
            let first = *users.entry(access_key.clone()).or_insert(number);
            if first != number {
                let text = format!("this access key is that of serve.credentials[{first}], too");
                self.report(entry(node, "access_key").unwrap_or(node).place, text);
            }
            self.buckets(node, buckets);
            let scope = Scope::from_checked(value);
            serve.users.push(User { credentials: Credentials { access_key, secret_key }, scope });
        }
        serve.anonymous = match &value["anonymous"] {
            Value::Bool(true) => Some(Scope::everything()),
            Value::String(_) => Some(Scope::reading()),
            scope @ Value::Object(_) => Some(Scope::from_checked(scope)),
            _ => None,
        };
        let Some(node) = anonymous else { return };
        self.buckets(node, buckets);
        if value["anonymous"] == true && !serve.users.is_empty() {
            let text = "serve.anonymous: true turns signing off, and serve.credentials asks for \
                        it: give one, or anonymous: read";
            self.report(node.place, text.to_owned());
        }
    }

    /// The secret key of a user, from the configuration or from a file.
    fn secret_key(&mut self, value: &Value, node: &Node) -> Option<String> {
        let at = |name: &str| entry(node, name).unwrap_or(node).place;
        match (value["secret_key"].as_str(), value["secret_key_file"].as_str()) {
            (Some(secret), None) => Some(secret.to_owned()),
            (None, Some(file)) => {
                let problem = match secret::read(&self.directory.join(file)) {
                    Ok(secret) if secret.chars().count() >= MIN_SECRET => return Some(secret),
                    Ok(_) => format!("{file}: a secret key has at least {MIN_SECRET} characters"),
                    Err(problem) => problem,
                };
                self.report(at("secret_key_file"), format!("secret_key_file: {problem}"));
                None
            }
            (Some(_), Some(_)) => {
                let text = "secret_key and secret_key_file exclude each other: give one";
                self.report(at("secret_key_file"), text.to_owned());
                None
            }
            (None, None) => {
                // A value that is not text was already reported.
                let given = |name| entry(node, name).is_some();
                if !given("secret_key") && !given("secret_key_file") {
                    let text = "serve.credentials: a user needs a secret_key or a secret_key_file";
                    self.report(node.place, text.to_owned());
                }
                None
            }
        }
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
