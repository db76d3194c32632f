//! Checks a config against its JSON Schema and converts it to JSON.
//!
//! All schemas are our own, so only these keywords are supported: `type` (also
//! a list of types), `properties`, `required`, `additionalProperties`, `items`,
//! `enum`, `const`, `minimum`, `exclusiveMinimum`, `maximum`, `minLength`, `minItems`,
//! `minProperties`, `maxProperties` and `oneOf`/`anyOf`. An integer of `format:
//! bytes` and a number of `format: duration` may have a unit, and a property an earlier
//! name, its `alias`.

use super::env::expand;
use super::problem::{Problem, Problems, suggest};
use super::yaml::{Data, Node, scalar};
use serde_json::{Map, Value};
use storage_contract::options::Options;
use storage_store::units;

/// Converts YAML to JSON, expanding environment variables.
pub struct Converter<'a> {
    pub vars: &'a dyn Fn(&str) -> Option<String>,
    /// The plug-in whose config this is, and the only variables it may use;
    /// `None` permits all.
    pub only: Option<(String, Vec<String>)>,
    pub problems: Problems,
}

impl Converter<'_> {
    fn report(&mut self, node: &Node, message: String) {
        self.problems.push(Problem { place: node.place, message });
    }

    /// The expanded text of a scalar.
    pub fn text(&mut self, node: &Node) -> Option<String> {
        let text = node.text()?;
        let vars = |name: &str| match &self.only {
            Some((plugin, names)) if !names.iter().any(|allowed| allowed == name) => Err(format!(
                "the environment variable {name} is not for plug-in {plugin:?}; to hand it over, \
                 name it in plugins.{plugin}.config_env"
            )),
            _ => Ok((self.vars)(name)),
        };
        match expand(text, &vars) {
            Ok(text) => Some(text),
            Err(message) => {
                self.report(node, message);
                None
            }
        }
    }

    /// Reads `node`, named `path`, into options, with defaults for what it reports; `None` if
    /// that is not possible.
    pub fn options<T: Options>(&mut self, node: &Node, path: &str) -> Option<T> {
        let before = self.problems.len();
        let schema = serde_json::from_str(T::JSON_SCHEMA).unwrap_or_default();
        let value = self.value(node, &schema, path);
        let read = T::read(&value);
        if let Err(problem) = &read
            && self.problems.len() == before
        {
            let dot = if path.is_empty() { "" } else { "." };
            self.report(node, format!("{path}{dot}{problem}"));
        }
        read.ok()
    }

    /// Converts `node` as `schema` requires, without what it reports. Names the value `path`.
    pub fn value(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        if let Data::List(items) = &node.data {
            let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
            if (items.len() as u64) < least {
                self.report(node, format!("{path} needs at least {least} item(s)"));
            }
        }
        let branches =
            schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array);
        if let Some(branches) = branches {
            return self.first_fitting(node, branches, path);
        }
        match &node.data {
            Data::Map(entries) => {
                self.expect(node, schema, "object", path);
                self.map(node, entries, schema, path)
            }
            Data::List(items) => {
                self.expect(node, schema, "array", path);
                let each = schema.get("items").unwrap_or(&Value::Null);
                let item = |(i, item)| self.value(item, each, &format!("{path}[{i}]"));
                Value::Array(items.iter().enumerate().map(item).collect())
            }
            Data::Plain(_) | Data::Text(_) => self.scalar(node, schema, path),
        }
    }

    fn first_fitting(&mut self, node: &Node, all: &[Value], path: &str) -> Value {
        let has_shape = |branch: &&Value| {
            let types = types(branch);
            types.is_empty() || types.iter().any(|kind| is_shape(node, kind))
        };
        let branches: Vec<&Value> = all.iter().filter(has_shape).collect();
        match branches.as_slice() {
            [] => {
                let wanted: Vec<&str> = all.iter().flat_map(types).collect();
                self.expect_any(node, &wanted, path);
                return Value::Null;
            }
            [only] => return self.value(node, only, path),
            _ => {}
        }
        let mut best: Option<Problems> = None;
        for branch in branches {
            let mut trial = Converter {
                vars: self.vars,
                only: self.only.clone(),
                problems: Problems::default(),
            };
            let value = trial.value(node, branch, path);
            if trial.problems.is_empty() {
                return value;
            }
            // The branch that got furthest into the value explains best what is
            // wrong.
            let depth = |problems: &Problems| problems.told().iter().map(|p| p.place).max();
            if best.as_ref().is_none_or(|b| depth(&trial.problems) > depth(b)) {
                best = Some(trial.problems);
            }
        }
        self.problems.extend(best.unwrap_or_default());
        Value::Null
    }

    fn map(&mut self, node: &Node, entries: &[(Node, Node)], schema: &Value, path: &str) -> Value {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let others = schema.get("additionalProperties");
        let given = |name: &str| entries.iter().any(|(key, _)| key.text() == Some(name));
        let mut out = Map::new();
        for (key, value) in entries {
            let name = key.text().unwrap_or_default();
            let inner = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
            let own = properties.get_key_value(name).or_else(|| {
                let is_alias = |(_, schema): &(&String, &Value)| {
                    schema.get("alias").and_then(Value::as_str) == Some(name)
                };
                properties.iter().find(is_alias)
            });
            let (name, schema) = match (own, others) {
                (Some((today, _)), _) if today != name && given(today) => {
                    let text = format!("{inner} is the earlier name of {today}: give one of them");
                    self.report(value, text);
                    continue;
                }
                (Some((today, schema)), _) => (today.as_str(), schema),
                (None, Some(Value::Bool(false))) => {
                    let hint = suggest(name, properties.keys().map(String::as_str));
                    let known = match properties.is_empty() {
                        true => "nothing can be set here".to_owned(),
                        false => format!("there is no {inner:?} here{hint}"),
                    };
                    self.report(key, known);
                    continue;
                }
                (None, schema) => (name, schema.unwrap_or(&Value::Null)),
            };
            let before = self.problems.len();
            let value = self.value(value, schema, &inner);
            if self.problems.len() == before {
                out.insert(name.to_owned(), value);
            }
        }
        let required = schema.get("required").and_then(Value::as_array);
        for name in required.into_iter().flatten().filter_map(Value::as_str) {
            if !given(name) {
                let at = if path.is_empty() { String::new() } else { format!(" in {path}") };
                self.report(node, format!("{name:?} is missing{at}"));
            }
        }
        let count = entries.len() as u64;
        let bound = |name: &str| schema.get(name).and_then(Value::as_u64);
        if bound("minProperties").is_some_and(|least| count < least)
            || bound("maxProperties").is_some_and(|most| count > most)
        {
            self.report(
                node,
                format!("{path} has {count} entries, which is not the number it takes"),
            );
        }
        Value::Object(out)
    }

    fn scalar(&mut self, node: &Node, schema: &Value, path: &str) -> Value {
        let Some(text) = self.text(node) else { return Value::Null };
        let expanded = node.text() != Some(&text);
        let wanted = types(schema);
        let plain = match &node.data {
            Data::Plain(_) if !expanded => scalar(&text),
            _ => Value::String(text.clone()),
        };
        let mut value = plain;
        let fits = |value: &Value| wanted.is_empty() || wanted.iter().any(|t| is(value, t));
        if !fits(&value) && expanded {
            // Environment variables are text: convert it to the required number
            // or boolean.
            value = scalar(&text);
        }
        if let Value::String(text) = &value {
            let read = match format(schema) {
                Some("bytes") if wanted.contains(&"integer") => units::size(text).map(Value::from),
                Some("duration") if wanted.contains(&"number") => {
                    units::duration(&value).map(|time| time.as_secs_f64().into())
                }
                _ => Ok(value.clone()),
            };
            match read {
                Ok(read) => value = read,
                Err(problem) => {
                    self.report(node, format!("{path}: {problem}"));
                    return value;
                }
            }
        }
        if !fits(&value) && wanted == ["string"] && matches!(value, Value::Number(_)) {
            // A number where text is required: keep its spelling.
            value = Value::String(text);
        }
        if !fits(&value) {
            self.expect_any(node, &wanted, path);
            return value;
        }
        self.limits(node, &value, schema, path);
        value
    }

    fn limits(&mut self, node: &Node, value: &Value, schema: &Value, path: &str) {
        let choices = schema.get("enum").and_then(Value::as_array);
        if let Some(choices) = choices
            && !choices.contains(value)
        {
            let hint = suggest(
                value.as_str().unwrap_or_default(),
                choices.iter().filter_map(Value::as_str),
            );
            self.report(node, format!("{path} can't be this{hint}"));
        }
        if schema.get("const").is_some_and(|only| only != value) {
            self.report(node, format!("{path} can only be {}", schema["const"]));
        }
        let number = value.as_f64();
        let bound = |name: &str| schema.get(name).and_then(Value::as_f64);
        let is_below = |name| number.zip(bound(name)).is_some_and(|(number, least)| number < least);
        let is_above = |name| number.zip(bound(name)).is_some_and(|(number, most)| number > most);
        let shown = |name: &str| shown(schema, name);
        if is_below("minimum") || is_above("maximum") {
            let range = match (bound("minimum"), bound("maximum")) {
                (Some(_), Some(_)) => {
                    format!("lie between {} and {}", shown("minimum"), shown("maximum"))
                }
                (Some(_), None) => format!("be at least {}", shown("minimum")),
                _ => format!("be at most {}", shown("maximum")),
            };
            self.report(node, format!("{path} must {range}"));
        }
        if number.is_some() && number <= bound("exclusiveMinimum") {
            self.report(node, format!("{path} must be more than {}", shown("exclusiveMinimum")));
        }
        if let (Some(text), Some(least)) = (value.as_str(), bound("minLength"))
            && (text.chars().count() as f64) < least
        {
            self.report(node, format!("{path} must have at least {least} character(s)"));
        }
    }

    fn expect(&mut self, node: &Node, schema: &Value, is: &str, path: &str) {
        let wanted = types(schema);
        if !wanted.is_empty() && !wanted.contains(&is) {
            self.expect_any(node, &wanted, path);
        }
    }

    fn expect_any(&mut self, node: &Node, wanted: &[&str], path: &str) {
        let wanted: Vec<&str> = wanted.iter().map(|t| named(t)).collect();
        let what = node.what();
        let path = if path.is_empty() { "this" } else { path };
        self.report(node, format!("{path} must be {}, not {what}", wanted.join(" or ")));
    }
}

