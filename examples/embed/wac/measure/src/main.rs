//! Puts and gets 1 MiB through the store named by the first argument and prints the
//! median times. Runs entirely inside WebAssembly.

mod bindings {
    wit_bindgen::generate!({
        path: "../../../../wit",
        generate_all,
        inline: "package example:measure;
            world measure { import storage:object-store/object-store@0.1.0; }",
    });
}

use bindings::storage::object_store::object_store::open;
use bindings::storage::object_store::types::{Error, PutOptions, ReadOptions};
use std::time::{Duration, Instant};

fn main() {
    let name = std::env::args().nth(1).unwrap_or_else(|| "main".to_owned());
    match measure(&name) {
        Ok((put, get)) => println!("put {put:?}, get {get:?}"),
        Err(error) => eprintln!("{name}: {error:?}"),
    }
}

fn measure(name: &str) -> Result<(Duration, Duration), Error> {
    let store = open(name)?;
    let data = vec![7; 1 << 20];
    let (mut puts, mut gets) = (Vec::new(), Vec::new());
    for _ in 0..51 {
        let options = PutOptions {
            content_type: None,
            metadata: Vec::new(),
            etag: None,
            if_absent: false,
            if_match: None,
        };
        let start = Instant::now();
        store.put("key", &data, &options)?;
        puts.push(start.elapsed());
        let whole = ReadOptions { range: None, if_match: None, if_none_match: None };
        let start = Instant::now();
        store.get("key", &whole)?;
        gets.push(start.elapsed());
    }
    Ok((median(puts), median(gets)))
}

fn median(mut all: Vec<Duration>) -> Duration {
    all.sort();
    all.get(all.len() / 2).copied().unwrap_or_default()
}
