//! CompleteMultipartUpload.

use crate::call::Call;
use crate::object::checksum::{Algorithm, Hasher, Sent, Sum, kind};
use crate::object::conditions::OfWrite;
use crate::object::incoming::too_large;
use crate::object::layout;
use crate::object::metadata::{etag, quoted};
use crate::protocol::error::{Code, Error, Result, error};
use crate::protocol::response::{Body, Broken, Response, xml};
use crate::protocol::xml::write::document;
use crate::store_error::{internal, of_copying};
use crate::uploads::chosen::{self, Wanted};
use crate::uploads::outcome::{Completed, Found, no_upload};
use crate::uploads::part::Part;
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::unfold;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::time::Duration;
use storage_store::objects::{Objects, Upload};
use storage_store::source::Ended;
use storage_store::{Error as StoreError, ObjectInfo, PutOptions, Trailer, request_context};

/// How long a completing upload may take before the response begins. A response that has
/// begun has a success status; until then a failure gets its own.
const PROMPT: Duration = Duration::from_secs(10);

/// The completion of an upload.
type Work = BoxFuture<'static, Result<Completed>>;

/// What a client asks of an upload that it completes.
struct Request {
    wanted: Vec<Wanted>,
    conditions: OfWrite,
    sent: Sent,
    kind: Option<String>,
    size: Option<u64>,
    /// What tells it from another one.
    fingerprint: String,
}

impl Request {
    fn of(call: &Call, body: &[u8]) -> Result<Self> {
        let head = call.head();
        let size = head.one("x-amz-mp-object-size")?.map(|size| {
            size.parse().map_err(|_| error!(InvalidArgument, "x-amz-mp-object-size is a number"))
        });
        let (wanted, conditions) = (chosen::wanted(body)?, OfWrite::of(&head)?);
        let sent = Sent::in_headers(&head)?;
        let text = format!("{wanted:?} {} {sent:?}", conditions.fingerprint());
        Ok(Self {
            wanted,
            conditions,
            sent,
            kind: head.one("x-amz-checksum-type")?.map(str::to_owned),
            size: size.transpose()?,
            fingerprint: hex::encode(Sha256::digest(text)),
        })
    }
}

impl Request {
    /// Refuses another checksum than the client sent.
    fn check(&self, sum: Option<&Sum>) -> Result<()> {
        let sent = sum.and_then(|sum| Some((sum, self.sent.of(sum.algorithm)?)));
        match sent {
            Some((sum, sent)) if sent != sum.value => {
                let name = sum.algorithm.name();
                Err(error!(BadDigest, "the parts together have another {name}"))
            }
            _ => Ok(()),
        }
    }

    /// Whether an upload was completed by the same request.
    fn is_repeated(&self, call: &Call, done: &Completed) -> bool {
        done.request == self.fingerprint && done.by == call.user.name && done.key == call.key()
    }
}

/// CompleteMultipartUpload.
pub async fn complete(call: &Arc<Call>, body: &[u8]) -> Result<Response> {
    let id = call.request.text("uploadId")?;
    let request = Request::of(call, body)?;
    if let Err(error) = call.open_upload(&id).await {
        // The client may have missed the response and repeat the request.
        let done = match error.code() {
            Code::NoSuchUpload => call.endpoint.uploads.result(call.request.bucket(), &id).await?,
            _ => None,
        };
        let done = done.filter(|done| request.is_repeated(call, done));
        return done.map(|done| xml(answer(call, &done))).ok_or(error);
    }
    // It goes on if the client does not wait for the end.
    let work = assemble(call.clone(), id, request);
    let work = tokio::spawn(request_context::capture().scope(work));
    let lost = |error| Err(internal("an upload could not be completed", &error));
    let mut work: Work = work.map(move |joined| joined.unwrap_or_else(lost)).boxed();
    // Completing a large object takes a while: begin the response and keep it alive until
    // the object exists.
    match tokio::time::timeout(PROMPT, &mut work).await {
        Ok(done) => Ok(xml(answer(call, &done?))),
        Err(_) => Ok(slowly(call.clone(), work)),
    }
}

