//! The loader that turns a YAML tree into a checked [`Config`].

use super::model::{Config, Staging, StoreDef};
use super::plugins;
use super::position::Position;
use super::problem::{ConfigError, Problem, Problems, suggest};
use super::schema::Converter;
use super::sources::Sources;
use super::yaml::{self, Data, Node, entry};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashMap, HashSet};
use std::io::Read;
use std::path::Path;
use storage_sandbox::options::{PluginDef, Refusal};
use storage_sandbox::type_info::{BaseShape, TypeInfo};

/// The most paths from a store down to backends.
const MAX_WAYS: u64 = 64;

/// Stores on one another: a call goes through all of them.
const MAX_DEPTH: u64 = 100;

/// The section of the plug-ins, which is read first.
const PLUGINS: &str = "plugins";

/// The bases of a [`BaseShape::MainAndCache`].
const ROLES: [&str; 2] = ["main_store", "cache_store"];

const TOP: Position = Position { line: 1, column: 1 };

impl Config {
    /// Reads and checks a file with this process's environment.
    pub fn load(
        path: &Path,
        types: &[TypeInfo],
        plugins: &mut dyn FnMut(&PluginDef) -> Result<Vec<TypeInfo>, Refusal>,
    ) -> Result<Config, ConfigError> {
        let file = path.display().to_string();
        let fail = |message: String| ConfigError::new(&file, Problem { place: TOP, message });
        // A pipe is fine, an endless one is not.
        let mut bytes = Vec::new();
        std::fs::File::open(path)
            .and_then(|file| file.take(yaml::MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
            .map_err(|e| fail(format!("the file can't be read: {e}")))?;
        if bytes.len() > yaml::MAX_BYTES {
            return Err(fail(format!("a configuration has at most {} bytes", yaml::MAX_BYTES)));
        }
        let text = String::from_utf8(bytes).map_err(|e| {
            fail(format!("the file is not UTF-8, from byte {} on", e.utf8_error().valid_up_to()))
        })?;
        let sources = Sources {
            types,
            plugins,
            vars: &|name| std::env::var(name).ok(),
            directory: path.parent().unwrap_or(Path::new("")),
        };
        Self::read(&text, &file, sources)
    }

    /// Checks a text that uses no plug-ins; `file` is its name in messages.
    pub fn parse(
        text: &str,
        file: &str,
        types: &[TypeInfo],
        vars: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Config, ConfigError> {
        let mut none =
            |_: &PluginDef| Err(Refusal::Component("no plug-ins can be loaded here".to_owned()));
        let directory = Path::new("");
        Self::read(text, file, Sources { types, plugins: &mut none, vars, directory })
    }

    /// Checks a text; `file` is its name in messages.
    pub fn read(text: &str, file: &str, mut sources: Sources<'_>) -> Result<Config, ConfigError> {
        let root = yaml::parse(text).map_err(|problem| ConfigError::new(file, problem))?;
        let mut converter =
            Converter { vars: sources.vars, only: None, problems: Problems::default() };
        let directory = sources.directory;
        let mut types = sources.types.to_vec();
        let section = root.as_ref().and_then(|root| entry(root, PLUGINS));
        let (mut defs, mut declared) = (Vec::new(), BTreeSet::new());
        if let Some(Data::Map(entries)) = section.map(|node| &node.data) {
            declared.extend(entries.iter().filter_map(|(key, _)| key.text()).map(str::to_owned));
        }
        if let Some(section) = section.filter(|node| !node.is_null()) {
            let (own, brought) = plugins::read(&mut converter, section, &mut sources);
            defs = own;
            types.extend(brought);
        }
        let mut loader = Loader::new(&types, defs, declared, directory, converter);
        let config = loader.config(file, root.as_ref());
        match config {
            Some(config) if loader.converter.problems.is_empty() => Ok(config),
            _ => Err(ConfigError::new(file, loader.converter.problems)),
        }
    }
}

pub(super) struct Loader<'a> {
    types: &'a [TypeInfo],
    /// The types by name and alias.
    kinds: HashMap<&'a str, &'a TypeInfo>,
    /// The plug-ins that provide a type.
    bringing: HashSet<&'a str>,
    plugins: Vec<PluginDef>,
    /// The index of each name in `plugins`.
    plugin_index: HashMap<String, usize>,
    /// The names of all plug-ins in the file, including unusable ones.
    declared: BTreeSet<String>,
    pub(super) directory: &'a Path,
    pub(super) converter: Converter<'a>,
    pub(super) found: Vec<Found<'a>>,
    /// The index of each name in `found`.
    index: HashMap<String, usize>,
}

/// A store as the file describes it.
pub(super) struct Found<'a> {
    pub(super) name: String,
    place: Position,
    info: Option<&'a TypeInfo>,
    bases: Vec<(String, Position)>,
    /// How many bases, at the end of the list, come from the config.
    named: usize,
    config: Map<String, Value>,
}

impl<'a> Loader<'a> {
    fn new(
        types: &'a [TypeInfo],
        plugins: Vec<PluginDef>,
        declared: BTreeSet<String>,
        directory: &'a Path,
        converter: Converter<'a>,
    ) -> Self {
        let mut kinds = HashMap::new();
        for info in types {
            for name in std::iter::once(&info.name).chain(&info.aliases) {
                kinds.entry(name.as_str()).or_insert(info);
            }
        }
        let bringing = types.iter().filter_map(|info| info.plugin.as_deref()).collect();
        let plugin_index =
            plugins.iter().zip(0..).map(|(def, at)| (def.name.clone(), at)).collect();
        let (found, index) = (Vec::new(), HashMap::new());
        Self {
            types,
            kinds,
            bringing,
            plugins,
            plugin_index,
            declared,
            directory,
            converter,
            found,
            index,
        }
    }

