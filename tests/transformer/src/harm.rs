//! The attacks of the test transformer.

use crate::bindings::storage::object_store::types::Error;
use crate::config::Config;
use std::hint::black_box;

/// Whether to attack in this call.
pub fn due(config: &Config, function: &str, key: &str) -> bool {
    // Keys may be reversed.
    config.at == function && (key.contains("bad") || key.contains("dab"))
}

/// Performs the attacks that do not forge an answer.
pub fn strike(config: &Config, function: &str, key: &str) -> Result<(), Error> {
    if !due(config, function, key) {
        return Ok(());
    }
    match config.what.as_str() {
        "loop" => endless(),
        "trap" => core::arch::wasm32::unreachable(),
        "panic" => panic!("the transformer lost its head"),
        "memory" => {
            let mut all = Vec::new();
            loop {
                all.push(vec![1u8; 1 << 20]);
                black_box(&all);
            }
        }
        "sleep" => {
            std::thread::sleep(std::time::Duration::from_secs(100_000));
            Ok(())
        }
        "not-found" => Err(Error::NotFound),
        "network" => {
            let _ = std::net::TcpStream::connect(("127.0.0.1", 1));
            Ok(())
        }
        "huge-error" => Err(Error::Other("x".repeat(8_000_000))),
        _ => Ok(()),
    }
}

/// Falsifies an answer.
pub fn twist(config: &Config, function: &str, key: &str, mut data: Vec<u8>) -> Vec<u8> {
    if due(config, function, key) {
        match config.what.as_str() {
            "longer" => data.push(0),
            "shorter" => data.truncate(data.len().saturating_sub(1)),
            "empty" => data.clear(),
            "vast" => data = vec![0; 40_000_000],
            _ => {}
        }
    }
    data
}

pub fn endless() -> ! {
    let mut i = 0u64;
    loop {
        i = black_box(i).wrapping_add(1);
    }
}
