//! The bytes of an object as the body of a response, or of another object.

use crate::protocol::error::Error;
use crate::protocol::request::Arriving;
use crate::protocol::response::{Body, Broken};
use crate::store_error::of_reading;
use futures::StreamExt;
use futures::stream::try_unfold;
use std::sync::Arc;
use storage_store::chunk_size::piece;
use storage_store::source::Source;

/// A source as the body of a response. If the source fails, the client sees a broken
/// connection: the last bytes are sent only after the source has ended well. `in_use` is
/// held until then.
pub fn body(source: Source, in_use: Arc<()>) -> Body {
    let start = (source, in_use);
    Body::stream(try_unfold(start, |(mut source, in_use)| async move {
        let chunk = source.next(piece()).await.inspect_err(|error| {
            tracing::error!(target: "storage", %error, "an object could not be read to its end");
        })?;
        Ok::<_, Broken>((!chunk.is_empty()).then_some((chunk, (source, in_use))))
    }))
}

/// A source as the bytes of a part.
pub fn arriving(source: Source) -> Arriving {
    let stream = try_unfold(source, |mut source| async move {
        let chunk = source.next(piece()).await.map_err(of_reading)?;
        Ok::<_, Error>((!chunk.is_empty()).then_some((chunk, source)))
    });
    stream.boxed()
}
