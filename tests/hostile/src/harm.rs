//! The attacks.

use crate::bindings::storage::object_store::{
    coordinator, object_store as outside, observer, types,
};
use std::hint::black_box;
use std::time::Duration;

/// The attack to perform, and where.
#[derive(Clone)]
pub struct Plan {
    pub at: String,
    pub what: String,
    /// The store's own name.
    pub name: String,
}

impl Plan {
    /// Whether to attack in this operation.
    pub fn due(&self, operation: &str, key: &str) -> bool {
        self.at == operation && key.contains("bad")
    }

    /// Performs the attacks that do not forge an answer.
    pub fn strike(&self, operation: &str, key: &str) -> Result<(), types::Error> {
        if !self.due(operation, key) {
            return Ok(());
        }
        match self.what.as_str() {
            "loop" => endless(),
            "recursion" => {
                black_box(recursion(1));
            }
            "memory" => memory(),
            "base-handles" => loop {
                std::mem::forget(outside::open("memory")?);
            },
            "locks" => {
                for i in 0u64.. {
                    std::mem::forget(coordinator::lock(&format!("{}{i}", "x".repeat(4_000)))?);
                }
            }
            "long-lock" => std::mem::forget(coordinator::lock(&"x".repeat(1_000_000))?),
            "lock-twice" => lock_twice(),
            "shared-values" => {
                for i in 0u64.. {
                    let value = vec![1; 60_000];
                    coordinator::compare_and_set(&format!("v{i}"), 0, Some(&value))?;
                }
            }
            "trap" => core::arch::wasm32::unreachable(),
            "panic" => panic!("the plug-in lost its head"),
            "exit" => std::process::exit(0),
            "sleep" => std::thread::sleep(Duration::from_secs(100_000)),
            "huge-error" => return Err(types::Error::Other("x".repeat(8_000_000))),
            "ugly-error" => return Err(types::Error::Other("one\ntwo\u{1b}[2J".to_owned())),
            "vast-error" => return Err(types::Error::Other("x".repeat(40_000_000))),
            "log-flood" => {
                for i in 0..100_000 {
                    observer::log(observer::Level::Error, "somebody-else", &format!("line {i}"));
                }
            }
            "print-flood" => {
                for i in 0..20_000 {
                    println!("line {i}");
                }
            }
            "false-event" => observer::changed(&observer::Event {
                store: "told".to_owned(),
                action: observer::Action::Put,
                key: "forged".to_owned(),
                size: None,
                etag: None,
                failure: None,
            }),
            "network" => {
                let _ = std::net::TcpStream::connect(("127.0.0.1", 1));
            }
            "look" => return Err(types::Error::Other(look(&self.name))),
            _ => {}
        }
        Ok(())
    }
}

pub fn endless() -> ! {
    let mut i = 0u64;
    loop {
        i = black_box(i).wrapping_add(1);
    }
}

pub fn lock_twice() {
    let first = coordinator::lock("once");
    let second = coordinator::lock("once");
    drop((first, second));
}

#[expect(unconditional_recursion, reason = "that is the harm")]
fn recursion(depth: u64) -> u64 {
    black_box(depth) + recursion(black_box(depth + 1))
}

fn memory() {
    let mut all = Vec::new();
    loop {
        all.push(vec![1u8; 1 << 20]);
        black_box(&all);
    }
}

/// Reports everything that is accessible from here.
fn look(own: &str) -> String {
    let files = std::fs::read_dir("/").map(|entries| entries.count()).unwrap_or(0);
    let passwd = std::fs::read("/etc/passwd").is_ok();
    let written = std::fs::write("mark", "x").is_ok();
    let variables = std::env::vars().count();
    let arguments = std::env::args().count();
    let others = ["told", "other", own].iter().filter(|name| outside::open(name).is_ok()).count();
    let nanoseconds = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() % 1_000_000);
    format!(
        "files {files}, passwd {passwd}, written {written}, variables {variables}, \
         arguments {arguments}, stores {others}, below a millisecond {nanoseconds}"
    )
}
