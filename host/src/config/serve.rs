//! The `serve:` section of the configuration.

use super::access::{entry, schemas};
use super::load::Loader;
use super::yaml::{Data, Node};
use super::{Limits, ServeConfig, TlsFiles};
use serde_json::Value;
use std::collections::HashSet;
use std::time::Duration;

const SCHEMA: &str = r#"{"type":"object","additionalProperties":false,"properties":{
    "listen":{"type":"string"},
    "expose":{},
    "cors":{"type":"array","items":{"type":"object","additionalProperties":false,
        "required":["origins","methods"],
        "properties":{"id":{"type":"string"},
                      "origins":{"type":"array","items":{"type":"string"}},
                      "methods":{"type":"array","items":{"type":"string"}},
                      "headers":{"type":"array","items":{"type":"string"}},
                      "expose":{"type":"array","items":{"type":"string"}},
                      "max_age":{"type":"integer","minimum":0}}}},
    "buckets":{"enum":["dynamic","fixed"]},
    "acls":{"type":"boolean"},
    "staging":{"type":"string"},
    "tls":{"type":"object","additionalProperties":false,"required":["cert","key"],
        "properties":{"cert":{"type":"string"},"key":{"type":"string"}}},
    "limits":{"type":"object","additionalProperties":false,"properties":{
        "object_size":{"type":"integer","format":"bytes","minimum":1},
        "requests":{"type":"integer","minimum":1,"maximum":65536},
        "connections":{"type":"integer","minimum":1,"maximum":65536},
        "idle":{"type":"integer","minimum":1,"maximum":3600}}}
}}"#;

impl ServeConfig {
    /// The changed options that a reload can't apply. It applies all others.
    pub(crate) fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
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
            if let Some(problem) = serve.cors.iter().find_map(crate::serve::Rule::problem) {
                self.report(node.place, format!("serve.cors: {problem}"));
            }
        }
        // Absolute, for messages.
        let file = |value: &Value| {
            let path = self.directory.join(value.as_str()?);
            Some(std::path::absolute(&path).unwrap_or(path))
        };
        serve.staging = file(&value["staging"]);
        if let (Some(cert), Some(key)) = (file(&value["tls"]["cert"]), file(&value["tls"]["key"])) {
            serve.tls = Some(TlsFiles { cert, key });
        }
        serve.limits = limits(&value["limits"]);
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
            if let Some(rule) = bucket_name_problem(&bucket) {
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

fn limits(value: &Value) -> Limits {
    let default = Limits::default();
    let number = |name: &str| value[name].as_u64();
    let count = |name: &str| number(name).and_then(|n| usize::try_from(n).ok());
    Limits {
        object_size: number("object_size"),
        requests: count("requests").unwrap_or(default.requests),
        connections: count("connections").unwrap_or(default.connections),
        idle: number("idle").map_or(default.idle, Duration::from_secs),
    }
}

/// The S3 rule for bucket names that `name` breaks, if any.
pub(crate) fn bucket_name_problem(name: &str) -> Option<&'static str> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(3..=63).contains(&name.len()) {
        Some("it must have 3 to 63 characters")
    } else if !name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
    {
        Some("it may hold lower-case letters, digits, \"-\" and \".\"")
    } else if name.contains("..") {
        Some("it must not hold two dots in a row")
    } else if name.contains(".-") || name.contains("-.") {
        Some("no \"-\" may stand beside a dot")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("it must not be an IP address")
    } else if name.starts_with("xn--") {
        Some("it must not begin with \"xn--\"")
    } else if !edge(name.chars().next()) || !edge(name.chars().last()) {
        Some("it must begin and end with a letter or digit")
    } else {
        None
    }
}
