//! Answers requests: reads each once, verifies who sent it, authorizes it, and calls what
//! its operation does.

use super::access_log::Facts;
use super::cors::{Asked, preflight};
use crate::access::rights;
use crate::auth;
use crate::auth::signed::{Payload, Signable};
use crate::call::{Call, Origin};
use crate::credentials::Right;
use crate::endpoint::Endpoint;
use crate::handlers::dispatch::{Content, answer};
use crate::object::checksum::Sent;
use crate::object::encryption;
use crate::object::incoming::{Expected, Incoming, Unread};
use crate::options::Etags;
use crate::posted_form::PostedForm;
use crate::protocol::error::{Code, Error, Result};
use crate::protocol::head::Head;
use crate::protocol::operation::Body;
use crate::protocol::operations::Id;
use crate::protocol::request::{Arriving, Request};
use crate::protocol::response::{Response, set, without_body};
use crate::protocol::target::{Target, bucket_of_host};
use crate::users::User;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Method, Version};
use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use storage_store::request_context;

/// For how long a document, or the fields of a form, may arrive.
const IN_MEMORY: Duration = Duration::from_secs(60);

/// Answers a request.
pub async fn respond(
    endpoint: &Arc<Endpoint>,
    head: Parts,
    arriving: Arriving,
    origin: Origin,
    facts: &mut Facts,
) -> Response {
    let (method, resource) = (head.method.clone(), head.uri.path().to_owned());
    let closes = Closes::of(&head);
    let allowed = match Asked::by(&head.method, &head.headers) {
        Some(asked) => {
            let allowed = allowed(endpoint, &head, &asked).await;
            Some((asked, allowed))
        }
        None => None,
    };
    let id = origin.id.clone();
    let answered = match (method == Method::OPTIONS, &allowed) {
        (true, Some((asked, allowed))) => preflight(Some(asked), allowed.is_some()),
        (true, None) => preflight(None, false),
        (false, _) => Box::pin(handle(endpoint, head, arriving, origin, facts)).await,
    };
    let mut response = answered.unwrap_or_else(|error| {
        facts.error = Some(error.code().name());
        error.response(&resource, &id)
    });
    response.headers_mut().extend(allowed.and_then(|(_, allowed)| allowed).unwrap_or_default());
    finish(&mut response, &method, &closes, facts);
    response
}

/// Gives a response what every one has.
pub fn finish(response: &mut Response, method: &Method, closes: &Closes, facts: &mut Facts) {
    if *method == Method::HEAD {
        without_body(response);
    }
    closes.mark(response);
    set(response, "x-amz-request-id", &facts.id);
    facts.status = response.status().as_u16();
}

/// The CORS headers for a request. What is kept of the bucket is read by its name, at the
/// cost of one read, since nobody has to sign to get here.
async fn allowed(endpoint: &Endpoint, head: &Parts, asked: &Asked) -> Option<HeaderMap> {
    let host = head.headers.get(HOST).and_then(|host| host.to_str().ok());
    let host = head.uri.authority().map(|authority| authority.as_str()).or(host);
    let of_host = host.and_then(|host| bucket_of_host(host, &endpoint.domains));
    let target = Target::parse(head.uri.path(), of_host.as_deref()).ok()?;
    let name = target.bucket().filter(|name| crate::bucket_name::problem(name).is_none())?;
    let own = endpoint.buckets.kept(name).await.map(|state| state.cors).unwrap_or_default();
    asked.allowed(own.iter().chain(&endpoint.cors))
}

/// Whether the connection ends with the response.
///
/// After `Expect: 100-continue`, a refused client never sends its body, so that the next
/// request on the connection would be read as that body. A client with an empty body gets
/// the final response where it expects an interim one; botocore then mistakes the next
/// response on the connection.
pub struct Closes {
    waits: bool,
    is_empty: bool,
}

impl Closes {
    /// What a request asks for.
    pub fn of(head: &Parts) -> Self {
        let waits = head.version < Version::HTTP_2 && head.headers.contains_key(EXPECT);
        let is_empty = head.headers.get(CONTENT_LENGTH).is_some_and(|length| length == "0");
        Self { waits, is_empty }
    }

