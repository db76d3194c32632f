//! The `serve:` section of the configuration.

use super::access::schemas;
use super::load::Loader;
use super::model::{ServeConfig, Staging};
use super::yaml::{Data, Node, entry};
use serde_json::{Value, json};
use std::collections::HashSet;
use std::path::Path;
use storage_contract::options::{Options, Property};
use storage_s3::options::{Limits, LogOptions, TlsFiles};
use storage_s3::{CORS_SCHEMA, Rule, bucket_name};

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
    "listen":{"type":"string"},
    "expose":{},
    "buckets":{"enum":["dynamic","fixed"]},
    "acls":{"type":"boolean"},
    "signature_v2":{"type":"boolean"},
    "domain":{},
    "staging":{}
}}"#;

const STAGING: &str = r#"{"type":"object","additionalProperties":false,"required":["store"],
    "properties":{"store":{"type":"string"}}}"#;

impl ServeConfig {
    /// The changed options that a reload can't apply. It applies all others.
    pub fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
        let mut options = Vec::new();
        let mut fixed = |same: bool, option| {
            if !same {
                options.push(option)
            }
        };
        fixed(self.listen == started.listen, "listen");
        fixed(self.limits.connections == started.limits.connections, "limits.connections");
        options
    }
}

impl Loader<'_> {
    pub(super) fn serve(&mut self, node: &Node) -> ServeConfig {
        let mut schema: Value = serde_json::from_str(SCHEMA).unwrap_or_default();
        let at = |name: &str| entry(node, name);
        let access = (at("credentials"), at("anonymous"));
        let (credentials, anonymous) = schemas(access.0, access.1);
        let owned = |text| serde_json::from_str::<Value>(text).unwrap_or_default();
        schema["properties"]["cors"] = owned(CORS_SCHEMA);
        schema["properties"]["tls"] = owned(TlsFiles::JSON_SCHEMA);
        schema["properties"]["log"] = owned(LogOptions::JSON_SCHEMA);
        schema["properties"]["limits"] = owned(Limits::JSON_SCHEMA);
        schema["properties"]["credentials"] = credentials;
        schema["properties"]["anonymous"] = anonymous;
        let value = self.converter.value(node, &schema, "serve");
        let mut serve = ServeConfig::default();
        if let (Some(listen), Some(node)) = (value["listen"].as_str(), at("listen")) {
            serve.listen = listen.parse().ok();
            if serve.listen.is_none() {
                let text = "serve.listen must be an address and a port, such as 127.0.0.1:9000";
                self.report(node.place, text.to_owned());
            }
        }
        if let Some(node) = at("expose") {
            serve.expose = self.expose(node);
        }
        serve.dynamic = value["buckets"].as_str() == Some("dynamic");
        if let (true, Some(node)) = (serve.dynamic, at("expose")) {
            let text = "serve.expose names the buckets, and serve.buckets: dynamic lets clients \
                        make them: give one";
            self.report(node.place, text.to_owned());
        }
        serve.acls = value["acls"] == true;
        if let (true, Some(node)) = (serve.acls && !serve.dynamic, at("acls")) {
            let text =
                "serve.acls is for buckets that clients make: it needs serve.buckets: dynamic";
            self.report(node.place, text.to_owned());
        }
        if let (true, Some(node)) = (serve.acls && value["anonymous"] == true, at("acls")) {
            let text = "serve.acls bounds what users may do, and serve.anonymous: true lets \
                        everybody do everything: give one";
            self.report(node.place, text.to_owned());
        }
        if let Some(node) = at("cors") {
            serve.cors = serde_json::from_value(value["cors"].clone()).unwrap_or_default();
            if let Some(problem) = serve.cors.iter().find_map(Rule::problem) {
                self.report(node.place, format!("serve.cors: {problem}"));
            }
        }
        // Absolute, for messages.
        let absolute = |path: &Path| {
            let path = self.directory.join(path);
            std::path::absolute(&path).unwrap_or(path)
        };
        if let Ok(TlsFiles { cert, key }) = TlsFiles::read(&value["tls"]) {
            serve.tls = Some(TlsFiles { cert: absolute(&cert), key: absolute(&key) });
        }
        serve.log = at("log").and_then(|_| LogOptions::read(&value["log"]).ok());
        if let Some(file) = serve.log.as_mut().and_then(|log| log.file.as_mut()) {
            *file = absolute(file);
        }
        serve.staging = at("staging").and_then(|node| self.staging(node));
        if let Some(Staging::Directory(path)) = &mut serve.staging {
            *path = absolute(path);
        }
        serve.domains = at("domain").map(|node| self.domains(node)).unwrap_or_default();
        serve.no_v2 = value["signature_v2"] == false;
        // What does not fit was reported.
        serve.limits = Limits::read(&value["limits"]).unwrap_or_default();
        let buckets: Vec<String> = match serve.expose.as_slice() {
            [] => vec!["main".to_owned()],
            exposed => exposed.iter().map(|(bucket, _)| bucket.clone()).collect(),
        };
        // Buckets that clients create are unknown here.
        let known = (!serve.dynamic).then_some(buckets.as_slice());
        self.access(&mut serve, &value, access, known);
        serve
    }

    /// A directory, or a store by its name.
    fn staging(&mut self, node: &Node) -> Option<Staging> {
        if !matches!(node.data, Data::Map(_)) {
            let path = self.converter.value(node, &json!({"type": "string"}), "serve.staging");
            return path.as_str().map(|path| Staging::Directory(path.into()));
        }
        let schema = serde_json::from_str(STAGING).unwrap_or_default();
        let value = self.converter.value(node, &schema, "serve.staging");
        let name = value["store"].as_str()?;
        let found = self.named(name);
        if found.is_none() {
            let names = self.found.iter().map(|found| found.name.as_str());
            let hint = self.converter.problems.hint(name, names);
            let place = entry(node, "store").unwrap_or(node).place;
            self.report(place, format!("serve.staging: there is no store {name:?}{hint}"));
        }
        found.map(Staging::Store)
    }

    /// A domain, or several.
    fn domains(&mut self, node: &Node) -> Vec<String> {
        let nodes = match &node.data {
            Data::List(nodes) => nodes.iter().collect(),
            _ => vec![node],
        };
        let mut domains = Vec::new();
        for node in nodes {
            let value = self.converter.value(node, &json!({"type": "string"}), "serve.domain");
            let Some(domain) = value.as_str().map(str::to_ascii_lowercase) else { continue };
            let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            let is_name = !domain.is_empty() && domain.chars().all(letter);
            if !is_name || domain.starts_with('.') || domain.ends_with('.') {
                let text = "serve.domain is the name of a host, such as s3.example.org, without \
                            a port";
                self.report(node.place, text.to_owned());
            }
            domains.push(domain);
        }
        domains
    }

    fn expose(&mut self, node: &Node) -> Vec<(String, usize)> {
        let pairs: Vec<(&Node, &Node)> = match &node.data {
            Data::List(names) => names.iter().map(|name| (name, name)).collect(),
            Data::Map(entries) => entries.iter().map(|(bucket, store)| (bucket, store)).collect(),
            _ => {
                let text =
                    "serve.expose must be a list of stores, or a mapping of buckets to stores";
                self.report(node.place, text.to_owned());
                return Vec::new();
            }
        };
        let mut exposed: Vec<(String, usize)> = Vec::new();
        let mut buckets = HashSet::new();
        for (bucket_node, store_node) in pairs {
            let (Some(bucket), Some(store)) =
                (self.converter.text(bucket_node), self.converter.text(store_node))
            else {
                continue;
            };
            if let Some(rule) = bucket_name::problem(&bucket) {
                let cure = match std::ptr::eq(bucket_node, store_node) {
                    true => "; expose it under another name: {bucket: store}",
                    false => "",
                };
                self.report(
                    bucket_node.place,
                    format!("{bucket:?} is not a bucket name: {rule}{cure}"),
                );
            }
            if !buckets.insert(bucket.clone()) {
                self.report(bucket_node.place, format!("bucket {bucket:?} stands here twice"));
            }
            match self.named(&store) {
                Some(store) => exposed.push((bucket, store)),
                None => {
                    let names = self.found.iter().map(|f| f.name.as_str());
                    let hint = self.converter.problems.hint(&store, names);
                    self.report(
                        store_node.place,
                        format!("serve.expose: there is no store {store:?}{hint}"),
                    );
                }
            }
        }
        exposed
    }
}
