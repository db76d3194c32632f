//! The `serve:` section of the configuration.

use super::access::schemas;
use super::load::Loader;
use super::model::ServeConfig;
use super::yaml::{Data, Node, entry};
use serde_json::Value;
use std::collections::HashSet;
use std::path::Path;
use storage_contract::options::{Options, Property};
use storage_s3::options::{Limits, TlsFiles};
use storage_s3::{CORS_SCHEMA, Rule, bucket_name};

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
    "listen":{"type":"string"},
    "expose":{},
    "buckets":{"enum":["dynamic","fixed"]},
    "acls":{"type":"boolean"},
    "staging":{"type":"string"}
}}"#;

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
        fixed(self.staging == started.staging, "staging");
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
        serve.staging = value["staging"].as_str().map(|path| absolute(Path::new(path)));
        if let Ok(TlsFiles { cert, key }) = TlsFiles::read(&value["tls"]) {
            serve.tls = Some(TlsFiles { cert: absolute(&cert), key: absolute(&key) });
        }
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