fn format(schema: &Value) -> Option<&str> {
    schema.get("format").and_then(Value::as_str)
}

/// A bound with the unit of its format.
fn shown(schema: &Value, name: &str) -> String {
    let bound = schema.get(name).unwrap_or(&Value::Null);
    let with_unit = match format(schema) {
        Some("bytes") => bound.as_u64().map(units::show_bytes),
        Some("duration") => units::duration(bound).ok().map(|time| format!("{time:?}")),
        _ => None,
    };
    with_unit.unwrap_or_else(|| bound.to_string())
}

/// Whether a value written like this can have a type.
fn is_shape(node: &Node, kind: &str) -> bool {
    match (&node.data, kind) {
        (Data::Map(_), kind) => kind == "object",
        (Data::List(_), kind) => kind == "array",
        (_, "null") => node.is_null(),
        (_, kind) => !matches!(kind, "object" | "array"),
    }
}

/// The types that a schema takes; empty if it takes any.
fn types(schema: &Value) -> Vec<&str> {
    match (schema.get("type"), schema.get("enum").and_then(Value::as_array)) {
        (Some(Value::String(one)), _) => vec![one],
        (Some(Value::Array(many)), _) => many.iter().filter_map(Value::as_str).collect(),
        // A list or a mapping is none of these, and would not be compared with them.
        (_, Some(choices)) if choices.iter().all(Value::is_string) => vec!["string"],
        _ => Vec::new(),
    }
}

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "string" => value.is_string(),
        "integer" => value.is_u64() || value.is_i64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "object" => value.is_object(),
        "array" => value.is_array(),
        _ => true,
    }
}

fn named(kind: &str) -> &str {
    match kind {
        "string" => "text",
        "integer" => "a whole number",
        "number" => "a number",
        "boolean" => "a boolean",
        "null" => "nothing",
        "object" => "a mapping",
        "array" => "a list",
        other => other,
    }
}
