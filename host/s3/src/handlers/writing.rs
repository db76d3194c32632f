//! PutObject, and how every object that a client sends is written.

use super::acls::of_new_object;
use crate::call::Call;
use crate::object::checksum::{Algorithm, Sum};
use crate::object::conditions::OfWrite;
use crate::object::incoming::Unread;
use crate::object::metadata::{etag, of_headers, quoted};
use crate::object::options;
use crate::protocol::error::Result;
use crate::protocol::head::Head;
use crate::protocol::response::{Response, empty, set};
use crate::store_error::of_store;
use http::StatusCode;
use std::sync::Arc;
use storage_store::{ObjectInfo, PutOptions, Trailer};

/// An object that was written.
pub struct Written {
    /// Its etag, without quotes.
    pub etag: Option<String>,
    /// Its checksum.
    pub sum: Option<Sum>,
}

impl Written {
    /// What is known of it.
    pub fn new(info: &ObjectInfo, sum: Option<Sum>) -> Self {
        Self { etag: etag(info), sum }
    }

    /// Adds it to the headers of a response.
    pub fn show(&self, response: &mut Response) {
        if let Some(etag) = &self.etag {
            set(response, "etag", quoted(etag));
        }
        if let Some(sum) = &self.sum {
            sum.show(response);
        }
    }
}

/// PutObject.
pub async fn put(call: &Arc<Call>, body: Unread) -> Result<Response> {
    let head = call.head();
    let written = write(call, &head, call.key(), &OfWrite::of(&head)?, body, |_| Ok(())).await?;
    let mut response = empty(StatusCode::OK);
    written.show(&mut response);
    Ok(response)
}

/// The algorithm of the checksum for an object whose client sends none.
fn algorithm(head: &Head<'_>) -> Result<Algorithm> {
    let named = match Algorithm::named(head, "x-amz-sdk-checksum-algorithm")? {
        None => Algorithm::named(head, "x-amz-checksum-algorithm")?,
        named => named,
    };
    Ok(named.unwrap_or(Algorithm::DEFAULT))
}

/// Writes an object as these headers say. `check` may refuse its length. Nothing is
/// published unless all of it arrived and is what was announced.
pub async fn write(
    call: &Arc<Call>,
    head: &Head<'_>,
    key: &str,
    conditions: &OfWrite,
    body: Unread,
    check: impl Fn(u64) -> Result<()>,
) -> Result<Written> {
    options::check(head)?;
    let mut body = body.read(Some(algorithm(head)?))?;
    let objects = &call.bucket()?.objects;
    let owned = of_new_object(call, head)?;
    let mut options = PutOptions {
        content_type: head.one("content-type")?.map(str::to_owned),
        metadata: of_headers(head)?,
        ..PutOptions::default()
    };
    options.metadata.extend(owned.entry);
    conditions.apply(objects, key, &mut options).await?;
    let mut upload = objects.write(key, options).await.map_err(|e| conditions.error(e))?;
    while let Some(chunk) = body.next().await? {
        upload.push(chunk).await.map_err(of_store)?;
    }
    // A wrong digest drops the unfinished upload.
    let arrived = body.finish().await?;
    check(arrived.ended.length())?;
    let metadata = arrived.sum.iter().map(|sum| sum.keep(arrived.ended.length())).collect();
    let trailer = Trailer { etag: arrived.md5.map(hex::encode), metadata };
    let info = call.publish(key, upload.finish_with(arrived.ended, trailer)).await?;
    Ok(Written::new(&info.map_err(|e| conditions.error(e))?, arrived.sum))
}
