//! How a run ends: exit codes, and errors for people or programs.

use super::context::{Context, StoreError};
use super::plugin::Unusable;
use crate::config::ConfigError;
use crate::store::Error;
use crate::transfer::Failure;

/// Exit codes; documented in `docs/cli.md`, and stable.
pub const DONE: u8 = 0;
/// No such object; the answer is no.
pub const NO: u8 = 1;
/// The configuration is wrong, or a plug-in.
pub const CONFIG: u8 = 3;
/// Some items failed, others did not.
pub const PARTLY: u8 = 4;
/// A store failed.
pub const STORE: u8 = 5;
/// Ended by the user.
pub const INTERRUPTED: u8 = 130;

/// An exit code, or what went wrong.
pub type Outcome = anyhow::Result<u8>;

/// Tells what went wrong, if anything; gives the exit code.
pub fn report(outcome: Outcome, context: &Context) -> u8 {
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    if broken_pipe(&error) {
        // Whoever reads has seen enough.
        return DONE;
    }
    let store = error.downcast_ref::<StoreError>();
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    let config = error.chain().find_map(|cause| cause.downcast_ref::<ConfigError>());
    let unusable = error.is::<Unusable>();
    let code = match (config, cause) {
        (Some(_), _) | (None, Some(Error::InvalidConfig(_))) => CONFIG,
        _ if unusable => CONFIG,
        (None, Some(Error::NotFound)) => NO,
        _ => STORE,
    };
    if context.json {
        let problems = config.map(|config| {
            let problem = |p: &crate::config::Problem| {
                serde_json::json!({
                    "file": config.file, "line": p.place.line, "column": p.place.column,
                    "message": p.message,
                })
            };
            config.problems.iter().map(problem).collect::<Vec<_>>()
        });
        let described = config.is_some() || unusable;
        let name = cause.map_or(if described { "invalid-config" } else { "other" }, Error::code);
        let json = serde_json::json!({"error": {
            "code": name,
            "store": store.map(|s| s.store.clone()),
            "key": store.and_then(|s| s.key.clone()),
            "message": format!("{error:#}"),
            "problems": problems,
        }});
        eprintln!("{json}");
    } else if let Some(config) = config {
        // Already a line for each problem, with its place.
        eprintln!("error: the configuration can't be used\n{config}");
    } else {
        eprintln!("error: {error:#}");
        if let Some(hint) = cause.and_then(hint) {
            eprintln!("hint: {hint}");
        }
    }
    code
}

/// A key that failed among others, for programs.
pub fn failure(failure: &Failure) -> serde_json::Value {
    serde_json::json!({"error": {
        "code": failure.cause.code(),
        "store": failure.store,
        "key": failure.key,
        "message": failure.to_string(),
        "problems": null,
    }})
}

fn hint(cause: &Error) -> Option<&'static str> {
    match cause {
        Error::NotFound => Some("`storage-host ls` shows what there is"),
        Error::Unavailable(_) => Some("this may pass: try again"),
        Error::Unsupported(_) => Some("`storage-host graph` shows what the store stands on"),
        _ => None,
    }
}

fn broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        cause
            .downcast_ref::<std::io::Error>()
            .is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
    })
}
