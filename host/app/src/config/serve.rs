//! The `serve:` section of the configuration.

use super::load::Loader;
use super::model::{Buckets, ServeConfig, ServeOptions, Staging, StagingOptions, StagingStore};
use super::yaml::{Data, Node, entry};
use std::collections::HashSet;
use std::path::Path;
use storage_s3::credentials::Anonymous;
use storage_s3::options::TlsFiles;
use storage_s3::{Rule, bucket_name};

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
        fixed(
            self.options.limits.connections == started.options.limits.connections,
            "limits.connections",
        );
        options
    }
}

impl Loader<'_> {
    pub(super) fn serve(&mut self, node: &Node) -> ServeConfig {
        let at = |name: &str| entry(node, name);
        let Some(mut options) = self.converter.options::<ServeOptions>(node, "serve") else {
            return ServeConfig::default();
        };
        let listen = options.listen.as_ref().and_then(|listen| listen.parse().ok());
        if let (Some(_), None, Some(node)) = (&options.listen, listen, at("listen")) {
            let text = "serve.listen must be an address and a port, such as 127.0.0.1:9000";
            self.report(node.place, text.to_owned());
        }
        let expose = at("expose").filter(|_| options.expose.is_some());
        let expose = expose.map(|node| self.expose(node)).unwrap_or_default();
        let dynamic = options.buckets == Buckets::Dynamic;
        if let (true, Some(node)) = (dynamic, at("expose")) {
            let text = "serve.expose names the buckets, and serve.buckets: dynamic lets clients \
                        make them: give one";
            self.report(node.place, text.to_owned());
        }
        if let (true, Some(node)) = (options.acls && !dynamic, at("acls")) {
            let text =
                "serve.acls is for buckets that clients make: it needs serve.buckets: dynamic";
            self.report(node.place, text.to_owned());
        }
        let anybody = options.anonymous == Anonymous::Everything;
        if let (true, Some(node)) = (options.acls && anybody, at("acls")) {
            let text = "serve.acls bounds what users may do, and serve.anonymous: true lets \
                        everybody do everything: give one";
            self.report(node.place, text.to_owned());
        }
        if let Some((problem, node)) = options.cors.iter().find_map(Rule::problem).zip(at("cors")) {
            self.report(node.place, format!("serve.cors: {problem}"));
        }
        // Absolute, for messages.
        let directory = self.directory;
        let absolute = |path: &Path| {
            let path = directory.join(path);
            std::path::absolute(&path).unwrap_or(path)
        };
        if let Some(TlsFiles { cert, key }) = &mut options.tls {
            (*cert, *key) = (absolute(cert), absolute(key));
        }
        if let Some(file) = options.log.as_mut().and_then(|log| log.file.as_mut()) {
            *file = absolute(file);
        }
        let staging = match (&options.staging, at("staging")) {
            (Some(StagingOptions::Directory(path)), _) => Some(Staging::Directory(absolute(path))),
            (Some(StagingOptions::Store(StagingStore { store })), Some(node)) => {
                self.staging(store, node)
            }
            _ => None,
        };
        if let Some(node) = at("domain") {
            self.domains(&mut options.domain.0, node);
        }
        let buckets: Vec<String> = match expose.as_slice() {
            [] => vec!["main".to_owned()],
            exposed => exposed.iter().map(|(bucket, _)| bucket.clone()).collect(),
        };
        // Buckets that clients create are unknown here.
        let known = (!dynamic).then_some(buckets.as_slice());
        let users = self.access(&mut options, (at("credentials"), at("anonymous")), known);
        ServeConfig { listen, expose, users, staging, options }
    }

    fn staging(&mut self, name: &str, node: &Node) -> Option<Staging> {
        let found = self.named(name);
        if found.is_none() {
            let names = self.found.iter().map(|found| found.name.as_str());
            let hint = self.converter.problems.hint(name, names);
            let place = entry(node, "store").unwrap_or(node).place;
            self.report(place, format!("serve.staging: there is no store {name:?}{hint}"));
        }
        found.map(Staging::Store)
    }

    fn domains(&mut self, domains: &mut [String], node: &Node) {
        let nodes = match &node.data {
            Data::List(nodes) => nodes.as_slice(),
            _ => std::slice::from_ref(node),
        };
        for (domain, node) in domains.iter_mut().zip(nodes) {
            domain.make_ascii_lowercase();
            let letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            let is_name = !domain.is_empty() && domain.chars().all(letter);
            if !is_name || domain.starts_with('.') || domain.ends_with('.') {
                let text = "serve.domain is the name of a host, such as s3.example.org, without \
                            a port";
                self.report(node.place, text.to_owned());
            }
        }
    }

    fn expose(&mut self, node: &Node) -> Vec<(String, usize)> {
        let pairs: Vec<(&Node, &Node)> = match &node.data {
            Data::List(names) => names.iter().map(|name| (name, name)).collect(),
            Data::Map(entries) => entries.iter().map(|(bucket, store)| (bucket, store)).collect(),
            // Reported already.
            _ => return Vec::new(),
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
