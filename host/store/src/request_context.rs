//! Who asks, and for what: known to everything that is done for one request.
//!
//! The endpoint and the command line fill it. A program that uses the library does so
//! around its calls, and decorators see it: plug-ins, the lines of a LoggingStore, the
//! events of a NotifyingStore.
//!
//! ```
//! # async fn example(objects: storage_store::Objects) -> storage_store::Result<()> {
//! use storage_store::request_context::{RequestContext, scope};
//!
//! let context = RequestContext { principal: Some("ada".to_owned()), ..Default::default() };
//! scope(context, objects.put("greeting", "hello".into(), Default::default())).await?;
//! # Ok(())
//! # }
//! ```
//!
//! It belongs to the task. A stream keeps the one under which it was opened; a task that
//! the program spawns itself has none until it is [`scope`]d, too.

use std::future::Future;
use std::sync::{Arc, OnceLock};
pub use storage_contract::env::RequestContext;

/// The most bytes of one field.
const MAX_FIELD: usize = 1024;

tokio::task_local! {
    static CURRENT: Option<Arc<Request>>;
}

struct Request {
    context: RequestContext,
    /// What is known only once the request is authenticated.
    authenticated: OnceLock<Authenticated>,
}

struct Authenticated {
    principal: Option<String>,
    bucket: Option<String>,
}

/// Runs a future in this context. A field of more than 1,024 bytes or with control
/// characters is left out, and so is a `trace_parent` that is not well-formed.
pub async fn scope<F: Future>(context: RequestContext, future: F) -> F::Output {
    let request = Request { context: checked(context), authenticated: OnceLock::new() };
    CURRENT.scope(Some(Arc::new(request)), future).await
}

/// The context of the current task; all fields are absent outside of a [`scope`].
pub fn current() -> RequestContext {
    let Some(request) = capture().0 else { return RequestContext::default() };
    let context = request.context.clone();
    match request.authenticated.get() {
        None => context,
        Some(Authenticated { principal, bucket }) => {
            RequestContext { principal: principal.clone(), bucket: bucket.clone(), ..context }
        }
    }
}

/// Says who makes the current request and of which bucket, once it is parsed and
/// authenticated. Later calls for the same request change nothing.
pub fn authenticated(principal: Option<&str>, bucket: Option<&str>) {
    if let Some(request) = capture().0 {
        let known = |text: Option<&str>| field(text.map(str::to_owned));
        // A request is checked twice if its signature is tried in two forms.
        let (principal, bucket) = (known(principal), known(bucket));
        let _ = request.authenticated.set(Authenticated { principal, bucket });
    }
}

/// The context of the current task, to carry over into another one.
pub fn capture() -> Captured {
    Captured(CURRENT.try_with(Clone::clone).ok().flatten())
}

/// See [`capture`].
#[derive(Clone)]
pub struct Captured(Option<Arc<Request>>);

impl Captured {
    /// Runs a future in this context, or in none if it is that.
    pub fn scope<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        CURRENT.scope(self.0.clone(), future)
    }
}

fn checked(context: RequestContext) -> RequestContext {
    let RequestContext { request_id, principal, remote_address, protocol, bucket, trace_parent } =
        context;
    RequestContext {
        request_id: field(request_id),
        principal: field(principal),
        remote_address: field(remote_address),
        protocol: field(protocol),
        bucket: field(bucket),
        trace_parent: trace_parent.filter(|text| is_trace_parent(text)),
    }
}

/// What is too long is left out and not cut: half of a name is another name.
fn field(text: Option<String>) -> Option<String> {
    text.filter(|text| text.len() <= MAX_FIELD && !text.chars().any(char::is_control))
}

/// Whether this is a `traceparent` of W3C Trace Context, in the form of version 00.
fn is_trace_parent(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(5, '-').collect();
    let hex = |part: &str, length: usize| {
        part.len() == length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    };
    let some = |part: &str| part.bytes().any(|byte| byte != b'0');
    let [version, trace, parent, flags] = parts.as_slice() else { return false };
    hex(version, 2)
        && *version != "ff"
        && hex(trace, 32)
        && some(trace)
        && hex(parent, 16)
        && some(parent)
        && hex(flags, 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(principal: &str) -> RequestContext {
        RequestContext { principal: Some(principal.to_owned()), ..RequestContext::default() }
    }

    #[tokio::test]
    async fn a_task_has_the_context_of_its_scope_and_carries_it_over_on_request() {
        assert_eq!(current(), RequestContext::default());
        scope(of("ada"), async {
            assert_eq!(current(), of("ada"));
            let carried = capture().scope(async { current() });
            assert_eq!(tokio::spawn(carried).await.unwrap(), of("ada"));
            assert_eq!(tokio::spawn(async { current() }).await.unwrap(), RequestContext::default());
            scope(RequestContext::default(), async {
                authenticated(Some("bob"), None);
                assert_eq!(current(), of("bob"));
            })
            .await;
            assert_eq!(current(), of("ada"));
        })
        .await;
    }

    #[tokio::test]
    async fn what_is_too_long_or_not_one_line_is_left_out() {
        for wrong in ["a\nb", "\u{1b}[0m", &"x".repeat(1025)] {
            let context = RequestContext {
                request_id: Some(wrong.to_owned()),
                bucket: Some("b".to_owned()),
                ..of(wrong)
            };
            let left = RequestContext { bucket: Some("b".to_owned()), ..Default::default() };
            assert_eq!(scope(context, async { current() }).await, left);
        }
    }

    #[test]
    fn a_trace_parent_is_checked() {
        let (trace, parent) = ("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331");
        assert!(is_trace_parent(&format!("00-{trace}-{parent}-01")));
        for wrong in [
            String::new(),
            format!("ff-{trace}-{parent}-01"),
            format!("00-{}-{parent}-01", "0".repeat(32)),
            format!("00-{trace}-{}-01", "0".repeat(16)),
            format!("00-{}-{parent}-01", trace.to_uppercase()),
            format!("00-{trace}-{parent}-01-more"),
            format!("00-{trace}-{parent}"),
        ] {
            assert!(!is_trace_parent(&wrong), "{wrong}");
        }
    }
}
