//! The config of a single store type, without a configuration file around it.

use super::position::Position;
use super::problem::Problem;
use super::problem::Problems;
use super::schema::Converter;
use super::yaml::{Data, Node, parse};
use serde_json::{Map, Value};

/// Parses a config (JSON or YAML), expands environment variables, and checks it
/// against `schema`. Returns all problems on failure.
pub fn config(text: &str, schema: &Value) -> Result<Map<String, Value>, Vec<Problem>> {
    let place = Position { line: 1, column: 1 };
    let node = match parse(text).map_err(|problem| vec![problem])? {
        Some(node) if !node.is_null() => node,
        _ => Node { place, data: Data::Map(Vec::new()) },
    };
    if !matches!(node.data, Data::Map(_)) {
        let message = format!("a config is a mapping, not {}", node.what());
        return Err(vec![Problem { place, message }]);
    }
    let vars = |name: &str| std::env::var(name).ok();
    let mut converter = Converter { vars: &vars, only: None, problems: Problems::default() };
    let value = converter.value(&node, schema, "");
    match (converter.problems.is_empty(), value) {
        (true, Value::Object(config)) => Ok(config),
        _ => Err(converter.problems.told().to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_config_alone_is_held_to_its_schema() {
        let schema = json!({
            "type": "object", "required": ["pattern"], "additionalProperties": false,
            "properties": {"pattern": {"type": "string"}, "full": {"type": "boolean"}},
        });
        let good = config(r#"{"pattern": "a\"b", "full": true}"#, &schema).unwrap();
        assert_eq!(Value::Object(good), json!({"pattern": "a\"b", "full": true}));
        for (text, wrong) in [
            ("", "\"pattern\" is missing"),
            ("{\"patern\": \"\"}", "patern"),
            ("[]", "a config is a mapping"),
            ("{\"pattern\": \"a\", \"full\": 1}", "full must be a boolean"),
            ("{", ""),
        ] {
            let problems = config(text, &schema).unwrap_err();
            assert!(problems.iter().any(|p| p.message.contains(wrong)), "{text}: {problems:?}");
        }
    }
}
