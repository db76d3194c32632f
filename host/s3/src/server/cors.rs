//! CORS for all buckets (`serve.cors`) and for each bucket that clients create,
//! as in the Fetch standard and S3.

use super::buckets::Buckets;
use crate::cors_rule::Rule;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use s3s::dto::*;
use s3s::{S3Request, S3Response, S3Result, s3_error};

/// The S3 limit on rules per bucket.
const MAX_RULES: usize = 100;

impl Rule {
    /// Whether the rule allows a request.
    fn allows(&self, asked: &Asked<'_>) -> bool {
        self.origin(asked.origin).is_some()
            && self.methods.iter().any(|method| method == asked.method)
            && asked.headers.iter().all(|name| {
                self.headers.iter().any(|pattern| fits(&pattern.to_ascii_lowercase(), name))
            })
    }

    /// The first pattern that matches an origin.
    fn origin(&self, origin: &str) -> Option<&str> {
        self.origins.iter().map(String::as_str).find(|pattern| fits(pattern, origin))
    }

    /// Adds the CORS headers of this rule to a response.
    fn tell(&self, asked: &Asked<'_>, answer: &mut HeaderMap) {
        let everyone = self.origin(asked.origin) == Some("*");
        let mut set = |name: HeaderName, value: &str| {
            answer.extend(HeaderValue::from_str(value).ok().map(|value| (name, value)));
        };
        set(header::ACCESS_CONTROL_ALLOW_ORIGIN, if everyone { "*" } else { asked.origin });
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

/// The cross-origin part of a request.
pub struct Asked<'a> {
    origin: &'a str,
    method: &'a str,
    /// In lower case.
    headers: Vec<String>,
}

impl<'a> Asked<'a> {
    /// Reads a request or preflight; `None` if it is not cross-origin.
    pub fn by(method: &'a Method, headers: &'a HeaderMap) -> Option<Self> {
        let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let origin = text(header::ORIGIN)?;
        let announced = text(header::ACCESS_CONTROL_REQUEST_METHOD);
        let method = match announced {
            None if method == Method::OPTIONS => return None,
            announced => announced.unwrap_or(method.as_str()),
        };
        let names = text(header::ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default().split(',');
        let names = names.map(|name| name.trim().to_ascii_lowercase());
        Some(Self { origin, method, headers: names.filter(|name| !name.is_empty()).collect() })
    }

    /// The response headers, or `None` if no rule allows the request.
    pub fn allowed(&self, rules: &[Rule]) -> Option<HeaderMap> {
        let rule = rules.iter().find(|rule| rule.allows(self))?;
        let mut headers = HeaderMap::new();
        rule.tell(self, &mut headers);
        Some(headers)
    }
}

impl Buckets {
    pub(super) async fn get_bucket_cors_answer(
        &self,
        req: S3Request<GetBucketCorsInput>,
    ) -> S3Result<S3Response<GetBucketCorsOutput>> {
        let rules = self.state(&req.input.bucket).await?.cors;
        if rules.is_empty() {
            return Err(s3_error!(NoSuchCORSConfiguration));
        }
        let some = |list: Vec<String>| (!list.is_empty()).then_some(list);
        let rule = |rule: Rule| CORSRule {
            allowed_headers: some(rule.headers),
            allowed_methods: rule.methods,
            allowed_origins: rule.origins,
            expose_headers: some(rule.expose),
            id: rule.id,
            max_age_seconds: rule.max_age.and_then(|seconds| i32::try_from(seconds).ok()),
        };
        let cors_rules = Some(rules.into_iter().map(rule).collect());
        Ok(S3Response::new(GetBucketCorsOutput { cors_rules }))
    }

    pub(super) async fn put_bucket_cors_answer(
        &self,
        req: S3Request<PutBucketCorsInput>,
    ) -> S3Result<S3Response<PutBucketCorsOutput>> {
        let input = req.input;
        let rule = |rule: CORSRule| Rule {
            id: rule.id,
            origins: rule.allowed_origins,
            methods: rule.allowed_methods,
            headers: rule.allowed_headers.unwrap_or_default(),
            expose: rule.expose_headers.unwrap_or_default(),
            max_age: rule.max_age_seconds.and_then(|seconds| u32::try_from(seconds).ok()),
        };
        let rules: Vec<_> = input.cors_configuration.cors_rules.into_iter().map(rule).collect();
        if rules.is_empty() || rules.len() > MAX_RULES {
            return Err(s3_error!(MalformedXML, "a bucket has 1 to {MAX_RULES} rules"));
        }
        if let Some(problem) = rules.iter().find_map(Rule::problem) {
            return Err(s3_error!(InvalidRequest, "{problem}"));
        }
        self.change(&input.bucket, |state| state.cors.clone_from(&rules)).await?;
        Ok(S3Response::new(PutBucketCorsOutput {}))
    }

    pub(super) async fn delete_bucket_cors_answer(
        &self,
        req: S3Request<DeleteBucketCorsInput>,
    ) -> S3Result<S3Response<DeleteBucketCorsOutput>> {
        if !self.state(&req.input.bucket).await?.cors.is_empty() {
            self.change(&req.input.bucket, |state| state.cors.clear()).await?;
        }
        let output = DeleteBucketCorsOutput {};
        Ok(S3Response::with_status(output, http::StatusCode::NO_CONTENT))
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
