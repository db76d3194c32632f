//! The ids of requests, and what decorators learn of a request.

use http::HeaderMap;
use std::net::IpAddr;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use storage_store::request_context::RequestContext;

/// A new id: 16 hexadecimal digits, of which the first eight are of this process.
pub fn new() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    static START: LazyLock<String> =
        LazyLock::new(|| crate::random::id::<4>().unwrap_or_default().to_uppercase());
    format!("{}{:08X}", *START, NEXT.fetch_add(1, Ordering::Relaxed))
}

/// What decorators learn of a request before it is authenticated.
pub fn context(headers: &HeaderMap, peer: IpAddr, id: &str) -> RequestContext {
    let trace_parent = headers.get("traceparent");
    RequestContext {
        request_id: Some(id.to_owned()),
        principal: None,
        remote_address: Some(peer.to_canonical().to_string()),
        protocol: Some("s3".to_owned()),
        bucket: None,
        trace_parent: trace_parent.and_then(|text| text.to_str().ok()).map(str::to_owned),
    }
}