/// Makes an object of the parts of an upload.
async fn assemble(call: Arc<Call>, id: String, request: Request) -> Result<Completed> {
    let (ending, found) = call.endpoint.uploads.end(call.request.bucket(), &id).await?;
    let mut claim = match found {
        Found::Open(claim) => claim,
        Found::Completed(done) if request.is_repeated(&call, &done) => return Ok(done),
        Found::Completed(_) => return Err(no_upload(&id)),
    };
    // This may go on after the request has been answered.
    let _changing = call.endpoint.snapshots.changing();
    let done = claim.during(publish(&call, &id, request)).await;
    match &done {
        Ok(done) => {
            // What fails is left to expire. Without a record, a repetition makes the object
            // again.
            if claim.record(done.clone()).await
                && let Err(error) = call.endpoint.uploads.clear(call.request.bucket(), &id).await
            {
                tracing::warn!(target: "storage", %error, "the parts of an upload are left");
            }
        }
        Err(_) => claim.release().await,
    }
    drop(ending);
    done
}

async fn publish(call: &Arc<Call>, id: &str, request: Request) -> Result<Completed> {
    let (bucket, key, uploads) = (call.bucket()?, call.key(), &call.endpoint.uploads);
    let upload = call.open_upload(id).await?;
    let parts = chosen::choose(&uploads.parts(&bucket.name, id).await?, &request.wanted)?;
    let size: u64 = parts.iter().map(|part| part.size).sum();
    if request.size.is_some_and(|wanted| wanted != size) {
        return Err(error!(InvalidRequest, "the parts have {size} bytes together"));
    }
    if let Some(most) = call.endpoint.object_size.filter(|most| size > *most) {
        return Err(too_large(most));
    }
    let (algorithm, composite) = upload.sums.unwrap_or((Algorithm::DEFAULT, false));
    if request.kind.as_deref().is_some_and(|wanted| wanted != kind(composite)) {
        return Err(error!(InvalidRequest, "the upload was begun with type {}", kind(composite)));
    }
    let pieces = chosen::pieces(&parts, algorithm);
    let known = match composite {
        true => Sum::of_parts(algorithm, pieces.iter().map(|p| p.sum.as_deref())),
        false => Sum::of_all(algorithm, pieces.iter().map(|p| (p.size, p.sum.as_deref()))),
    };
    request.check(known.as_ref())?;
    let mut options = PutOptions {
        content_type: upload.content_type,
        metadata: upload.metadata,
        ..PutOptions::default()
    };
    options.metadata.extend(layout::keep(&pieces));
    let conditions = &request.conditions;
    conditions.apply(&bucket.objects, key, &mut options).await?;
    let joined = match &known {
        Some(sum) => within(call, id, &parts, options.clone(), sum, conditions).await?,
        None => None,
    };
    let (info, sum) = match joined {
        Some(info) => (info, known),
        None => {
            let written = bucket.objects.write(key, options).await;
            let mut written = written.map_err(|e| conditions.error(e))?;
            let mut hasher = known.is_none().then(|| Hasher::new(algorithm));
            let store = uploads.store()?;
            let ended = pour(store, (&bucket.name, id), &parts, &mut written, &mut hasher).await?;
            let sum = known.or(hasher.map(Hasher::finish));
            request.check(sum.as_ref())?;
            let trailer = trailer(&parts, sum.as_ref());
            let info = call.publish(key, written.finish_with(ended, trailer)).await?;
            (info.map_err(|e| conditions.error(e))?, sum)
        }
    };
    Ok(Completed {
        request: request.fingerprint,
        by: call.user.name.clone(),
        key: key.to_owned(),
        etag: etag(&info).unwrap_or_default(),
        sum,
    })
}

/// What is known of an object once its parts are.
fn trailer(parts: &[Part], sum: Option<&Sum>) -> Trailer {
    let size = parts.iter().map(|part| part.size).sum();
    let metadata = sum.iter().map(|sum| sum.keep(size)).collect();
    Trailer { etag: chosen::etag(parts), metadata }
}