    pub(super) fn report(&mut self, place: Position, message: String) {
        self.converter.problems.push(Problem { place, message });
    }

    /// The values of `names` in a mapping, without those that are null. Reports every other
    /// entry by what `unknown` makes of its name and a hint.
    fn entries<'n, const N: usize>(
        &mut self,
        entries: &'n [(Node, Node)],
        names: [&str; N],
        unknown: impl Fn(&str, &str) -> String,
    ) -> [Option<&'n Node>; N] {
        let mut found = [None; N];
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            match names.iter().zip(&mut found).find(|(known, _)| **known == name) {
                Some((_, found)) => *found = Some(value).filter(|value| !value.is_null()),
                None => {
                    let hint = suggest(name, names.into_iter());
                    self.report(key.place, unknown(name, &hint));
                }
            }
        }
        found
    }

    fn config(&mut self, file: &str, root: Option<&Node>) -> Option<Config> {
        let Some(Node { data: Data::Map(entries), .. }) = root else {
            let what = root.map_or("nothing", Node::what);
            let place = root.map_or(TOP, |root| root.place);
            self.report(
                place,
                format!("a configuration is a mapping with \"stores\" and \"main\", not {what}"),
            );
            return None;
        };
        let [stores, main, serve, _] =
            self.entries(entries, ["stores", "main", "serve", PLUGINS], |name, hint| {
                format!("there is no section {name:?}{hint}")
            });
        match stores.map(|node| (node.place, &node.data)) {
            Some((_, Data::Map(stores))) if !stores.is_empty() => {
                for (key, value) in stores {
                    let found = self.store(key, value);
                    self.index.insert(found.name.clone(), self.found.len());
                    self.found.push(found);
                }
            }
            Some((place, _)) => {
                self.report(
                    place,
                    "\"stores\" must be a mapping of names to stores, with at least one".to_owned(),
                );
                return None;
            }
            None => {
                self.report(TOP, "\"stores\" is missing: a mapping of names to stores".to_owned());
                return None;
            }
        }
        let links = self.links();
        let main = self.main(main);
        let serve = serve.map(|node| self.serve(node)).unwrap_or_default();
        let order = self.order(&links)?;
        self.check_ways(&links, &order);
        if !self.converter.problems.is_empty() {
            return None;
        }
        let position: HashMap<usize, usize> = order.iter().copied().zip(0..).collect();
        let stores = order
            .iter()
            .map(|&index| {
                let found = &self.found[index];
                StoreDef {
                    name: found.name.clone(),
                    kind: found.info.map(|info| info.name.clone()).unwrap_or_default(),
                    plugin: found.info.and_then(|info| info.plugin.clone()),
                    named: found.named,
                    bases: links[index].iter().map(|base| position[base]).collect(),
                    config: found.config.clone(),
                    place: found.place,
                }
            })
            .collect();
        let mut serve = serve;
        for (_, store) in &mut serve.expose {
            *store = position[store];
        }
        if let Some(Staging::Store(store)) = &mut serve.staging {
            *store = position[store];
        }
        let plugins = std::mem::take(&mut self.plugins);
        Some(Config { file: file.to_owned(), stores, main: position[&main?], plugins, serve })
    }

    fn store(&mut self, key: &Node, value: &Node) -> Found<'a> {
        let name = key.text().unwrap_or_default().to_owned();
        let (bases, config) = (Vec::new(), Map::new());
        let mut found = Found { name, place: key.place, info: None, bases, named: 0, config };
        let name = found.name.clone();
        if name.is_empty() {
            self.report(key.place, "a store needs a name".to_owned());
        }
        let Data::Map(entries) = &value.data else {
            let what = value.what();
            self.report(
                value.place,
                format!("store {name:?} must be a mapping with a \"type\", not {what}"),
            );
            return found;
        };
        let [kind, base, config] =
            self.entries(entries, ["type", "base", "config"], |part, hint| {
                format!("store {name:?}: there is no {part:?}{hint}")
            });
        match kind {
            Some(node) => found.info = self.kind(&name, node),
            None => self.report(key.place, format!("store {name:?} has no \"type\"")),
        }
        if let Some(info) = found.info {
            found.bases = self.bases(&name, key.place, info, base);
            found.config = self.store_config(&name, key.place, info, config);
            let named = self.named_in_config(&name, info, &found, config);
            found.named = named.len();
            found.bases.extend(named);
        }
        found
    }

    fn kind(&mut self, store: &str, node: &Node) -> Option<&'a TypeInfo> {
        let kind = self.converter.text(node)?;
        let found = self.kinds.get(kind.as_str()).copied();
        if found.is_none() {
            let names = self.types.iter().flat_map(|t| std::iter::once(&t.name).chain(&t.aliases));
            let hint = self.converter.problems.hint(&kind, names.map(String::as_str));
            let text = match kind.split_once('/') {
                // The plug-in's problem has already been reported.
                Some((plugin, _)) if self.failed(plugin) => return None,
                Some((plugin, _)) if !self.declared.contains(plugin) => {
                    let declared = self.declared.iter().map(String::as_str);
                    let hint = self.converter.problems.hint(plugin, declared);
                    let text = format!(
                        "store {store:?}: there is no plug-in {plugin:?} in \"plugins\"{hint}"
                    );
                    self.report(node.place, text);
                    return None;
                }
                _ => format!("store {store:?}: there is no store type {kind:?}{hint}"),
            };
            let list = if hint.is_empty() { "; `storage-host kinds` lists them" } else { "" };
            self.report(node.place, format!("{text}{list}"));
        }
        found
    }

    /// Whether a declared plug-in provides no type.
    fn failed(&self, plugin: &str) -> bool {
        !self.bringing.contains(plugin) && self.declared.contains(plugin)
    }

    fn bases(
        &mut self,
        store: &str,
        place: Position,
        info: &TypeInfo,
        node: Option<&Node>,
    ) -> Vec<(String, Position)> {
        let kind = &info.name;
        let (Some(shape), Some(node)) = (info.base, node) else {
            match (info.base, node) {
                (None, Some(node)) => {
                    self.report(
                        node.place,
                        format!("store {store:?}: {kind} keeps objects itself and takes no base"),
                    );
                }
                (Some(shape), None) => {
                    self.report(
                        place,
                        format!("store {store:?}: {kind} needs a base: {}", wanted(shape)),
                    );
                }
                _ => {}
            }
            return Vec::new();
        };
        let named = match (&node.data, shape) {
            (Data::Plain(_) | Data::Text(_), BaseShape::One) => vec![node],
            (Data::List(items), BaseShape::Many) if !items.is_empty() => items.iter().collect(),
            (Data::Map(entries), BaseShape::MainAndCache) => {
                return self.main_and_cache(store, node, entries);
            }
            (Data::List(_), BaseShape::Many) => {
                let text = format!(
                    "store {store:?}: {kind} needs at least one base, and the list is empty"
                );
                self.report(node.place, text);
                return Vec::new();
            }
            (_, shape) => {
                let what = node.what();
                self.report(
                    node.place,
                    format!("store {store:?}: the base of {kind} is {}, not {what}", wanted(shape)),
                );
                return Vec::new();
            }
        };
        named.into_iter().filter_map(|node| self.base(store, node)).collect()
    }

    fn main_and_cache(
        &mut self,
        store: &str,
        node: &Node,
        entries: &[(Node, Node)],
    ) -> Vec<(String, Position)> {
        let found = self.entries(entries, ROLES, |role, hint| {
            format!("store {store:?}: there is no base {role:?}{hint}")
        });
        let mut bases = Vec::new();
        for (role, value) in ROLES.into_iter().zip(found) {
            match value {
                Some(value) => bases.extend(self.base(store, value)),
                None => {
                    self.report(node.place, format!("store {store:?}: its base has no {role:?}"))
                }
            }
        }
        bases
    }

    fn base(&mut self, store: &str, node: &Node) -> Option<(String, Position)> {
        if node.text().is_none() {
            let what = node.what();
            self.report(
                node.place,
                format!("store {store:?}: a base is the name of a store, not {what}"),
            );
        }
        Some((self.converter.text(node)?, node.place))
    }

    fn store_config(
        &mut self,
        store: &str,
        place: Position,
        info: &TypeInfo,
        node: Option<&Node>,
    ) -> Map<String, Value> {
        let before = self.converter.problems.len();
        let empty = Node { place, data: Data::Map(Vec::new()) };
        let plugin = info.plugin.as_ref().and_then(|name| self.plugin_index.get(name));
        let plugin = plugin.and_then(|at| self.plugins.get(*at));
        self.converter.only = plugin.map(|def| (def.name.clone(), def.options.config_env.clone()));
        let value = self.converter.value(node.unwrap_or(&empty), &info.schema, "");
        self.converter.only = None;
        for problem in self.converter.problems.since(before) {
            problem.message = format!("store {store:?} ({}): {}", info.name, problem.message);
        }
        match value {
            Value::Object(config) => config,
            _ => Map::new(),
        }
    }

    /// The stores that the config names: further bases, after those of `base`.
    fn named_in_config(
        &mut self,
        store: &str,
        info: &TypeInfo,
        found: &Found<'_>,
        node: Option<&Node>,
    ) -> Vec<(String, Position)> {
        let mut named = Vec::new();
        for property in store_properties(info) {
            let Some(Value::String(name)) = found.config.get(property) else { continue };
            let entry = node.and_then(|node| entry(node, property));
            let place = entry.map_or(found.place, |value| value.place);
            if found.bases.iter().any(|(base, _)| base == name) {
                let text = format!(
                    "store {store:?}: {property} must be another store than the bases, not {name:?}"
                );
                self.report(place, text);
                continue;
            }
            named.push((name.clone(), place));
        }
        named
    }

    /// For each store, its bases as indices into `found`.
    fn links(&mut self) -> Vec<Vec<usize>> {
        let mut links = Vec::new();
        for found in &self.found {
            let mut own = Vec::new();
            for (base, place) in &found.bases {
                match self.index.get(base) {
                    Some(&base) => own.push(base),
                    None => {
                        let problems = &mut self.converter.problems;
                        let hint = problems.hint(base, self.found.iter().map(|f| f.name.as_str()));
                        let message =
                            format!("store {:?}: there is no store {base:?}{hint}", found.name);
                        problems.push(Problem { place: *place, message });
                    }
                }
            }
            links.push(own);
        }
        links
    }

    /// The stores in dependency order, bases first; `None` if there is a cycle.
    fn order(&mut self, links: &[Vec<usize>]) -> Option<Vec<usize>> {
        #[derive(Clone, Copy, PartialEq)]
        enum State {
            New,
            Open,
            Done,
        }
        let mut state = vec![State::New; links.len()];
        let mut order = Vec::new();
        for start in 0..links.len() {
            if state[start] != State::New {
                continue;
            }
            state[start] = State::Open;
            // The path from `start`: each store with the number of bases
            // visited.
            let mut path = vec![(start, 0)];
            while let Some((store, next)) = path.last_mut() {
                let Some(&base) = links[*store].get(*next) else {
                    state[*store] = State::Done;
                    order.push(*store);
                    path.pop();
                    continue;
                };
                *next += 1;
                match state[base] {
                    State::Done => {}
                    State::New => {
                        state[base] = State::Open;
                        path.push((base, 0));
                    }
                    State::Open => {
                        let from = path.iter().position(|(s, _)| *s == base).unwrap_or(0);
                        let cycle = path.iter().skip(from).map(|(s, _)| *s).chain([base]);
                        let names: Vec<_> = cycle.map(|s| self.found[s].name.as_str()).collect();
                        let message =
                            format!("these stores stand on each other: {}", names.join(" → "));
                        self.report(self.found[base].place, message);
                        return None;
                    }
                }
            }
        }
        Some(order)
    }

    /// Limits the paths from a store down to backends, since each operation may
    /// follow all of them. A few stores with two bases each can create
    /// thousands.
    fn check_ways(&mut self, links: &[Vec<usize>], order: &[usize]) {
        let mut ways = vec![1_u64; links.len()];
        let mut depth = vec![1_u64; links.len()];
        for &store in order {
            if links[store].is_empty() {
                continue;
            }
            depth[store] = 1 + links[store].iter().map(|base| depth[*base]).max().unwrap_or(0);
            if depth[store] > MAX_DEPTH {
                let Found { name, place, .. } = &self.found[store];
                let message = format!(
                    "store {name:?}: more than {MAX_DEPTH} stores stand on one another here"
                );
                self.converter.problems.push(Problem { place: *place, message });
                return;
            }
            let all = links[store].iter().map(|base| ways[*base]).sum();
            ways[store] = all;
            if all > MAX_WAYS {
                let Found { name, place, .. } = &self.found[store];
                let message = format!(
                    "store {name:?}: {all} ways lead from it down to stores that keep objects, and \
                     at most {MAX_WAYS} may; let fewer stores below it stand on the same ones"
                );
                self.converter.problems.push(Problem { place: *place, message });
                // Stores above this one have even more.
                return;
            }
        }
    }

    fn main(&mut self, node: Option<&Node>) -> Option<usize> {
        match node {
            Some(node) => {
                let name = self.converter.text(node)?;
                let found = self.named(&name);
                if found.is_none() {
                    let hint = suggest(&name, self.found.iter().map(|f| f.name.as_str()));
                    self.report(node.place, format!("main: there is no store {name:?}{hint}"));
                }
                found
            }
            None if self.found.len() == 1 => Some(0),
            None => {
                self.report(TOP, "\"main\" is missing: the name of the default store".to_owned());
                None
            }
        }
    }

    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.index.get(name).copied()
    }
}

/// The config properties of a type whose values are store names.
fn store_properties(info: &TypeInfo) -> impl Iterator<Item = &str> {
    let properties = info.schema.get("properties").and_then(Value::as_object);
    let is_store = |schema: &Value| schema.get("format").and_then(Value::as_str) == Some("store");
    let named = properties.into_iter().flatten().filter(move |(_, schema)| is_store(schema));
    named.map(|(name, _)| name.as_str())
}

fn wanted(shape: BaseShape) -> &'static str {
    match shape {
        BaseShape::One => "the name of a store",
        BaseShape::Many => "a list of names of stores",
        BaseShape::MainAndCache => "a mapping with \"main_store\" and \"cache_store\"",
    }
}
