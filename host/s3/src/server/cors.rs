//! Answers to pages of other origins, as in the Fetch standard and S3.

use crate::cors_rule::Rule;
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::response::{Response, empty};
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};

impl Rule {
    /// Whether the rule allows a request.
    fn allows(&self, asked: &Asked) -> bool {
        self.origin(&asked.origin).is_some()
            && self.methods.contains(&asked.method)
            && asked.headers.iter().all(|name| {
                self.headers.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), name))
            })
    }

    /// The first pattern that matches an origin.
    fn origin(&self, origin: &str) -> Option<&str> {
        self.origins.iter().map(String::as_str).find(|pattern| fits(pattern, origin))
    }

    /// Adds the CORS headers of this rule to a response.
    fn tell(&self, asked: &Asked, answer: &mut HeaderMap) {
        let everyone = self.origin(&asked.origin) == Some("*");
        let mut set = |name: HeaderName, value: &str| {
            answer.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        };
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, if everyone { "*" } else { &asked.origin });
        if !everyone {
            set(header::ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        set(header::ACCESS_CONTROL_ALLOW_METHODS, &self.methods.join(", "));
        if !self.expose.is_empty() {
            set(header::ACCESS_CONTROL_EXPOSE_HEADERS, &self.expose.join(", "));
        }
        if let Some(seconds) = self.max_age {
            set(header::ACCESS_CONTROL_MAX_AGE, &seconds.to_string());
        }
        if !asked.headers.is_empty() {
            set(header::ACCESS_CONTROL_ALLOW_HEADERS, &asked.headers.join(", "));
        }
        set(header::VARY, "Origin, Access-Control-Request-Headers, Access-Control-Request-Method");
    }
}

/// Whether `text` matches `pattern`, where one `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((start, end)) => {
            text.len() >= start.len() + end.len() && text.starts_with(start) && text.ends_with(end)
        }
    }
}

/// The most headers that a page may ask for.
const MAX_HEADERS: usize = 100;

/// The cross-origin part of a request.
pub struct Asked {
    origin: String,
    method: String,
    /// In lower case.
    headers: Vec<String>,
}

impl Asked {
    /// Reads a request or preflight; `None` if it is not cross-origin.
    pub fn by(method: &Method, headers: &HeaderMap) -> Option<Self> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(header::ORIGIN)?;
        let announced = text(header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = match announced {
            None if method == Method::OPTIONS => return None,
            announced => announced.unwrap_or(method.as_str()),
        };
        let names = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default().split(',');
        let names = names.map(|name| name.trim().to_ascii_lowercase());
        // Nobody has to sign to get here.
        let names = names.take(MAX_HEADERS + 1);
        Some(Self {
            origin: origin.to_owned(),
            method: method.to_owned(),
            headers: names.filter(|name| !name.is_empty()).collect(),
        })
    }

    /// The response headers, or `None` if no rule allows the request.
    pub fn allowed<'a>(&self, rules: impl IntoIterator<Item = &'a Rule>) -> Option<HeaderMap> {
        if self.headers.len() > MAX_HEADERS {
            return None;
        }
        let rule = rules.into_iter().find(|rule| rule.allows(self))?;
        let mut headers = HeaderMap::new();
        rule.tell(self, &mut headers);
        Some(headers)
    }
}

/// The answer to a preflight, to which the CORS headers are added.
pub fn preflight(asked: Option<&Asked>, is_allowed: bool) -> Result<Response> {
    match (asked, is_allowed) {
        (Some(_), true) => Ok(empty(StatusCode::OK)),
        (Some(_), false) => Err(Error::from(Code::AccessForbidden)),
        (None, _) => Err(error!(
            BadRequest,
            "a preflight has the headers Origin and Access-Control-Request-Method"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything_once() {
        for (pattern, text, fit) in [
            ("*", "", true),
            ("*", "https://a.example", true),
            ("https://*.example", "https://a.example", true),
            ("https://*.example", "https://.example", true),
            ("https://*.example", "https://a.example.org", false),
            ("start*end", "startend", true),
            ("start*tart", "start", false),
            ("a", "a", true),
            ("a", "ab", false),
        ] {
            assert_eq!(fits(pattern, text), fit, "{pattern} {text}");
        }
    }

    #[test]
    fn rules_that_make_no_sense_are_named() {
        let rule = |origins: &[&str], methods: &[&str]| Rule {
            origins: origins.iter().map(ToString::to_string).collect(),
            methods: methods.iter().map(ToString::to_string).collect(),
            ..Rule::default()
        };
        assert_eq!(rule(&["*"], &["GET"]).problem(), None);
        assert!(rule(&["*"], &[]).problem().is_some());
        assert!(rule(&["*.a.*"], &["GET"]).problem().unwrap().contains("\"*.a.*\""));
        assert!(rule(&["*"], &["PATCH"]).problem().unwrap().contains("\"PATCH\""));
    }
}