/// Makes the object within the backend that holds the parts, so that no bytes come here.
/// Returns `None`, with nothing done, if it is in another place, or if that backend can't.
async fn within(
    call: &Arc<Call>,
    id: &str,
    parts: &[Part],
    mut options: PutOptions,
    sum: &Sum,
    conditions: &OfWrite,
) -> Result<Option<ObjectInfo>> {
    let (bucket, store) = (call.bucket()?, call.endpoint.uploads.store()?);
    let keys: Vec<_> = parts.iter().map(|part| part.key(&bucket.name, id)).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let etags: Option<Vec<_>> = parts.iter().map(|p| p.stored().map(str::to_owned)).collect();
    let located = store.locate_join(&keys, &bucket.objects, call.key()).await;
    let (Some(etags), Some(located)) = (etags, located) else { return Ok(None) };
    options.absorb(trailer(parts, Some(sum)));
    let etags: Vec<&str> = etags.iter().map(String::as_str).collect();
    let joined = located.join(&etags, options).await.map_err(|e| conditions.error(e))?;
    let Some(joined) = joined else { return Ok(None) };
    match call.publish(call.key(), joined.finish()).await? {
        Ok(info) => Ok(Some(info)),
        Err(StoreError::Unsupported(why)) => {
            tracing::warn!(target: "storage", %why, "the parts of an upload are not joined where they are");
            Ok(None)
        }
        Err(error) => Err(conditions.error(error)),
    }
}

/// Writes the bytes of all parts, if they are still those that came.
async fn pour(
    store: &Objects,
    (bucket, id): (&str, &str),
    parts: &[Part],
    written: &mut Upload,
    hasher: &mut Option<Hasher>,
) -> Result<Ended> {
    let mut ended = Ended::own(0);
    for part in parts {
        let mut own = part.sum.as_ref().map(|sum| Hasher::new(sum.algorithm));
        let hear = |piece: &Bytes| {
            for hasher in [&mut own, &mut *hasher].into_iter().flatten() {
                hasher.update(piece);
            }
        };
        let poured = part.open(store, bucket, id).await?.pour(written, hear).await;
        ended = ended.and(poured.map_err(of_copying)?);
        if own.map(Hasher::finish) != part.sum {
            return Err(internal("a part of an upload is not as it came", &part.number));
        }
    }
    Ok(ended)
}

fn answer(call: &Call, done: &Completed) -> String {
    document("CompleteMultipartUploadResult", |result| {
        result.text("Location", &call.url(&done.key));
        result.text("Bucket", call.request.bucket());
        result.text("Key", &done.key);
        result.text("ETag", &quoted(&done.etag));
        if let Some(sum) = &done.sum {
            sum.write(result);
            result.text("ChecksumType", sum.kind());
        }
    })
}

/// A response that begins at once and ends with the result, or with an error, as S3 sends
/// it: white space keeps the connection alive.
fn slowly(call: Arc<Call>, work: Work) -> Response {
    let start = Some((call, work, true));
    let body = unfold(start, |state| async move {
        let (call, mut work, first) = state?;
        if first {
            let head = Bytes::from_static(b"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
            return Some((Ok::<_, Broken>(head), Some((call, work, false))));
        }
        match tokio::time::timeout(PROMPT, &mut work).await {
            Err(_) => Some((Ok(Bytes::from_static(b" ")), Some((call, work, false)))),
            Ok(done) => {
                let text = match done {
                    Ok(done) => answer(&call, &done),
                    Err(error) => failed(&call, &error),
                };
                // The declaration was sent at the beginning.
                let rest = text.split_once('\n').map(|(_, rest)| rest.to_owned());
                Some((Ok(Bytes::from(rest.unwrap_or_default())), None))
            }
        }
    });
    let mut response = xml(String::new());
    *response.body_mut() = Body::stream(body);
    response
}

fn failed(call: &Call, error: &Error) -> String {
    error.document(&call.request.path, &call.origin.id)
}
