//! Presigned URLs: their holder may read or write one object until they expire.

use super::client::{Made, client};
use super::config::Config;
use crate::backend::{Method, OpenArgs};
use aws_sdk_s3::presigning::PresigningConfig;
use std::time::Duration;
use storage_store::{Error, Result};

/// The longest validity that signatures allow.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Makes a URL for a store with these `args`, valid for one second to seven days.
/// Sends nothing: a missing bucket or missing rights show only when it is used.
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
    super::shared::check(key, amazon)?;
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
