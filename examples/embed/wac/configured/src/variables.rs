//! Expands `${VAR}` and `${VAR:-default}` in the texts of a configuration, as the host
//! does.

use serde_json::Value;

/// Looks up a variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Result<Option<String>, String>;

/// Replaces variables everywhere except in names. `$${` stands for a plain `${`.
pub fn fill_in(value: Value, variables: Variables) -> Result<Value, String> {
    Ok(match value {
        Value::String(text) => Value::String(expand(&text, variables)?),
        Value::Array(items) => Value::Array(
            items.into_iter().map(|item| fill_in(item, variables)).collect::<Result<_, _>>()?,
        ),
        Value::Object(entries) => {
            let entries = entries.into_iter();
            let filled =
                entries.map(|(name, value)| Ok::<_, String>((name, fill_in(value, variables)?)));
            Value::Object(filled.collect::<Result<_, _>>()?)
        }
        other => other,
    })
}

fn expand(text: &str, variables: Variables) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, inner)) = rest.split_once("${") {
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = inner;
            continue;
        }
        let (reference, after) = inner.split_once('}').ok_or("a \"${\" without its \"}\"")?;
        let (name, default) = match reference.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (reference, None),
        };
        let value = variables(name)?.or(default.map(str::to_owned));
        let value = value.ok_or_else(|| {
            format!("the variable {name} is not set; set it, or give a default: ${{{name}:-…}}")
        })?;
        out.push_str(before);
        out.push_str(&value);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}
