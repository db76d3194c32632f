//! Anything at all on a connection to the endpoint: it is answered in HTTP or
//! not at all, and others are served as before.

use crate::runtime;
use std::io::{Read, Write};
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

/// Serves a store in memory that takes any request, signed or not.
fn serve() -> SocketAddr {
    let objects = Objects::new("main", Arc::new(Memory::new()));
    let limits = Limits {
        object_size: Some(1 << 20),
        idle: Duration::from_secs(2),
        ..Limits::default()
    };
    let offer = Offer {
        exposed: Exposed::Fixed(vec![("main".to_owned(), objects)]),
        cors: Vec::new(),
        users: Users::new(&[], Some(Scope::everything())),
        acls: true,
        limits,
        tls: None,
        in_use: Arc::new(()),
    };
    let staging = tempfile::tempdir().expect("a directory").keep();
    runtime().block_on(async {
        let listen = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(listen, offer, &staging).await.expect("a server");
        let address = server.address().expect("an address");
        tokio::spawn(server.run(std::future::pending()));
        address
    })
}

fn ask(address: SocketAddr, data: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    // It may hang up in the middle.
    let _ = stream.write_all(data).and_then(|()| stream.shutdown(Shutdown::Write));
    let mut answer = Vec::new();
    let ended = stream.read_to_end(&mut answer);
    let waited = matches!(&ended, Err(error) if error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!waited, "no end after 20 seconds: {:?}", String::from_utf8_lossy(&answer));
    answer
}
