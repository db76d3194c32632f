//! A connection, from its first byte to its last.

use super::access_log::{Facts, Line, Received};
use super::admission::{AdmittedBody, Sending};
use super::busy::{Busy, Counted};
use super::current::SharedCurrent;
use super::linger::Lingering;
use super::patience::{Patience, Patient};
use super::service::Closes;
use super::stalls::Stalls;
use super::{request_id, service, tls};
use crate::call::Origin;
use crate::memory::slow_down;
use futures::StreamExt;
use http::header::EXPECT;
use hyper::body::Incoming;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use storage_store::request_context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;

/// How long a client may take to send the head of a request, and how long a connection may
/// be without one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a request's head, and the most that a connection of HTTP/1.1 buffers
/// in each direction.
const BUFFER: usize = 64 * 1024;

/// The most headers of a request.
const MAX_HEADERS: usize = 128;

/// The most requests at a time on one connection of HTTP/2.
const STREAMS: u32 = 128;

/// The bytes of a body that a client of HTTP/2 may send before they are taken.
const WINDOW: u32 = 256 * 1024;

/// The same for all bodies of a connection together.
const WINDOW_OF_ALL: u32 = 1024 * 1024;

/// Who is at the other end, and what is served.
#[derive(Clone)]
pub struct Peer {
    pub address: IpAddr,
    pub current: SharedCurrent,
}

/// A connection that was accepted.
pub struct Connection {
    pub peer: Peer,
    /// Whether the server is ending.
    pub ended: watch::Receiver<bool>,
}

impl Connection {
    /// Serves it to its end.
    pub async fn serve(self, stream: TcpStream) {
        let _ = stream.set_nodelay(true);
        let (idle, tls) = {
            // Not held: a connection may outlive the configuration it began under.
            let now = self.peer.current.read();
            (now.idle, now.tls.clone())
        };
        let stream = Patient::new(stream, idle);
        let Some(tls) = tls else { return self.http1(stream, false).await };
        match tokio::time::timeout(tls::HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => match stream.get_ref().1.alpn_protocol() {
                Some(tls::HTTP_2) => self.http2(stream, idle).await,
                _ => self.http1(stream, true).await,
            },
            Ok(Err(error)) => tracing::debug!(%error, "a client and TLS did not agree"),
            Err(_) => tracing::debug!("a client did not agree on keys in time"),
        }
    }

    async fn http1<S>(mut self, stream: S, secure: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let peer = self.peer.clone();
        let answer = service_fn(move |request| {
            let peer = peer.clone();
            async move { Ok::<_, Infallible>(answer(&peer, request, secure, None).await) }
        });
        // The head timeout also closes connections that idle between requests.
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_headers(MAX_HEADERS)
            .max_buf_size(BUFFER);
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let done = tokio::select! {
            done = connection.as_mut() => done,
            () = ended(&mut self.ended) => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a connection broke");
        }
    }

    async fn http2<S>(mut self, stream: S, idle: Duration)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (peer, stalls, busy) = (self.peer.clone(), Stalls::default(), Busy::default());
        let (watched, counted) = (stalls.clone(), busy.clone());
        let answer = service_fn(move |request| {
            let (peer, stalls, busy) = (peer.clone(), watched.clone(), counted.clone());
            async move {
                let watch = (stalls.watch(), busy.request());
                Ok::<_, Infallible>(answer(&peer, request, true, Some(watch)).await)
            }
        });
        let mut http = http2::Builder::new(TokioExecutor::new());
        http.timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(BUFFER as u32)
            .initial_stream_window_size(WINDOW)
            .initial_connection_window_size(WINDOW_OF_ALL)
            .keep_alive_interval(HEAD_TIMEOUT)
            .keep_alive_timeout(idle);
        let connection = http.serve_connection(TokioIo::new(stream), answer);
        let mut connection = std::pin::pin!(connection);
        let (mut is_ending, mut closing) = (false, None);
        let done = loop {
            tokio::select! {
                done = connection.as_mut() => break done,
                () = stalls.stalled(idle) => {
                    tracing::debug!("a client of HTTP/2 takes nothing of a response");
                    return;
                }
                // A client that answers pings but takes nothing would keep what is buffered.
                () = until(closing), if closing.is_some() => {
                    if busy.is_idle() {
                        return;
                    }
                    closing = Some(Instant::now() + idle);
                    continue;
                }
                () = ended(&mut self.ended), if !is_ending => {}
                () = busy.idle(HEAD_TIMEOUT), if !is_ending => {
                    closing = Some(Instant::now() + idle);
                }
            }
            connection.as_mut().graceful_shutdown();
            is_ending = true;
        };
        if let Err(error) = done {
            tracing::debug!(%error, "a connection broke");
        }
    }
}

async fn ended(ended: &mut watch::Receiver<bool>) {
    // The server is gone, too, when there is nobody to tell.
    let _ = ended.wait_for(|ended| *ended).await;
}

/// Ready at this time, if there is one.
async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// Answers a request, if there is room for it.
async fn answer(
    peer: &Peer,
    request: http::Request<Incoming>,
    secure: bool,
    watch: Option<(Sending, Counted)>,
) -> http::Response<AdmittedBody> {
    let current = peer.current.read();
    let origin = Origin { id: request_id::new(), secure };
    let (head, body) = request.into_parts();
    let facts = Facts {
        id: origin.id.clone(),
        address: Some(peer.address.to_canonical()),
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        ..Facts::default()
    };
    let received = Arc::<Received>::default();
    let (waits, patience) = (head.headers.contains_key(EXPECT), Patience::new(current.idle));
    let arriving = Lingering::new(body, waits, patience, received.clone());
    let mut line = Line::new(current.log.clone(), facts, received);
    let facts = &mut line.facts;
    let (response, room) = match current.admission.admit() {
        Some(room) => {
            let context = request_id::context(&head.headers, peer.address, &origin.id);
            let arriving = arriving.boxed();
            let answered = service::respond(&current.endpoint, head, arriving, origin, facts);
            (request_context::scope(context, answered).await, Some(room))
        }
        None => {
            let closes = Closes::of(&head);
            let refused = slow_down();
            let mut response = refused.response(head.uri.path(), &origin.id);
            service::finish(&mut response, &head.method, &closes, facts);
            facts.error = Some(refused.code().name());
            (response, None)
        }
    };
    line.answered();
    response.map(|body| AdmittedBody::new(body, room, watch.unzip(), line))
}
