//! The server: connections, and the operations over stores as buckets.
//!
//! The crate `s3s` implements the protocol (routing, signatures, XML); `s3`
//! implements the operations over `Objects`. Bodies stream, and the memory of a
//! request is bounded.

mod access;
mod acl;
mod body;
mod buckets;
mod checksum;
mod conditions;
mod copy_source;
mod copying;
mod cors;
mod dates;
mod digest;
mod dynamic;
mod encryption;
mod error;
mod form;
mod front;
mod granting;
mod judging;
mod layout;
mod limits;
mod linger;
mod listing;
mod meta;
mod multipart;
mod older;
mod patience;
mod prefixed;
mod reading;
mod region;
mod rewriting;
mod s3;
mod settings;
mod staged;
mod staging;
mod tagging;
mod tags;
mod tls;
mod unsigned;
mod uploads;
mod users;
mod writing;

use crate::cors_rule::Rule;
use crate::options::{Limits, TlsFiles};
use access::Gate;
use anyhow::Context;
use buckets::Buckets;
pub use buckets::Exposed;
use front::Front;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use limits::{Admission, Held};
use patience::Patient;
use s3s::service::S3ServiceBuilder;
use staging::Staging;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use storage_store::request_context;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;

pub use users::Users;

/// Checks that the certificate and key files can be used.
pub fn check_tls(files: &TlsFiles) -> anyhow::Result<()> {
    tls::acceptor(files).map(drop)
}

/// How long a client may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long shutdown waits for requests under way.
const DRAIN: Duration = Duration::from_secs(30);

/// The backlog of connections not yet accepted; the system may allow fewer.
const WAITING: u32 = 4_096;

/// The most bytes of a request's head, and the most that a connection buffers
/// in each direction.
const BUFFER: usize = 64 * 1024;

/// What the server serves, to whom and within which limits. A reload of the
/// configuration replaces it as a whole.
pub struct Offer {
    /// The buckets.
    pub exposed: Exposed,
    /// CORS rules that hold for all buckets.
    pub cors: Vec<Rule>,
    /// The users and what they may do.
    pub users: Users,
    /// Whether bucket and object owners and ACLs restrict users.
    pub acls: bool,
    /// The limits on concurrent requests and memory.
    pub limits: Limits,
    /// The certificate; `None` serves plain HTTP.
    pub tls: Option<TlsFiles>,
    /// A guard that lives as long as a request may use these buckets.
    pub in_use: Arc<()>,
}

/// An [`Offer`], ready to serve.
struct Current {
    front: Front,
    admission: Admission,
    idle: Duration,
    tls: Option<TlsAcceptor>,
}

type Shared = Arc<RwLock<Arc<Current>>>;

/// A server bound to its address.
pub struct Server {
    listener: TcpListener,
    staging: Arc<Staging>,
    connections: usize,
    current: Shared,
}

impl Server {
    /// Binds `listen`. Fails if the address is reachable from other machines
    /// and unsigned requests may change anything.
    pub async fn bind(listen: SocketAddr, offer: Offer, staging: &Path) -> anyhow::Result<Self> {
        offer.users.check_reach(listen)?;
        let listener = listener(listen).map_err(|error| match error.kind() {
            ErrorKind::AddrInUse => anyhow::anyhow!(
                "{listen} is in use by another program; end it, or choose another with --listen"
            ),
            ErrorKind::PermissionDenied => anyhow::anyhow!(
                "{listen} needs rights that this program lacks; choose a port above 1023"
            ),
            _ => anyhow::anyhow!("{listen} can't be listened on: {error}"),
        })?;
        let staging = Staging::open(staging)
            .with_context(|| format!("serve.staging: {} can't be used", staging.display()))?;
        let staging = Arc::new(staging);
        let connections = offer.limits.connections;
        let current = Arc::new(RwLock::new(Arc::new(Current::new(offer, &staging)?)));
        Ok(Self { listener, staging, connections, current })
    }

    /// The bound address, with the real port.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// A handle that replaces what this server serves.
    pub fn switch(&self) -> Switch {
        Switch { staging: self.staging.clone(), current: self.current.clone() }
    }

