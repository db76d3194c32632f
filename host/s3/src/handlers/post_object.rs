//! PostObject: uploads by the forms of browsers. The form was read, and its signature
//! verified, before; its fields stand for headers here.

use super::writing::write;
use crate::call::Call;
use crate::object::conditions::OfWrite;
use crate::object::incoming::Unread;
use crate::object::metadata::quoted;
use crate::protocol::error::Result;
use crate::protocol::head::Head;
use crate::protocol::response::{Response, empty, set, xml};
use crate::protocol::xml::write::document;
use http::StatusCode;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::sync::Arc;

/// PostObject.
pub async fn post(call: &Arc<Call>, body: Unread) -> Result<Response> {
    let form = call.form()?;
    let head = Head::new(&form.headers, None);
    let check = |length| form.policy.as_ref().map_or(Ok(()), |policy| policy.check_length(length));
    let key = form.key.as_str();
    let written = write(call, &head, key, &OfWrite::default(), body, check).await?;
    let etag = quoted(written.etag.as_deref().unwrap_or_default());
    let location = call.url(key);
    let mut response = match (&form.redirect, form.status) {
        (Some(to), _) => redirect(call, to, key, &etag),
        (None, StatusCode::CREATED) => xml(document("PostResponse", |result| {
            result.text("Location", &location);
            result.text("Bucket", call.request.bucket());
            result.text("Key", key);
            result.text("ETag", &etag);
        })),
        (None, status) => empty(status),
    };
    if form.redirect.is_none() {
        *response.status_mut() = form.status;
        set(&mut response, "location", &location);
    }
    written.show(&mut response);
    Ok(response)
}

/// Sends the browser on, with what was written in the query.
fn redirect(call: &Call, to: &str, key: &str, etag: &str) -> Response {
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let separator = if to.contains('?') { '&' } else { '?' };
    let (bucket, key, etag) = (encoded(call.request.bucket()), encoded(key), encoded(etag));
    let mut response = empty(StatusCode::SEE_OTHER);
    set(&mut response, "location", format!("{to}{separator}bucket={bucket}&key={key}&etag={etag}"));
    response
}
