//! The source of a copy.

use http::HeaderMap;
use s3s::dto::CopySource;

/// The source of a copy. A `+` in this header is a space, as in forms (s5cmd
/// sends it so), but `parsed` has a plus sign there. Access checks must use
/// this value, too.
pub(super) fn copy_source(headers: &HeaderMap, parsed: CopySource) -> CopySource {
    let raw = headers.get("x-amz-copy-source").and_then(|value| value.to_str().ok());
    raw.filter(|raw| raw.contains('+'))
        .and_then(|raw| CopySource::parse(&raw.replace('+', "%20")).ok())
        .unwrap_or(parsed)
}
