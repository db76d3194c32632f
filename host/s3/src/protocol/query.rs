//! The parameters of a request.

use super::error::{Result, error};
use super::target::is_encoded;
use percent_encoding::percent_decode_str;

/// The parameters of a request, decoded, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Query {
    parameters: Vec<Parameter>,
}

/// A parameter: `name`, `name=` or `name=value`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// What stands after the equals sign; `None` without one.
    pub value: Option<String>,
}

impl Query {
    /// Reads a query in its percent-encoded form. A plus sign is a space, as in forms.
    pub fn parse(query: &str) -> Result<Self> {
        let parameters = query.split('&').filter(|parameter| !parameter.is_empty());
        let parameter = |text: &str| {
            let (name, value) = match text.split_once('=') {
                Some((name, value)) => (name, Some(value)),
                None => (text, None),
            };
            Ok(Parameter { name: decoded(name)?, value: value.map(decoded).transpose()? })
        };
        Ok(Self { parameters: parameters.map(parameter).collect::<Result<_>>()? })
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter()
    }

    /// Whether there is a parameter with this name, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.parameters.iter().any(|parameter| parameter.name == name)
    }

    /// The value of a parameter, empty if it has none. One that matters may be there only
    /// once: of two, somebody else could have read the other.
    pub fn one(&self, name: &str) -> Result<Option<&str>> {
        let mut found = self.parameters.iter().filter(|parameter| parameter.name == name);
        match (found.next(), found.next()) {
            (_, Some(_)) => Err(error!(InvalidArgument, "the parameter {name} is there twice")),
            (Some(parameter), None) => Ok(Some(parameter.value.as_deref().unwrap_or_default())),
            (None, None) => Ok(None),
        }
    }
}

impl Parameter {
    /// Whether it has no value, as the names of sub-resources.
    pub fn is_bare(&self) -> bool {
        self.value.as_deref().unwrap_or_default().is_empty()
    }
}

fn decoded(text: &str) -> Result<String> {
    if !is_encoded(text) {
        return Err(error!(
            InvalidURI,
            "a \"%\" in the query has no two hexadecimal digits after it"
        ));
    }
    let text = text.replace('+', " ");
    let text = percent_decode_str(&text).decode_utf8();
    text.map(Into::into).map_err(|_| error!(InvalidURI, "the query is not UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_read_decoded_and_in_order() {
        let query = Query::parse("acl&prefix=a%2Fb+c%2B&&e=&%61=1=2").unwrap();
        let found: Vec<_> = query.iter().map(|p| (p.name.as_str(), p.value.as_deref())).collect();
        let wanted =
            [("acl", None), ("prefix", Some("a/b c+")), ("e", Some("")), ("a", Some("1=2"))];
        assert_eq!(found, wanted);
        assert_eq!(query.one("acl").unwrap(), Some(""));
        assert_eq!(query.one("a").unwrap(), Some("1=2"));
        assert_eq!(query.one("none").unwrap(), None);
        assert!(query.has("acl") && !query.has("ACL"));
        assert!(query.iter().map(Parameter::is_bare).eq([true, false, true, false]));
        assert_eq!(Query::parse("").unwrap(), Query::default());
    }

    #[test]
    fn a_parameter_that_is_asked_for_is_there_once() {
        let query = Query::parse("a=1&%61=1&b").unwrap();
        assert_eq!(query.one("a").unwrap_err().code().name(), "InvalidArgument");
        assert!(query.one("b").is_ok());
    }

    #[test]
    fn a_query_that_is_not_encoded_text_is_refused() {
        for query in ["a=%", "%zz", "a=%ff", "%c3"] {
            assert_eq!(Query::parse(query).unwrap_err().code().name(), "InvalidURI", "{query}");
        }
    }
}
