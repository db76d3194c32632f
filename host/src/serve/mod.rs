//! The S3 endpoint: stores as buckets.
//!
//! The protocol (routing, signatures, XML) is the crate `s3s`; the operations
//! are in `s3`, over [`Objects`]. Everything streams; what a request may
//! hold is bounded.

mod access;
mod body;
mod buckets;
mod checksum;
mod conditions;
mod cors;
mod dates;
mod dynamic;
mod error;
mod front;
mod layout;
mod linger;
mod list;
mod listing;
mod meta;
mod multipart;
mod prefixed;
mod reading;
mod region;
mod s3;
mod settings;
mod staging;
mod tagging;
mod users;
mod writing;

use access::Gate;
use anyhow::Context;
use buckets::Buckets;
pub use buckets::Exposed;
pub use cors::Rule;
use front::Front;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::S3ServiceBuilder;
use staging::Staging;
use std::future::Future;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

pub use users::Users;

/// How long a client may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How long requests under way may take when the server is asked to end.
const DRAIN: Duration = Duration::from_secs(30);

/// The most connections at a time; others wait.
const MAX_CONNECTIONS: usize = 4_096;

/// The most bytes of XML in a request: 10,000 parts with checksums have 3 MiB,
/// 1,000 keys to delete, with every byte written as a reference, 7 MiB.
const MAX_XML: usize = 8 * 1024 * 1024;

/// The largest file in a form of a browser: it is held in memory until the
/// form's policy is checked.
const MAX_FORM: u64 = 64 * 1024 * 1024;

/// A server, bound to its address.
pub struct Server {
    listener: TcpListener,
    staging: Arc<Staging>,
    current: Arc<RwLock<Front>>,
}

impl Server {
    /// Binds `listen`. Where others can reach it, unsigned requests may change
    /// nothing.
    /// `in_use` is held as long as a request may use these buckets.
    pub async fn bind(
        listen: SocketAddr,
        exposed: Exposed,
        cors: Vec<Rule>,
        users: Users,
        staging: &Path,
        in_use: Arc<()>,
    ) -> anyhow::Result<Self> {
        users.check_reach(listen)?;
        let listener = TcpListener::bind(listen).await.map_err(|error| match error.kind() {
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
        let current = Arc::new(RwLock::new(service(exposed, cors, users, &staging, in_use)));
        Ok(Self { listener, staging, current })
    }

    /// The address, with the real port.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// A handle that changes what is served.
    pub fn switch(&self) -> Switch {
        Switch { staging: self.staging.clone(), current: self.current.clone() }
    }

    /// Serves until `until` is ready; then takes no more connections and lets
    /// requests under way finish, for 30 seconds at most.
    pub async fn run(self, until: impl Future<Output = ()>) {
        // HTTP/1.1 alone, which is what S3 clients speak: telling versions
        // apart would wait for the first bytes without a limit.
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(HEAD_TIMEOUT).max_headers(128);
        let graceful = GracefulShutdown::new();
        let connections = Arc::new(Semaphore::new(MAX_CONNECTIONS));
        let mut until = std::pin::pin!(until);
        loop {
            let accepted = async {
                let permit = connections.clone().acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let ((stream, _), permit) = tokio::select! {
                () = &mut until => break,
                accepted = accepted => match accepted {
                    (Ok(stream), Ok(permit)) => (stream, permit),
                    (Err(error), _) => {
                        // Out of file descriptors, say: others may end first.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                    (_, Err(_)) => break,
                },
            };
            let _ = stream.set_nodelay(true);
            let current = self.current.clone();
            let answer = hyper::service::service_fn(move |request| {
                let front = current.read().unwrap_or_else(PoisonError::into_inner).clone();
                async move { front.answer(request).await }
            });
            let connection = http.serve_connection(TokioIo::new(stream), answer);
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                if let Err(error) = connection.await {
                    tracing::debug!(%error, "a connection broke");
                }
                drop(permit);
            });
        }
        drop(self.listener);
        if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
            tracing::warn!("some requests did not end in {DRAIN:?} and were cut off");
        }
    }
}

/// Changes what a running server serves.
pub struct Switch {
    staging: Arc<Staging>,
    current: Arc<RwLock<Front>>,
}

impl Switch {
    /// New requests get these buckets; those under way finish with the old,
    /// and hold its `in_use` until then.
    pub fn to(&self, exposed: Exposed, cors: Vec<Rule>, users: Users, in_use: Arc<()>) {
        let service = service(exposed, cors, users, &self.staging, in_use);
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = service;
    }
}

fn service(
    exposed: Exposed,
    cors: Vec<Rule>,
    users: Users,
    staging: &Arc<Staging>,
    in_use: Arc<()>,
) -> Front {
    let buckets = Buckets::new(exposed, staging.clone(), in_use);
    let mut builder = S3ServiceBuilder::new(buckets.clone());
    let mut config = S3Config::default();
    config.xml_max_body_size = MAX_XML;
    config.post_object_max_file_size = MAX_FORM;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    // Rights are checked only where there is somebody to authenticate, so a
    // gate stands before the unsigned, too.
    let gate = Gate(Arc::new(users));
    builder.set_auth(gate.clone());
    builder.set_access(gate);
    Front { service: builder.build(), buckets, cors: cors.into() }
}
