//! Arbitrary bytes on a connection to the endpoint: the answer is HTTP or nothing,
//! and other clients are still served.

use crate::runtime::runtime;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage_host::Objects;
use storage_host::backends::memory::Memory;
use storage_host::config::{Limits, Scope};
use storage_host::serve::{Exposed, Offer, Server, Users};

pub fn run(data: &[u8]) {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    let address = ADDRESS.get_or_init(serve);
    let answer = ask(*address, data);
    assert!(
        answer.is_empty() || answer.starts_with(b"HTTP/1.1 ") || answer.starts_with(b"HTTP/1.0 "),
        "{:?}",
        String::from_utf8_lossy(&answer)
    );
    let good = ask(*address, b"HEAD /main HTTP/1.1\r\nhost: h\r\nconnection: close\r\n\r\n");
    assert!(good.starts_with(b"HTTP/1.1 200 "), "{:?}", String::from_utf8_lossy(&good));
}

/// Serves a store in memory that allows any request, signed or not.
fn serve() -> SocketAddr {
    let objects = Objects::new("main", Arc::new(Memory::new()));
    let limits =
        Limits { object_size: Some(1 << 20), idle: Duration::from_secs(2), ..Limits::default() };
    let exposed = Exposed::Fixed(vec![("main".to_owned(), objects)]);
    let users = Users::new(&[], Some(Scope::everything()));
    let staging = Ok(Objects::new("staging", Arc::new(Memory::new())));
    let offer = Offer { limits, staging, ..Offer::new(exposed, users) };
    runtime().block_on(async {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(listen, offer).await.expect("a server");
        let address = server.address().expect("an address");
        tokio::spawn(server.run(std::future::pending()));
        address
    })
}

/// How long to wait for an answer before closing the sending side.
const QUIET: Duration = Duration::from_millis(20);

/// How long the answer may take after that.
const PATIENCE: Duration = Duration::from_secs(20);

fn ask(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    let mut answer = Vec::new();
    // The server may hang up early.
    let _ = stream.write_all(data);
    stream.set_read_timeout(Some(QUIET)).expect("a timeout");
    if stream.read_to_end(&mut answer).is_err_and(|error| waited(&error)) {
        let _ = stream.shutdown(Shutdown::Write);
        stream.set_read_timeout(Some(PATIENCE)).expect("a timeout");
        let ended = stream.read_to_end(&mut answer);
        let endless = ended.is_err_and(|error| waited(&error));
        assert!(!endless, "no end: {:?}", String::from_utf8_lossy(&answer));
    }
    answer
}

fn waited(error: &std::io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock
}
