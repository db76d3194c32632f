//! The form of an upload by a browser: who signed it, and what it asks for.

use crate::auth::policy::{self, Policy};
use crate::endpoint::Endpoint;
use crate::object::tags::{MAX_OBJECT_TAGS, of_document, write};
use crate::protocol::error::{Error, Result, error};
use crate::protocol::form_data::{self, FormData};
use crate::protocol::request::{Arriving, Request};
use crate::protocol::signing::Signing;
use crate::protocol::target::{MAX_KEY_BYTES, too_long};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use std::time::SystemTime;

/// What S3 replaces with the name of the file, since the page with the form can't know it.
const FILE_NAME: &str = "${filename}";

/// The fields that stand for headers, beside those of S3 (`x-amz-…`).
const HEADERS: [&str; 6] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
];

/// The fields of S3 that belong to the signature.
const SIGNATURE: [&str; 5] = [
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-security-token",
    "x-amz-signature",
];

/// A form whose signature was verified.
pub struct PostedForm {
    /// The access key that signed it.
    pub access_key: Option<String>,
    /// What the signature allows.
    pub policy: Option<Policy>,
    /// The key of the object.
    pub key: String,
    /// The fields that stand for headers of an upload.
    pub headers: HeaderMap,
    /// Where the browser goes on.
    pub redirect: Option<String>,
    /// The status of the response.
    pub status: StatusCode,
}

impl PostedForm {
    /// Reads the form up to its file, verifies its signature, and checks that its policy
    /// allows what it asks for. Also returns the bytes of the file.
    pub async fn read(
        request: &Request,
        endpoint: &Endpoint,
        arriving: Arriving,
    ) -> Result<(Self, Arriving)> {
        if request.signing != Signing::Unsigned {
            return Err(error!(InvalidArgument, "a form is signed by its own fields"));
        }
        let kind = request.head().one("content-type")?.unwrap_or_default();
        let (form, file) = form_data::read(arriving, &form_data::boundary(kind)?).await?;
        let secret = |key: &str| endpoint.users.secret(key);
        let signed = policy::verify(&form, secret, endpoint.v2, SystemTime::now())?;
        let (access_key, policy) = signed.unzip();
        let key = key(&form)?;
        if let Some(policy) = &policy {
            policy.check(&form, request.bucket(), &key)?;
        }
        let headers = headers(&form)?;
        let redirect = form.field("success_action_redirect").or(form.field("redirect"));
        let is_url = |to: &&str| to.starts_with("http://") || to.starts_with("https://");
        let status = match form.field("success_action_status") {
            Some("200") => StatusCode::OK,
            Some("201") => StatusCode::CREATED,
            _ => StatusCode::NO_CONTENT,
        };
        let redirect = redirect.filter(is_url).map(str::to_owned);
        Ok((Self { access_key, policy, key, headers, redirect, status }, file))
    }
}

fn key(form: &FormData) -> Result<String> {
    let key = form.field("key").unwrap_or_default().replace(FILE_NAME, &form.file_name);
    match key.len() {
        0 => Err(error!(InvalidArgument, "the form has no key")),
        length if length > MAX_KEY_BYTES => Err(too_long(&key)),
        _ => Ok(key),
    }
}

fn headers(form: &FormData) -> Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (field, value) in form.fields() {
        let (name, value) = match field {
            "acl" => ("x-amz-acl", value.to_owned()),
            "tagging" => {
                let tags = write(&of_document(value.as_bytes(), MAX_OBJECT_TAGS)?);
                ("x-amz-tagging", tags.unwrap_or_default())
            }
            name if SIGNATURE.contains(&name) => continue,
            name if HEADERS.contains(&name) || name.starts_with("x-amz-") => {
                (name, value.to_owned())
            }
            _ => continue,
        };
        let odd = || -> Error { error!(InvalidArgument, "the field {field:?} can't be a header") };
        let name: HeaderName = name.parse().map_err(|_| odd())?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| odd())?;
        if headers.insert(name, value).is_some() {
            return Err(error!(InvalidArgument, "the form asks for {field} twice"));
        }
    }
    Ok(headers)
}
