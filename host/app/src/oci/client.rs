//! A client of the OCI distribution protocol, limited to what one artifact needs. It
//! bounds the size, time and redirects of answers, and never follows from https to
//! http.

use super::credentials::Credentials;
use super::reference::{Reference, is_loopback};
use super::shown::shown;
use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{Method, StatusCode, Uri};
use serde_json::Value;
use std::io::Read;
use std::time::Duration;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// The most redirects per request.
const MOST_REDIRECTS: usize = 5;

/// The most bytes of an answer held in memory: manifests, tokens, messages.
const MOST_AT_ONCE: u64 = 1 << 20;

/// Time limits for connecting, and then for the start of the answer.
const CONNECT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(60);

/// The longest time without a byte in either direction.
const SILENCE: Duration = Duration::from_secs(30);

/// The time limit of one request with its body.
const REQUEST: Duration = Duration::from_secs(15 * 60);

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Sent<'a> {
    /// No body.
    Nothing,
    /// These bytes, with this media type.
    Bytes(&'a [u8], &'a str),
}

/// A client for one repository of one registry.
pub struct Client {
    agent: Agent,
    scheme: &'static str,
    registry: String,
    name: String,
    credentials: Option<Credentials>,
    authorization: Option<String>,
    /// The scope to request: `pull`, or `pull,push`.
    actions: &'static str,
}

impl Client {
    /// Creates a client. It uses plain http if the registry is on this machine, or if
    /// `plain` is set.
    pub fn new(
        reference: &Reference,
        credentials: Option<Credentials>,
        plain: bool,
        actions: &'static str,
    ) -> Self {
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            // `follow` checks each redirect.
            .max_redirects(0)
            .user_agent(concat!("storage-host/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(CONNECT))
            .timeout_recv_response(Some(ANSWER))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE))
            .timeout_global(Some(REQUEST));
        if reference.is_local() {
            config = config.proxy(None);
        }
        // Mozilla's roots are built in; these are the system's.
        let system = rustls_native_certs::load_native_certs().certs;
        if !system.is_empty() {
            let roots =
                system.iter().map(|certificate| Certificate::from_der(certificate).to_owned());
            let tls = TlsConfig::builder().root_certs(RootCerts::from(roots)).build();
            config = config.tls_config(tls);
        }
        Self {
            agent: config.build().into(),
            scheme: if plain { "http" } else { "https" },
            registry: reference.registry.clone(),
            name: reference.name.clone(),
            credentials,
            authorization: None,
            actions,
        }
    }

