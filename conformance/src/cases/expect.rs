//! What a case expects of answers.

use storage_contract::types::{Error, ObjectInfo, Result as StoreResult};

/// The error of a result; fails if it succeeded.
pub fn refused<T>(result: StoreResult<T>, what: &str) -> anyhow::Result<Error> {
    match result {
        Ok(_) => anyhow::bail!("{what} succeeded"),
        Err(error) => Ok(error),
    }
}

/// Fails unless the result is the wanted error.
pub fn expect<T>(result: StoreResult<T>, wanted: &Error, what: &str) -> anyhow::Result<()> {
    let error = refused(result, what)?;
    anyhow::ensure!(error.code() == wanted.code(), "{what} gave {error:?} instead of {wanted:?}");
    Ok(())
}

/// The etag; fails if there is none.
pub fn etag(info: &ObjectInfo) -> anyhow::Result<String> {
    info.etag.clone().ok_or_else(|| anyhow::anyhow!("there is no etag in {info:?}"))
}
