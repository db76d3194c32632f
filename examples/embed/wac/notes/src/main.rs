//! A wasm application that knows only the contract; the stores behind it are composed
//! with it.
//!
//! Processes its arguments in order: `KEY=TEXT` puts a note, `KEY` prints one, `STORE:`
//! lists a store.

mod bindings {
    wit_bindgen::generate!({
        path: "../../../../wit",
        generate_all,
        inline: "package example:notes;
            world notes { import storage:object-store/object-store@0.1.0; }",
    });
}

use bindings::storage::object_store::object_store::{Store, open};
use bindings::storage::object_store::types::{Error, ListOptions, PutOptions, ReadOptions};
use std::process::ExitCode;

fn main() -> ExitCode {
    for argument in std::env::args().skip(1) {
        if let Err(error) = obey(&argument) {
            eprintln!("{argument}: {error:?}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn obey(argument: &str) -> Result<(), Error> {
    if let Some(name) = argument.strip_suffix(':') {
        return list(&open(name)?);
    }
    let notes = open("main")?;
    if let Some((key, text)) = argument.split_once('=') {
        let content_type = Some("text/plain".to_owned());
        let (metadata, etag, if_absent, if_match) = (Vec::new(), None, false, None);
        let options = PutOptions { content_type, metadata, etag, if_absent, if_match };
        notes.put(key, text.as_bytes(), &options)?;
        return Ok(());
    }
    let whole = ReadOptions { range: None, if_match: None, if_none_match: None };
    let (_, data) = notes.get(argument, &whole)?;
    println!("{}", String::from_utf8_lossy(&data));
    Ok(())
}

fn list(store: &Store) -> Result<(), Error> {
    let mut options =
        ListOptions { prefix: String::new(), start_after: None, limit: None, skipped: false };
    loop {
        let page = store.list(&options)?;
        for entry in page.entries {
            println!("{} {}", entry.key, entry.info.size.map_or("?".to_owned(), |n| n.to_string()));
        }
        let Some(next) = page.next else { return Ok(()) };
        options.start_after = Some(next);
    }
}
