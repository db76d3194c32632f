//! The server: connections, and what all requests on them share.

mod access_log;
mod admission;
mod busy;
mod connection;
mod cors;
mod current;
mod linger;
mod patience;
mod request_id;
mod service;
mod stalls;
mod tls;

use crate::options::TlsFiles;
use connection::{Connection, Peer};
use current::{Current, Lasting, SharedCurrent};
use std::future::Future;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, watch};

pub use current::Offer;

/// Checks that the certificate and key files can be used.
pub fn check_tls(files: &TlsFiles) -> anyhow::Result<()> {
    tls::acceptor(files).map(drop)
}

/// How long shutdown waits for requests under way.
const DRAIN: Duration = Duration::from_secs(30);

/// The backlog of connections not yet accepted; the system may allow fewer.
const WAITING: u32 = 4_096;

/// A server bound to its address.
pub struct Server {
    listener: TcpListener,
    connections: usize,
    lasting: Lasting,
    current: SharedCurrent,
}

impl Server {
    /// Binds `listen`. Fails if the address is reachable from other machines and unsigned
    /// requests may change anything.
    pub async fn bind(listen: SocketAddr, offer: Offer) -> anyhow::Result<Self> {
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
        let (connections, lasting) = (offer.limits.connections, Lasting::default());
        let current = SharedCurrent::new(Current::new(offer, &lasting)?);
        Ok(Self { listener, connections, lasting, current })
    }

    /// The bound address, with the real port.
    pub fn address(&self) -> anyhow::Result<SocketAddr> {
        Ok(self.listener.local_addr()?)
    }

    /// A handle that replaces what this server serves.
    pub fn switch(&self) -> Switch {
        Switch { lasting: self.lasting.clone(), current: self.current.clone() }
    }

    /// Serves until `until` is ready, then accepts no more connections and lets requests
    /// under way finish, for 30 seconds at most.
    pub async fn run(self, until: impl Future<Output = ()>) {
        let connections = Arc::new(Semaphore::new(self.connections));
        let (ending, ended) = watch::channel(false);
        let mut until = std::pin::pin!(until);
        loop {
            let accepted = async {
                let permit = connections.clone().acquire_owned().await;
                (self.listener.accept().await, permit)
            };
            let ((stream, address), permit) = tokio::select! {
                () = &mut until => break,
                accepted = accepted => match accepted {
                    (Ok(stream), Ok(permit)) => (stream, permit),
                    (Err(error), _) => {
                        // Out of file descriptors, for example: others may end first.
                        tracing::warn!(%error, "a connection could not be taken");
                        tokio::time::sleep(Duration::from_millis(100)).await;
                        continue;
                    }
                    (_, Err(_)) => break,
                },
            };
            let peer = Peer { address: address.ip(), current: self.current.clone() };
            let connection = Connection { peer, ended: ended.clone() };
            tokio::spawn(async move {
                connection.serve(stream).await;
                drop(permit);
            });
        }
        drop(self.listener);
        let _ = ending.send(true);
        // All permits are back when all connections have ended.
        let all = u32::try_from(self.connections).unwrap_or(u32::MAX);
        if tokio::time::timeout(DRAIN, connections.acquire_many(all)).await.is_err() {
            tracing::warn!("some requests did not end in {DRAIN:?} and were cut off");
        }
    }
}

/// Listens with room for a burst of new connections. When the backlog is full, Linux may
/// lose the first bytes of a connection without either side knowing (SYN cookies: the first
/// segment that arrives counts as the beginning), so the customary 128 are too few.
fn listener(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Otherwise a restart would have to wait until the system forgets old connections.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

/// Replaces what a running server serves.
pub struct Switch {
    lasting: Lasting,
    current: SharedCurrent,
}

impl Switch {
    /// Serves `offer` to new requests. Those under way finish with the old one and hold its
    /// `in_use` until then. On an error nothing changes.
    pub fn to(&self, offer: Offer) -> anyhow::Result<()> {
        self.current.replace(Current::new(offer, &self.lasting)?);
        Ok(())
    }
}
