//! Lists of etags, as conditions have them.

/// What an `If-Match` or `If-None-Match` header names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etags {
    /// `*`: any object.
    Any,
    /// Objects with one of these etags, without quotes.
    Listed(Vec<String>),
}

impl Etags {
    /// Reads a header (RFC 9110, section 8.8.3). As in S3, an etag may lack its quotes.
    /// The mark of a weak etag is left out: the comparison is weak for both.
    pub fn parse(text: &str) -> Self {
        let text = text.trim();
        if text == "*" {
            return Self::Any;
        }
        let mut listed = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let start = rest.trim_start_matches([' ', '\t', ',']);
            let start = start.strip_prefix("W/").unwrap_or(start);
            let etag;
            (etag, rest) = match start.strip_prefix('"') {
                // Commas are part of a quoted etag.
                Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
                None => start.split_once(',').unwrap_or((start, "")),
            };
            if !start.is_empty() {
                listed.push(etag.trim_end().to_owned());
            }
        }
        Self::Listed(listed)
    }

    /// Whether an object with this etag is named; `None` for one without an etag.
    pub fn name(&self, etag: Option<&str>) -> bool {
        match self {
            Self::Any => true,
            Self::Listed(listed) => etag.is_some_and(|etag| listed.iter().any(|one| one == etag)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_etags_are_read_as_clients_write_them() {
        for (text, wanted) in [
            ("\"a\"", &["a"][..]),
            ("a", &["a"]),
            (" \"a\" , W/\"b,c\",d , \"\"", &["a", "b,c", "d", ""]),
            ("W/\"a\"", &["a"]),
            ("\"a", &["a"]),
            ("", &[]),
            (",,", &[]),
        ] {
            let wanted = wanted.iter().map(|etag| (*etag).to_owned()).collect();
            assert_eq!(Etags::parse(text), Etags::Listed(wanted), "{text}");
        }
        assert_eq!(Etags::parse(" * "), Etags::Any);
        assert_eq!(Etags::parse("\"*\""), Etags::Listed(vec!["*".to_owned()]));
    }

    #[test]
    fn a_list_names_what_is_in_it() {
        let list = Etags::parse("\"a\", \"b\"");
        assert!(list.name(Some("b")) && !list.name(Some("c")) && !list.name(None));
        assert!(Etags::Any.name(None));
    }
}
