//! Registry credentials from the environment, or else from `docker login`.

use data_encoding::BASE64;
use serde_json::Value;
use std::fmt;
use std::path::PathBuf;
use storage_store::files;

/// The user's name, and their password or token.
const USER: &str = "STORAGE_REGISTRY_USER";
const PASSWORD: &str = "STORAGE_REGISTRY_PASSWORD";

/// The most bytes to read of docker's config file.
const MOST: u64 = 1 << 20;

/// A name and a password. Never shown in messages or by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    user: String,
    password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").finish_non_exhaustive()
    }
}

impl Credentials {
    /// The value of the `Authorization` header.
    pub(super) fn basic(&self) -> String {
        let both = format!("{}:{}", self.user, self.password);
        format!("Basic {}", BASE64.encode(both.as_bytes()))
    }

    /// The credentials for a registry, if there are any.
    pub fn find(registry: &str) -> Result<Option<Self>, String> {
        let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
        match (set(USER), set(PASSWORD)) {
            (Some(user), Some(password)) => return Ok(Some(Self { user, password })),
            (None, None) => {}
            (Some(_), None) => return Err(format!("{USER} is set, and {PASSWORD} is not")),
            (None, Some(_)) => return Err(format!("{PASSWORD} is set, and {USER} is not")),
        }
        let Some(file) = file() else { return Ok(None) };
        let shown = file.display();
        let text = match files::read(&file, MOST) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(format!("{shown} can't be read: {error}")),
        };
        // serde's message may quote the file.
        let config = serde_json::from_slice(&text)
            .map_err(|error| format!("{shown}, line {}: it is not JSON", error.line()))?;
        in_docker(&config, registry).map_err(|error| format!("{shown}: {error}"))
    }
}

fn file() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let folder = set("DOCKER_CONFIG").or_else(|| Some(set("HOME")?.join(".docker")))?;
    Some(folder.join("config.json"))
}

fn in_docker(config: &Value, registry: &str) -> Result<Option<Credentials>, String> {
    let entry = |section: &str| config.get(section).and_then(|section| section.get(registry));
    let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let helped = text(entry("credHelpers")).or_else(|| text(config.get("credsStore")));
    let Some(found) = entry("auths") else {
        return match entry("credHelpers") {
            Some(_) => Err(unhelped(registry, helped)),
            None => Ok(None),
        };
    };
    if let (Some(user), Some(password)) = (text(found.get("username")), text(found.get("password")))
    {
        return Ok(Some(Credentials { user, password }));
    }
    let Some(both) = text(found.get("auth")).filter(|both| !both.is_empty()) else {
        return Err(unhelped(registry, helped));
    };
    let wrong = || format!("the \"auth\" of {registry} is not a name and a password in Base64");
    let both = BASE64.decode(both.as_bytes()).map_err(|_| wrong())?;
    let both = String::from_utf8(both).map_err(|_| wrong())?;
    let (user, password) = both.split_once(':').ok_or_else(wrong)?;
    if password.trim_end_matches('\0').is_empty() {
        return Err(unhelped(registry, helped));
    }
    Ok(Some(Credentials { user: user.to_owned(), password: password.to_owned() }))
}

fn unhelped(registry: &str, helper: Option<String>) -> String {
    let helper = helper.map(|helper| format!(" docker-credential-{helper} has it;"));
    format!(
        "the password for {registry} is not in this file;{} set {USER} and {PASSWORD}",
        helper.unwrap_or_default()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pair(user: &str, password: &str) -> Option<Credentials> {
        Some(Credentials { user: user.to_owned(), password: password.to_owned() })
    }

    #[test]
    fn what_docker_keeps_is_read() {
        let config = json!({"auths": {
            "reg.example": {"auth": "bWU6cGE6c3M="},
            "plain.example": {"username": "me", "password": "pass"},
        }});
        assert_eq!(in_docker(&config, "reg.example"), Ok(pair("me", "pa:ss")));
        assert_eq!(in_docker(&config, "plain.example"), Ok(pair("me", "pass")));
        assert_eq!(in_docker(&config, "other.example"), Ok(None));
    }

    #[test]
    fn what_a_helper_keeps_is_told_and_not_fetched() {
        let config = json!({"auths": {"a.example": {}}, "credsStore": "desktop"});
        let error = in_docker(&config, "a.example").unwrap_err();
        assert!(error.contains("docker-credential-desktop") && error.contains(USER), "{error}");
        let config = json!({"credHelpers": {"b.example": "pass"}});
        assert!(in_docker(&config, "b.example").is_err());
        assert_eq!(in_docker(&config, "a.example"), Ok(None));
    }

    #[test]
    fn secrets_are_in_no_message() {
        let secret = pair("me", "s3cret").unwrap();
        assert!(!format!("{secret:?}").contains("s3cret"));
        let config = json!({"auths": {"a.example": {"auth": "s3cret!"}}});
        assert!(!in_docker(&config, "a.example").unwrap_err().contains("s3cret"));
    }
}