    /// Makes one request on the repository. Returns the answer and its final URL.
    /// `from` begins with a slash.
    pub(super) fn ask(
        &mut self,
        method: &Method,
        from: &str,
        accept: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, String> {
        let url = format!("{}://{}/v2/{}{from}", self.scheme, self.registry, self.name);
        self.ask_at(method, &url, accept, sent)
    }

    /// Like [`Client::ask`], at a URL that the registry gave.
    pub(super) fn ask_at(
        &mut self,
        method: &Method,
        url: &str,
        accept: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, String> {
        let answer = self.follow(method, url, accept, sent)?;
        if answer.status() != StatusCode::UNAUTHORIZED || self.authorization.is_some() {
            return Ok(answer);
        }
        self.authorization = Some(self.authorize(&answer)?);
        self.follow(method, url, accept, sent)
    }

    /// Follows redirects.
    fn follow(
        &self,
        method: &Method,
        url: &str,
        accept: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, String> {
        let mut url = self.checked(url, None)?;
        for _ in 0..=MOST_REDIRECTS {
            let answer = self.once(method, &url, accept, sent)?;
            let elsewhere = matches!(answer.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            if !elsewhere {
                return Ok(answer);
            }
            if !matches!(*method, Method::GET | Method::HEAD) {
                return Err(format!("{} sends a write elsewhere", self.registry));
            }
            url = self.location(&answer, &url)?;
        }
        Err(format!("{} sends elsewhere more than {MOST_REDIRECTS} times", self.registry))
    }

    /// The URL in an answer's `Location` header.
    pub(super) fn location(&self, answer: &Response<Body>, asked: &Uri) -> Result<Uri, String> {
        let text = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let text = text.ok_or_else(|| format!("{} does not say where to go", self.registry))?;
        self.checked(text, Some(asked))
    }

    /// Checks a URL before it is requested. It must use https. Plain http is allowed
    /// only if the registry uses it, and only to it or between loopback addresses.
    fn checked(&self, text: &str, relative_to: Option<&Uri>) -> Result<Uri, String> {
        let wrong = |why: &str| format!("{} sends to {:?}: {why}", self.registry, shown(text));
        let uri = match (relative_to, text.starts_with('/') && !text.starts_with("//")) {
            (Some(asked), true) => {
                let scheme = asked.scheme_str().unwrap_or("https");
                let authority = asked.authority().map_or("", |authority| authority.as_str());
                format!("{scheme}://{authority}{text}")
            }
            _ => text.to_owned(),
        };
        let uri: Uri = uri.parse().map_err(|_| wrong("it is not an address"))?;
        let authority = uri.authority().ok_or_else(|| wrong("it is not an address"))?.as_str();
        if authority.contains('@') {
            return Err(wrong("there is a name in the address"));
        }
        let near =
            authority == self.registry || is_loopback(authority) && is_loopback(&self.registry);
        match uri.scheme_str() {
            Some("https") => Ok(uri),
            Some("http") if self.scheme == "http" && near => Ok(uri),
            _ => Err(wrong("only https is followed")),
        }
    }

    fn once(
        &self,
        method: &Method,
        url: &Uri,
        accept: &str,
        sent: Sent<'_>,
    ) -> Result<Response<Body>, String> {
        let mut request = http::Request::builder().method(method).uri(url).header("Accept", accept);
        // Send credentials to the registry only.
        let home = url.authority().is_some_and(|authority| authority.as_str() == self.registry);
        if let Some(authorization) = self.authorization.as_ref().filter(|_| home) {
            request = request.header(AUTHORIZATION, authorization);
        }
        let made =
            |error: http::Error| format!("{}: the request can't be made: {error}", self.registry);
        let answer = match sent {
            Sent::Nothing if method == Method::POST => {
                self.agent.run(request.body(&[][..]).map_err(made)?)
            }
            Sent::Nothing => self.agent.run(request.body(()).map_err(made)?),
            Sent::Bytes(bytes, kind) => {
                self.agent.run(request.header(CONTENT_TYPE, kind).body(bytes).map_err(made)?)
            }
        };
        let host = url.authority().map_or(self.registry.as_str(), |authority| authority.as_str());
        answer.map_err(|error| format!("{host} can't be asked: {error}"))
    }

    /// The `Authorization` header that a 401 answer asks for.
    fn authorize(&self, answer: &Response<Body>) -> Result<String, String> {
        let wanted = answer.headers().get(WWW_AUTHENTICATE).and_then(|value| value.to_str().ok());
        let wanted = wanted.unwrap_or_default();
        let (scheme, rest) = wanted.split_once(' ').unwrap_or((wanted, ""));
        let refused = || {
            format!(
                "{} wants a name and a password: set STORAGE_REGISTRY_USER and \
                 STORAGE_REGISTRY_PASSWORD, or log in with docker",
                self.registry
            )
        };
        if scheme.eq_ignore_ascii_case("basic") {
            return self.credentials.as_ref().map(Credentials::basic).ok_or_else(refused);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(format!(
                "{} wants to be asked in a way that is not known here: {:?}",
                self.registry,
                shown(scheme)
            ));
        }
        let fields = fields(rest);
        let field = |name: &str| {
            fields.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, v)| v)
        };
        let realm = field("realm").ok_or_else(|| format!("{} names no realm", self.registry))?;
        let realm = self.checked(realm, None)?;
        let scope = format!("repository:{}:{}", self.name, self.actions);
        let mut url = realm.to_string();
        let mut separator = if realm.query().is_some() { '&' } else { '?' };
        let asked = [("service", field("service").cloned()), ("scope", Some(scope))];
        for (name, value) in asked.iter().filter_map(|(n, v)| v.as_ref().map(|v| (n, v))) {
            let value =
                percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            url.push_str(&format!("{separator}{name}={value}"));
            separator = '&';
        }
        let mut request = self.agent.get(&url);
        if let Some(credentials) = &self.credentials {
            request = request.header(AUTHORIZATION, credentials.basic());
        }
        let host = realm.authority().map_or("", |authority| authority.as_str());
        let answer = request.call().map_err(|error| format!("{host} can't be asked: {error}"))?;
        match answer.status() {
            status if status.is_success() => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if self.credentials.is_none() => {
                return Err(refused());
            }
            status => return Err(format!("{host} returned no token: {status}")),
        }
        let answer: Value = serde_json::from_slice(&at_once(answer, host)?)
            .map_err(|_| format!("{host} returned a token that can't be read"))?;
        let token = ["token", "access_token"].iter().find_map(|name| answer.get(name)?.as_str());
        match token {
            Some(token) if !token.is_empty() => Ok(format!("Bearer {token}")),
            _ => Err(format!("{host} returned no token")),
        }
    }

    /// A message for a failed answer: its meaning, and what to do.
    pub(super) fn failure(&self, what: &str, answer: Response<Body>) -> String {
        let status = answer.status();
        let told = at_once(answer, &self.registry).unwrap_or_default();
        let told: Value = serde_json::from_slice(&told).unwrap_or_default();
        let told = told.pointer("/errors/0/message").and_then(Value::as_str);
        let told = told.map_or(String::new(), |told| format!(": {}", shown(told)));
        let hint = match status {
            StatusCode::NOT_FOUND => "; the artifact does not exist, or you may not see it",
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                "; the name and password that were sent don't allow it"
            }
            StatusCode::TOO_MANY_REQUESTS => "; try again later",
            _ => "",
        };
        format!("{what}: {} answered {status}{told}{hint}", self.registry)
    }

    /// The registry's root, as the base of relative URLs.
    pub(super) fn home(&self) -> Uri {
        let text = format!("{}://{}/", self.scheme, self.registry);
        // The registry was validated as an authority with the reference.
        text.parse().unwrap_or_default()
    }
}

/// Reads a short answer completely.
pub(super) fn at_once(answer: Response<Body>, host: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let body = answer.into_body().into_reader();
    body.take(MOST_AT_ONCE + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{host} broke off its answer: {error}"))?;
    if bytes.len() as u64 > MOST_AT_ONCE {
        return Err(format!("{host} answered with more than {} KiB", MOST_AT_ONCE >> 10));
    }
    Ok(bytes)
}

/// Parses `name="value"` and `name=value`, separated by commas.
fn fields(text: &str) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    let mut rest = text.trim_start();
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => after.split_once(',').unwrap_or((after, "")),
        };
        fields.push((name.trim().to_owned(), value.to_owned()));
        rest = after.trim_start_matches([',', ' ']);
    }
    fields
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(registry: &str, plain: bool) -> Client {
        Client::new(&format!("{registry}/a:1").parse().unwrap(), None, plain, "pull")
    }

    #[test]
    fn nobody_is_followed_from_https_to_http() {
        let far = client("reg.example", false);
        assert!(far.checked("https://cdn.example/x", None).is_ok());
        assert!(far.checked("/x", Some(&far.home())).is_ok_and(|u| u == "https://reg.example/x"));
        for bad in [
            "http://reg.example/x",
            "http://127.0.0.1/x",
            "ftp://a/x",
            "x",
            "//a/x",
            "https://u@a/x",
        ] {
            assert!(far.checked(bad, Some(&far.home())).is_err(), "{bad}");
        }
        let near = client("127.0.0.1:5000", true);
        assert!(near.checked("http://localhost:7/x", None).is_ok());
        assert!(near.checked("http://10.0.0.1/x", None).is_err());
        let plain = client("reg.example", true);
        assert!(plain.checked("http://reg.example/x", None).is_ok());
        for bad in ["http://other.example/x", "http://127.0.0.1/x"] {
            assert!(plain.checked(bad, None).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_a_registry_wants_is_read() {
        let read = fields(r#"realm="https://a/t?x=1,2",service="s", scope=repository:a:pull"#);
        let wanted =
            [("realm", "https://a/t?x=1,2"), ("service", "s"), ("scope", "repository:a:pull")];
        assert_eq!(read, wanted.map(|(n, v)| (n.to_owned(), v.to_owned())));
        assert!(fields("").is_empty() && fields("nothing").is_empty());
    }
}
