//! Tests of what `validate` rejects, and of transformers that break the contract.

use super::kit::*;
use crate::transforming::{Behaviour, Data, Validation, build};
use std::rc::Rc;
use storage_contract::memory::Memory;
use storage_contract::store::Store;
use storage_contract::types::*;

#[test]
fn nothing_is_written_that_is_not_valid() {
    let memory = Memory::default();
    let keys = over(memory.clone(), picky(None));
    for result in [
        keys.put("bad", b"x", &PutOptions::default()),
        write(&*keys, "bad", b"x", 1),
        over(memory.clone(), picky(Some(100))).put("k", b"bad", &PutOptions::default()),
        write(&*over(memory.clone(), picky(Some(100))), "k", b"bad", 1),
    ] {
        assert_eq!(result, Err(Error::InvalidData("it is bad".to_owned())));
    }
    assert!(memory.list(&ListOptions::default()).unwrap().entries.is_empty());
    put(&*keys, "good", b"bad is no matter here");
    assert!(keys.capabilities().range);
}

#[test]
fn an_object_too_large_to_be_looked_at_is_refused() {
    let memory = Memory::default();
    let store = over(memory.clone(), picky(Some(10)));
    for result in
        [store.put("k", &[0; 11], &PutOptions::default()), write(&*store, "k", &[0; 11], 1)]
    {
        assert!(matches!(result, Err(Error::LimitExceeded(_))));
    }
    write(&*store, "k", &[7; 10], 3).unwrap();
    assert_eq!(get(&memory, "k").unwrap(), [7; 10]);
}

#[test]
fn a_behaviour_that_can_not_be_is_refused() {
    let chunked = |chunk_size, overhead| Behaviour {
        data: Data::Chunked { chunk_size, overhead },
        ..Behaviour::default()
    };
    for behaviour in [
        chunked(0, None),
        chunked(5 << 20, None),
        chunked(1_000, Some(1_000_000)),
        Behaviour { data: Data::Whole { max_size: 0, reversible: true }, ..Behaviour::default() },
        Behaviour { validation: Validation::Objects(0), ..Behaviour::default() },
    ] {
        let made = Made { behaviour, ..nothing() };
        let base = Rc::new(Memory::default());
        let built = build("made", made, "{}", base, Rc::new(|| [0; 16]));
        let error = built.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(
            error.starts_with("invalid config: store \"made\": the transformer asks"),
            "{error}"
        );
    }
}

#[test]
fn a_behaviour_that_asks_for_nothing_is_the_base() {
    let memory = Memory::default();
    let store = over(memory.clone(), nothing());
    put(&*store, "k", b"data");
    assert_eq!(get(&memory, "k").unwrap(), b"data");
    assert_eq!(store.capabilities(), Capabilities::ALL);
}

/// The error message of an operation on an object `k` of 100 bytes.
fn refusal(made: Made, operate: fn(&dyn Store) -> Result<Vec<u8>>) -> String {
    let memory = Memory::default();
    if let Data::Chunked { chunk_size, .. } = made.behaviour.data {
        put(&*over(memory.clone(), sealed(chunk_size)), "k", &[1; 100]);
    } else {
        put(&memory, "k", &[1; 100]);
    }
    let store = over(memory, made);
    operate(&*store).unwrap_err().to_string()
}

fn putting(store: &dyn Store) -> Result<Vec<u8>> {
    store.put("k", &[1; 100], &PutOptions::default()).map(|_| Vec::new())
}

fn getting(store: &dyn Store) -> Result<Vec<u8>> {
    get(store, "k")
}

#[test]
fn answers_of_wrong_lengths_are_refused() {
    let broken = "failed: the transformer broke its contract: ";
    let longer = Made { encode: |_, data| Ok(vec![0; data.len() + 5]), ..sealed(10) };
    let said = refusal(longer, putting);
    assert_eq!(said, format!("{broken}encode gave 15 bytes for 10, and said that it gives 4 more"));
    let vast = Made { encode: |_, _| Ok(vec![0; 70_000]), ..runs(10) };
    let said = refusal(vast, putting);
    assert_eq!(said, format!("{broken}encode gave 70000 bytes, and 65556 are the most"));
    let vast = Made { encode: |_, _| Ok(vec![0; 70_000]), ..backwards(1_000) };
    let said = refusal(vast, putting);
    assert_eq!(said, format!("{broken}encode gave 70000 bytes, and 69536 are the most"));
    for made in [
        Made { decode: |_, _| Ok(vec![0; 11]), ..sealed(10) },
        Made { decode: |_, _| Ok(vec![0; 9]), ..sealed(10) },
    ] {
        let said = refusal(made, getting);
        assert!(said.starts_with("invalid data: chunk 0 of the object decodes to "), "{said}");
    }
    let bomb = Made { decode: |_, _| Ok(vec![0; 2_000]), ..backwards(1_000) };
    let said = refusal(bomb, getting);
    assert_eq!(said, "limit exceeded: the object decodes to 2000 bytes, and 1000 are the most");
}

#[test]
fn errors_that_only_the_base_can_give_are_not_believed() {
    for error in
        [Error::NotFound, Error::AlreadyExists, Error::PreconditionFailed, Error::InvalidRange]
    {
        let code = error.code();
        let said = match error {
            Error::NotFound => {
                refusal(Made { decode: |_, _| Err(Error::NotFound), ..backwards(1_000) }, getting)
            }
            Error::AlreadyExists => refusal(
                Made { encode: |_, _| Err(Error::AlreadyExists), ..backwards(1_000) },
                putting,
            ),
            Error::PreconditionFailed => refusal(
                Made { map: |_| Err(Error::PreconditionFailed), ..under(true, true) },
                getting,
            ),
            _ => {
                refusal(Made { validate: |_, _| Err(Error::InvalidRange), ..picky(None) }, putting)
            }
        };
        assert_eq!(
            said,
            format!(
                "failed: the transformer broke its contract: it answered {code:?}, which only the base can say"
            )
        );
    }
}