    /// Tells the client.
    fn mark(&self, response: &mut Response) {
        if self.waits && (self.is_empty || response.status().as_u16() >= 400) {
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }
}

async fn handle(
    endpoint: &Arc<Endpoint>,
    head: Parts,
    arriving: Arriving,
    origin: Origin,
    facts: &mut Facts,
) -> Result<Response> {
    let request = Request::parse(head, &endpoint.domains)?;
    facts.operation = Some(request.operation.name);
    facts.bucket = request.target.bucket().map(str::to_owned);
    facts.key = request.target.key().map(str::to_owned);
    if request.operation.body == Body::Form {
        return post(endpoint, request, arriving, origin, facts).await;
    }
    let secret = |access_key: &str| endpoint.users.secret(access_key);
    let signable = Signable::from(&request);
    let sender = auth::verify(&signable, secret, endpoint.v2, SystemTime::now())?;
    let user = endpoint.users.sender(sender.access_key.as_deref())?;
    identify(&user, &request, facts);
    rights::check(&user, &request)?;
    encryption::check(&request.method, &request.head())?;
    let reads = matches!(request.method, Method::GET | Method::HEAD);
    let _changing = (!reads).then(|| endpoint.snapshots.changing());
    let mut call = Call::open(request, user, endpoint.clone(), origin, None).await?;
    let mut held = endpoint.memory.holder();
    let content = match call.request.operation.body {
        Body::Empty => Content::Document(Bytes::new()),
        Body::Document(most) => {
            let mut expected = Expected::of(&call.head(), &sender.payload)?;
            // The checksums here are those of the object, which the document does not hold.
            if call.request.operation.id == Id::CompleteMultipartUpload {
                expected.sums = Sent::default();
            }
            let body = Incoming::new(arriving, &sender.payload, expected)?;
            let document = in_time(body.document(most, &mut held)).await?;
            if endpoint.acls {
                call.reopen().await?;
            }
            Content::Document(document)
        }
        Body::Object | Body::Form => {
            Expected::check_length(call.request.version, &call.request.headers)?;
            let expected = Expected::of(&call.head(), &sender.payload)?;
            Content::Object(unread(endpoint, arriving, sender.payload, expected))
        }
    };
    answer(&Arc::new(call), content).await
}

/// What is held in memory has to arrive within a minute, so that nobody keeps the memory
/// from others by sending slowly.
async fn in_time<T>(body: impl Future<Output = Result<T>>) -> Result<T> {
    let done = tokio::time::timeout(IN_MEMORY, body).await;
    done.unwrap_or_else(|_| Err(Error::from(Code::RequestTimeout)))
}

/// Answers an upload by a form, which is signed by its fields.
async fn post(
    endpoint: &Arc<Endpoint>,
    request: Request,
    arriving: Arriving,
    origin: Origin,
    facts: &mut Facts,
) -> Result<Response> {
    let (form, file) = in_time(PostedForm::read(&request, endpoint, arriving)).await?;
    let user = endpoint.users.sender(form.access_key.as_deref())?;
    facts.key = Some(form.key.clone());
    identify(&user, &request, facts);
    rights::check(&user, &request)?;
    rights::check_key(&user, Right::Write, request.bucket(), &form.key)?;
    let head = Head::new(&form.headers, None);
    encryption::check(&Method::PUT, &head)?;
    let expected = Expected::of_form(&head)?;
    let mut body = unread(endpoint, file, Payload::Unsigned, expected);
    let of_policy = form.policy.as_ref().and_then(|policy| policy.most_bytes());
    body.expected.most = [body.expected.most, of_policy].into_iter().flatten().min();
    let _changing = endpoint.snapshots.changing();
    let call = Call::open(request, user, endpoint.clone(), origin, Some(form)).await?;
    answer(&Arc::new(call), Content::Object(body)).await
}

fn unread(endpoint: &Endpoint, arriving: Arriving, payload: Payload, expected: Expected) -> Unread {
    let wants_md5 = endpoint.etags == Etags::Md5;
    let expected = Expected { most: endpoint.object_size, wants_md5, ..expected };
    Unread { arriving, payload, expected }
}

/// Tells decorators and the log who sends the request.
fn identify(user: &User, request: &Request, facts: &mut Facts) {
    facts.principal.clone_from(&user.name);
    request_context::authenticated(user.name.as_deref(), request.target.bucket());
}
