//! A loopback proxy that injects connection faults.

use anyhow::Result;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A fault of one connection.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Fault {
    /// No fault.
    None,
    /// Bytes arrive after a pause.
    Delay(Duration),
    /// The connection is cut after this many bytes of answers.
    CutAnswer(usize),
    /// The connection is cut after this many bytes of requests.
    CutRequest(usize),
    /// The byte at this offset of the answers is changed.
    SpoilAnswer(usize),
    /// The byte at this offset of the requests is changed.
    SpoilRequest(usize),
    /// Requests arrive, but answers don't.
    Mute,
    /// The answer is 503 with this `Retry-After`, in seconds.
    Busy(u32),
    /// The request is forwarded, and its answer replaced by a 500.
    LoseAnswer,
}

/// A running proxy. It applies the planned faults in order, one per connection.
pub struct Proxy {
    port: u16,
    plan: Arc<Mutex<Vec<Fault>>>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    down: Arc<AtomicBool>,
}

impl Proxy {
    /// Starts a proxy in front of a server.
    pub fn start(server: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let plan: Arc<Mutex<Vec<Fault>>> = Arc::default();
        let open: Arc<Mutex<Vec<TcpStream>>> = Arc::default();
        let down: Arc<AtomicBool> = Arc::default();
        let (faults, held, cut) = (plan.clone(), open.clone(), down.clone());
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if cut.load(Ordering::SeqCst) {
                    continue;
                }
                held.lock().unwrap_or_else(PoisonError::into_inner).extend(client.try_clone());
                let mut faults = faults.lock().unwrap_or_else(PoisonError::into_inner);
                let fault = if faults.is_empty() { Fault::None } else { faults.remove(0) };
                drop(faults);
                std::thread::spawn(move || serve(client, server, fault));
            }
        });
        Ok(Self { port, plan, open, down })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Plans the faults of the next connections, in order. Closes open connections, so
    /// that the next request needs a new one.
    pub fn plan(&self, faults: &[Fault]) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = faults.to_vec();
        for stream in self.open.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // Let the client notice.
        std::thread::sleep(Duration::from_millis(50));
    }

    /// Cuts off the server, with all open connections, or restores it.
    pub fn down(&self, down: bool) {
        self.down.store(down, Ordering::SeqCst);
        self.plan(&[]);
    }

    /// Whether all planned faults have occurred.
    pub fn is_done(&self) -> bool {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }
}

fn serve(client: TcpStream, server: u16, fault: Fault) {
    if let Fault::Busy(seconds) = fault {
        return busy(client, seconds);
    }
    let Ok(server) = TcpStream::connect(("127.0.0.1", server)) else { return };
    let (Ok(from_client), Ok(to_server)) = (client.try_clone(), server.try_clone()) else { return };
    let asking = std::thread::spawn(move || match fault {
        Fault::CutRequest(at) => pump(from_client, to_server, Some(at), None, None),
        Fault::SpoilRequest(at) => pump(from_client, to_server, None, Some(at), None),
        _ => pump(from_client, to_server, None, None, None),
    });
    match fault {
        Fault::CutAnswer(at) => pump(server, client, Some(at), None, None),
        Fault::SpoilAnswer(at) => pump(server, client, None, Some(at), None),
        Fault::Delay(pause) => pump(server, client, None, None, Some(pause)),
        // Once the server answers, it has processed the request.
        Fault::Mute | Fault::LoseAnswer => {
            let _ = { &server }.read(&mut [0; 1]);
            if fault == Fault::LoseAnswer {
                let _ = { &client }.write_all(
                    b"HTTP/1.1 500 Lost\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
                let _ = client.shutdown(Shutdown::Both);
            } else {
                let _ = { &client }.read(&mut [0; 1]);
                std::thread::sleep(Duration::from_secs(5));
            }
            let _ = server.shutdown(Shutdown::Both);
        }
        _ => pump(server, client, None, None, None),
    }
    let _ = asking.join();
}

fn pump(
    mut from: TcpStream,
    mut to: TcpStream,
    cut: Option<usize>,
    spoil: Option<usize>,
    pause: Option<Duration>,
) {
    let mut buffer = vec![0; 16 * 1024];
    let mut passed = 0;
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        let Some(bytes) = buffer.get_mut(..count) else { break };
        std::thread::sleep(pause.unwrap_or_default());
        if let Some(byte) = spoil.and_then(|at| bytes.get_mut(at.checked_sub(passed)?)) {
            *byte ^= 1;
        }
        let most = cut.map_or(count, |cut| cut.saturating_sub(passed).min(count));
        if to.write_all(bytes.get(..most).unwrap_or_default()).is_err() || most < count {
            break;
        }
        passed += count;
    }
    for stream in [from, to] {
        let _ = stream.shutdown(Shutdown::Both);
    }
}

/// Answers without contacting the server.
fn busy(mut client: TcpStream, seconds: u32) {
    let _ = client.set_read_timeout(Some(Duration::from_millis(200)));
    let mut buffer = vec![0; 64 * 1024];
    // Read the whole request, or the client may not see the answer.
    while matches!(client.read(&mut buffer), Ok(1..)) {}
    let answer = format!(
        "HTTP/1.1 503 Busy\r\nretry-after: {seconds}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    );
    let _ = client.write_all(answer.as_bytes());
    let _ = client.shutdown(Shutdown::Both);
}
