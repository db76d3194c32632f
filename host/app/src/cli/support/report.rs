//! Error reports for people and programs.

use super::context::{Context, StoreError};
use super::exit::{CONFIG, DONE, NO, Outcome, STORE, USAGE, Unusable, Usage};
use super::output::tell;
use crate::config::ConfigError;
use crate::transfer::Failure;
use serde_json::json;
use storage_store::Error;

/// Reports an error, if any, and returns the exit code.
pub fn report(outcome: Outcome, context: &Context) -> u8 {
    let error = match outcome {
        Ok(code) => return code,
        Err(error) => error,
    };
    if broken_pipe(&error) {
        // The reader has seen enough.
        return DONE;
    }
    let store = error.downcast_ref::<StoreError>();
    let cause = error.chain().find_map(|cause| cause.downcast_ref::<Error>());
    let config = error.chain().find_map(|cause| cause.downcast_ref::<ConfigError>());
    let unusable = error.is::<Unusable>();
    let usage = error.chain().any(|cause| cause.is::<Usage>());
    let code = match (config, cause) {
        _ if usage => USAGE,
        (Some(_), _) | (None, Some(Error::InvalidConfig(_))) => CONFIG,
        _ if unusable => CONFIG,
        (None, Some(Error::NotFound)) => NO,
        _ => STORE,
    };
    if context.json {
        let problems = config.map(|config| {
            let problem = |p: &crate::config::Problem| {
                json!({
                    "file": config.file, "line": p.place.line, "column": p.place.column,
                    "message": p.message,
                })
            };
            config.problems.iter().map(problem).collect::<Vec<_>>()
        });
        let described = config.is_some() || unusable;
        let name = match cause {
            _ if usage => "usage",
            Some(cause) => cause.code(),
            None if described => "invalid-config",
            None => "other",
        };
        let json = json!({"error": {
            "code": name,
            "store": store.map(|s| s.store.clone()),
            "key": store.and_then(|s| s.key.clone()),
            "message": format!("{error:#}"),
            "problems": problems,
            "more_problems": config.map_or(0, |config| config.more),
        }});
        tell!("{json}");
    } else if let Some(config) = config {
        // It already has a line with the place of each problem.
        tell!("error: the configuration can't be used\n{config}");
    } else {
        tell!("error: {error:#}");
        if let Some(hint) = cause.and_then(hint) {
            tell!("hint: {hint}");
        }
    }
    code
}

/// Reports a command line that could not be parsed, or prints the requested
/// help. Returns the exit code.
pub fn report_arguments(error: &clap::Error, json: bool) -> u8 {
    if !(json && error.use_stderr()) {
        // Failing to print changes nothing.
        let _ = error.print();
    } else {
        let text = error.to_string();
        let message = text.trim().trim_start_matches("error: ");
        let fields = json!({
            "code": "usage", "store": null, "key": null, "message": message, "problems": null,
        });
        tell!("{}", json!({"error": fields}));
    }
    if error.use_stderr() { USAGE } else { DONE }
}

/// One of several failed keys, as JSON.
pub fn failure(failure: &Failure) -> serde_json::Value {
    json!({"error": {
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
