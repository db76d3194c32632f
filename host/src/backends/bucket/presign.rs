//! URLs that let whoever holds them read or write one object for a while.

use super::client::{Made, client};
use super::config::Config;
use crate::backends::OpenArgs;
use crate::store::{Error, Result};
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;

/// The longest that such a URL can be valid: signatures have no more.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What a presigned URL allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// To read the object.
    Get,
    /// To write it.
    Put,
}

/// Makes a URL; `args` are those of the store. Sends nothing: whether the
/// bucket is there, and its keys may do it, shows when the URL is used.
pub(crate) async fn presign(
    args: &OpenArgs,
    key: &str,
    method: Method,
    expires: Duration,
) -> Result<String> {
    if expires.as_secs() == 0 || expires > LONGEST {
        return Err(Error::Unsupported(
            "a presigned URL is valid for at least a second and at most seven days".to_owned(),
        ));
    }
    let config = Config::new(args)?;
    let Made { client, place, amazon, .. } = client(&config, args).await?;
    super::check(key, amazon)?;
    let bad = |why: String| Error::Other(format!("{place}: {why}"));
    let valid = PresigningConfig::expires_in(expires).map_err(|e| bad(e.to_string()))?;
    let bucket = &config.bucket_name;
    let signed = match method {
        Method::Get => {
            let request = client.get_object().bucket(bucket).key(key);
            request.presigned(valid).await.map_err(super::failure::Failure::new)
        }
        Method::Put => {
            let request = client.put_object().bucket(bucket).key(key);
            request.presigned(valid).await.map_err(super::failure::Failure::new)
        }
    };
    Ok(signed.map_err(|failure| failure.error(&place))?.uri().to_owned())
}
