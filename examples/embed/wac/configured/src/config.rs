//! Reads the configuration, which has the shape of the host's `stores.yaml`.

use crate::variables::fill_in;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde::Deserialize;
use serde_json::{Map, Number, Value};
use std::env::{VarError, var};

/// The variable with the text of a configuration.
const TEXT: &str = "STORAGE_STORES";

/// The variable with the path of a configuration file, as for the host.
const FILE: &str = "STORAGE_CONFIG";

/// A configuration. The section `serve` is for the host only.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// The stores by name.
    pub stores: Map<String, Value>,
    /// The name of the default store.
    #[serde(default)]
    pub main: Option<String>,
    #[serde(default, rename = "serve")]
    _serve: Value,
}

/// One store.
pub struct Store<'a> {
    /// A type of the pack.
    pub kind: &'a str,
    /// The base stores, in the form that the type requires.
    pub base: Option<&'a Value>,
    /// The config of the type, as JSON text.
    pub config: String,
}

impl<'a> Store<'a> {
    /// Parses a store's description.
    pub fn new(described: &'a Value) -> Result<Self, String> {
        let fields = described.as_object().ok_or("a store is a mapping with a \"type\"")?;
        let unknown =
            fields.keys().find(|name| !["type", "base", "config"].contains(&name.as_str()));
        if let Some(unknown) = unknown {
            return Err(format!("there is no {unknown:?}, only \"type\", \"base\" and \"config\""));
        }
        let kind = fields.get("type").and_then(Value::as_str).ok_or("it has no \"type\"")?;
        let config = match fields.get("config") {
            None | Some(Value::Null) => "{}".to_owned(),
            Some(config @ Value::Object(_)) => config.to_string(),
            Some(_) => return Err("its \"config\" is no mapping".to_owned()),
        };
        Ok(Store { kind, base: fields.get("base"), config })
    }
}

/// Reads the configuration from `$STORAGE_STORES`, or else from the file in
/// `$STORAGE_CONFIG` or `stores.yaml`. Errors are messages for the user.
pub fn read() -> Result<Config, String> {
    let text = match variable(TEXT)? {
        Some(text) => text,
        None => {
            let file = variable(FILE)?.unwrap_or_else(|| "stores.yaml".to_owned());
            std::fs::read_to_string(&file).map_err(|error| {
                format!(
                    "{file} can't be read: {error}; give the application a directory with it, \
                     or the text of the configuration in {TEXT}"
                )
            })?
        }
    };
    let value = fill_in(parse(&text)?, &variable)?;
    serde_json::from_value(value).map_err(|error| format!("the configuration: {error}"))
}

fn variable(name: &str) -> Result<Option<String>, String> {
    match var(name) {
        Ok(value) => Ok(Some(value)),
        Err(VarError::NotPresent) => Ok(None),
        Err(VarError::NotUnicode(_)) => Err(format!("the variable {name} is no text")),
    }
}

/// Parses JSON, or else YAML 1.2.
fn parse(text: &str) -> Result<Value, String> {
    if let Ok(value) = serde_json::from_str(text) {
        return Ok(value);
    }
    let documents =
        Yaml::load_from_str(text).map_err(|error| format!("the configuration: {error}"))?;
    match documents.as_slice() {
        [document] => json(document),
        _ => Err(format!("the configuration is one document, not {}", documents.len())),
    }
}

fn json(yaml: &Yaml) -> Result<Value, String> {
    Ok(match yaml {
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => Value::Bool(*value),
        Yaml::Value(Scalar::Integer(value)) => Value::from(*value),
        Yaml::Value(Scalar::FloatingPoint(value)) => Number::from_f64(value.into_inner())
            .map(Value::Number)
            .ok_or_else(|| format!("the configuration: {value} is not a JSON number"))?,
        Yaml::Value(Scalar::String(text)) => Value::from(text.as_ref()),
        Yaml::Sequence(items) => Value::Array(items.iter().map(json).collect::<Result<_, _>>()?),
        Yaml::Mapping(entries) => {
            let entries = entries.iter().map(|(name, value)| {
                let name = name.as_str().ok_or("the configuration: a name is no text")?;
                Ok::<_, String>((name.to_owned(), json(value)?))
            });
            Value::Object(entries.collect::<Result<_, _>>()?)
        }
        other => return Err(format!("the configuration: {other:?} is not understood")),
    })
}
