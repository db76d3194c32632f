//! Expansion of `${VAR}` and `${VAR:-default}`.

/// Replaces every reference. `$${` yields a plain `${`. A variable that is set
/// but empty counts as set. An unset variable without a default is an error,
/// and so is one that `vars` refuses. Messages never contain values.
pub fn expand(
    text: &str,
    vars: &dyn Fn(&str) -> Result<Option<String>, String>,
) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("${") {
        let (before, reference) = rest.split_at(at);
        if let Some(kept) = before.strip_suffix('$') {
            out.push_str(kept);
            out.push_str("${");
            rest = reference.strip_prefix("${").unwrap_or_default();
            continue;
        }
        out.push_str(before);
        let inner = reference.strip_prefix("${").unwrap_or_default();
        let Some(end) = inner.find('}') else {
            return Err("a \"${\" without its \"}\"; write \"$${\" for the characters themselves"
                .to_owned());
        };
        let (inner, after) = inner.split_at(end);
        let (name, default) = match inner.split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (inner, None),
        };
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if !starts || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            return Err(format!(
                "\"${{{name}}}\" does not name an environment variable; write \"$${{\" for the characters themselves"
            ));
        }
        match (vars(name)?, default) {
            (Some(value), _) => out.push_str(&value),
            (None, Some(default)) => out.push_str(default),
            (None, None) => {
                return Err(format!(
                    "the environment variable {name} is not set; set it, or give a default: ${{{name}:-…}}"
                ));
            }
        }
        rest = after.strip_prefix('}').unwrap_or_default();
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(name: &str) -> Result<Option<String>, String> {
        match name {
            "HOME" => Ok(Some("/home/me".to_owned())),
            "EMPTY" => Ok(Some(String::new())),
            "OTHERS" => Err("OTHERS is not yours".to_owned()),
            _ => Ok(None),
        }
    }

    #[test]
    fn references_are_replaced_anywhere_in_the_text() {
        for (text, expanded) in [
            ("${HOME}", "/home/me"),
            ("a ${HOME}/x ${HOME} b", "a /home/me/x /home/me b"),
            ("${NONE:-http://host:80/a}", "http://host:80/a"),
            ("${NONE:-}", ""),
            ("${EMPTY:-default}", ""),
            ("$${HOME} costs $5", "${HOME} costs $5"),
            ("}{$", "}{$"),
        ] {
            assert_eq!(expand(text, &vars).as_deref(), Ok(expanded), "{text}");
        }
    }

    #[test]
    fn a_missing_variable_is_named() {
        let error = expand("${NONE}", &vars).unwrap_err();
        assert!(error.contains("NONE is not set"), "{error}");
        assert!(expand("${1X}", &vars).is_err());
        assert!(expand("${HOME", &vars).is_err());
        assert_eq!(expand("${OTHERS:-x}", &vars), Err("OTHERS is not yours".to_owned()));
    }
}
