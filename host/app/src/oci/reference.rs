//! Names of artifacts: `REGISTRY/NAME:TAG`, `REGISTRY/NAME@sha256:…`, or both.

use super::digest::Digest;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// The default tag.
const LATEST: &str = "latest";

/// The name of an artifact in a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The host, with a port unless it is the default.
    pub registry: String,
    /// The repository.
    pub name: String,
    /// The tag; `None` means `latest` if there is no digest either.
    pub tag: Option<String>,
    /// The digest of the manifest, if it is pinned.
    pub digest: Option<Digest>,
}

impl Reference {
    /// The tag or digest to request the manifest by.
    pub fn manifest(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => LATEST.to_owned(),
        }
    }

    /// Whether the registry is on this machine, where plain http is safe.
    pub fn is_local(&self) -> bool {
        is_loopback(&self.registry)
    }
}

/// Whether `HOST` or `HOST:PORT` is this machine.
pub(super) fn is_loopback(authority: &str) -> bool {
    let host = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => authority.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl FromStr for Reference {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            Err(format!("{text:?}: {why}; write REGISTRY/NAME:TAG, or REGISTRY/NAME@sha256:DIGEST"))
        };
        let Some((registry, rest)) = text.split_once('/') else {
            return wrong("it names no registry");
        };
        // As usual for references: a first part without a dot or port is not a
        // registry.
        let host = registry == "localhost" || registry.contains(['.', ':']);
        let authority = registry.parse::<http::uri::Authority>();
        if !host || registry.contains('@') || authority.is_err() {
            return wrong("it names no registry");
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(Digest::parse(digest)?)),
            None => (rest, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) => (name, Some(tag)),
            None => (rest, None),
        };
        let part = |part: &str| {
            let ends =
                |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
            let inside = |c: char| {
                c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-')
            };
            ends(part.chars().next()) && ends(part.chars().last()) && part.chars().all(inside)
        };
        if name.len() > 255 || !name.split('/').all(part) {
            return wrong("a name is lower-case letters, digits, '.', '_', '-' and '/'");
        }
        let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        let good = |tag: &str| {
            (1..=128).contains(&tag.len()) && !tag.starts_with(['.', '-']) && tag.chars().all(word)
        };
        if !tag.is_none_or(good) {
            return wrong("a tag is at most 128 letters, digits, '.', '_' and '-'");
        }
        Ok(Self {
            registry: registry.to_owned(),
            name: name.to_owned(),
            tag: tag.map(str::to_owned),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        match &self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None if self.tag.is_none() => write!(f, ":{LATEST}"),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read_and_written() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, registry, name, asked) in [
            ("localhost:5000/redact:1.0", "localhost:5000", "redact", "1.0"),
            ("[::1]:5000/a/b-c:x", "[::1]:5000", "a/b-c", "x"),
            (&format!("reg.example/a@{digest}"), "reg.example", "a", &digest),
            (&format!("reg.example/a:1@{digest}"), "reg.example", "a", &digest),
        ] {
            let read: Reference = text.parse().unwrap();
            assert_eq!((&*read.registry, &*read.name), (registry, name), "{text}");
            assert_eq!(read.manifest(), asked, "{text}");
            assert_eq!(read.to_string(), text);
        }
        let latest: Reference = "reg.example/a".parse().unwrap();
        assert_eq!(
            (latest.manifest(), latest.to_string()),
            ("latest".to_owned(), "reg.example/a:latest".to_owned())
        );
    }

    #[test]
    fn what_is_no_reference_is_refused() {
        for text in [
            "",
            "a",
            "a/b",
            "reg.example/",
            "reg.example/A",
            "reg.example/../b",
            "reg.example/a//b",
            "reg.example/a:",
            "reg.example/a:b c",
            "reg.example/a@sha256:0a",
            "reg.example/a:b:c",
            "user@reg.example/a",
            "reg.example/a?x=y",
            "reg.example/a#b",
            "https://reg.example/a",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn this_machine_is_known_by_its_names() {
        for (authority, local) in [
            ("localhost", true),
            ("localhost:5000", true),
            ("127.0.0.1:1", true),
            ("127.9.9.9", true),
            ("[::1]:5000", true),
            ("localhost.example", false),
            ("127.0.0.1.example:5000", false),
            ("10.0.0.1", false),
            ("[::2]:5000", false),
        ] {
            assert_eq!(is_loopback(authority), local, "{authority}");
        }
    }
}