    /// Serves until `until` is ready, then accepts no more connections and lets
    /// requests under way finish, for 30 seconds at most.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(self.connections));
        let mut until = std::pin::pin!(until);
        loop {
            let accepted = async {
                let permit = connections.clone().acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let ((stream, peer), permit) = tokio::select! {
                () = &mut until => break,
                accepted = accepted => match accepted {
                    (Ok(stream), Ok(permit)) => (stream, permit),
                    (Err(error), _) => {
                        // Out of file descriptors, for example: others may end
                        // first.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                    (_, Err(_)) => break,
                },
            };
            let current = self.current.clone();
            let watcher = graceful.watcher();
            tokio::spawn(async move {
                serve(stream, peer.ip(), current, watcher).await;
                drop(permit);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in {DRAIN:?} and were cut off");
        }
    }
}

/// Listens with room for a burst of new connections. When the backlog is full,
/// Linux may lose the first bytes of a connection without either side knowing
/// (SYN cookies: the first segment that arrives counts as the beginning), so
/// the customary 128 are too few.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise a restart would have to wait until the system forgets old
    // connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Serves one connection to its end.
async fn serve(stream: TcpStream, peer: IpAddr, current: Shared, watcher: Watcher) {
    let _ = stream.set_nodelay(true);
    let (idle, tls) = {
        // Not held: a connection may outlive the configuration it began under.
        let now = read(&current);
        (now.idle, now.tls.clone())
    };
    let stream = Patient::new(stream, idle);
    match tls {
        None => speak(stream, peer, current, watcher).await,
        Some(tls) => match tokio::time::timeout(tls::HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => speak(stream, peer, current, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "a client and TLS did not agree"),
            Err(_) => tracing::debug!("a client did not agree on keys in time"),
        },
    }
}

/// Serves HTTP/1.1 only, which is what S3 clients speak: detecting the version
/// would wait for the first bytes without a limit.
async fn speak<S>(stream: S, peer: IpAddr, current: Shared, watcher: Watcher)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let answer = hyper::service::service_fn(move |request| {
        let current = read(&current);
        async move {
            let id = front::request_id();
            match current.admission.admit(request) {
                Ok((request, room)) => {
                    let context = front::context(&request, peer, &id);
                    let answer = current.front.answer(request, &id);
                    let answer = request_context::scope(context, answer).await?;
                    Ok(Held::answer(answer, Some(room)))
                }
                Err(mut refusal) => {
                    front::identify(&mut refusal, &id);
                    Ok::<_, s3s::HttpError>(Held::answer(*refusal, None))
                }
            }
        }
    });
    // The head timeout also closes connections that idle between requests.
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_headers(128)
        .max_buf_size(BUFFER);
    let connection = http.serve_connection(TokioIo::new(stream), answer);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection broke");
    }
}

fn read(current: &Shared) -> Arc<Current> {
    current.read().unwrap_or_else(PoisonError::into_inner).clone()
}

/// Replaces what a running server serves.
pub struct Switch {
    staging: Arc<Staging>,
    current: Shared,
}

impl Switch {
    /// Serves `offer` to new requests. Those under way finish with the old one
    /// and hold its `in_use` until then. On an error nothing changes.
    pub fn to(&self, offer: Offer) -> anyhow::Result<()> {
        let current = Arc::new(Current::new(offer, &self.staging)?);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = current;
        Ok(())
    }
}

impl Current {
    fn new(offer: Offer, staging: &Arc<Staging>) -> anyhow::Result<Self> {
        let Offer { exposed, cors, users, acls, limits, tls, in_use } = offer;
        let tls = tls.as_ref().map(tls::acceptor).transpose()?;
        let users = Arc::new(users);
        let lists = acls.then(|| users.clone());
        let buckets = Buckets::new(exposed, staging.clone(), lists, in_use);
        let mut builder = S3ServiceBuilder::new(buckets.clone());
        // The library checks access only where it authenticates, so set the
        // gate for unsigned requests, too.
        let gate = Gate { users, buckets: buckets.clone() };
        builder.set_auth(gate.clone());
        builder.set_access(gate);
        builder.set_config(limits::protocol(&limits));
        let idle = limits.idle;
        let front = Front { service: builder.build(), buckets, cors: cors.into() };
        Ok(Self { front, admission: Admission::new(limits), idle, tls })
    }
}
