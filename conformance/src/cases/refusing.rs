//! Cases for undeclared capabilities: a store must refuse their operations and
//! change nothing.

use super::case::Case;
use super::expect::expect;
use crate::subject::Subject;
use crate::values::place;
use anyhow::{Result, ensure};
use storage_contract::types::{ByteRange, Error, ListOptions, PutOptions, ReadOptions};

pub(super) const CASES: &[Case] = &[
    Case {
        name: "test_get_undeclared_is_unsupported",
        applies: |caps, _| !caps.read,
        run: test_get_undeclared_is_unsupported,
    },
    Case {
        name: "test_put_undeclared_is_unsupported",
        applies: |caps, _| !caps.write,
        run: test_put_undeclared_is_unsupported,
    },
    Case {
        name: "test_put_over_an_object_undeclared_is_already_exists",
        applies: |caps, _| caps.write && !caps.replace,
        run: test_put_over_an_object_undeclared_is_already_exists,
    },
    Case {
        name: "test_delete_undeclared_is_unsupported",
        applies: |caps, _| !caps.delete,
        run: test_delete_undeclared_is_unsupported,
    },
    Case {
        name: "test_list_undeclared_is_unsupported",
        applies: |caps, _| !caps.list,
        run: test_list_undeclared_is_unsupported,
    },
    Case {
        name: "test_get_range_undeclared_is_unsupported",
        applies: |caps, _| caps.read && !caps.range,
        run: test_get_range_undeclared_is_unsupported,
    },
    Case {
        name: "test_capabilities_are_constant",
        applies: |_, _| true,
        run: test_capabilities_are_constant,
    },
];

fn unsupported() -> Error {
    Error::Unsupported(String::new())
}

fn test_get_undeclared_is_unsupported(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let before = s.snapshot()?;
    for key in [&key, &s.key("missing")] {
        expect(s.store.get(key, &ReadOptions::default()), &unsupported(), "get")?;
        expect(s.store.read(key, &ReadOptions::default()), &unsupported(), "read")?;
        expect(s.store.stat(key), &unsupported(), "stat")?;
        expect(s.store.exists(key), &unsupported(), "exists")?;
    }
    ensure!(s.snapshot()? == before, "a refused read changed something");
    Ok(())
}

fn test_put_undeclared_is_unsupported(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let before = s.snapshot()?;
    let (value, _) = s.value(b"new");
    for key in [&key, &s.key("missing")] {
        expect(s.store.put(key, &value, &PutOptions::default()), &unsupported(), "put")?;
        expect(s.store.write(key, &PutOptions::default()), &unsupported(), "write")?;
    }
    ensure!(s.snapshot()? == before, "a refused write changed something");
    Ok(())
}

fn test_put_over_an_object_undeclared_is_already_exists(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let before = s.snapshot()?;
    let (value, _) = s.value(b"new");
    let there = Error::AlreadyExists;
    expect(s.store.put(&key, &value, &PutOptions::default()), &there, "put")?;
    let written = s.store.write(&key, &PutOptions::default()).and_then(|mut writer| {
        writer.push(&value)?;
        writer.finish(Default::default())
    });
    expect(written, &there, "write")?;
    ensure!(s.snapshot()? == before, "a refused write changed something");
    Ok(())
}

fn test_delete_undeclared_is_unsupported(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let before = s.snapshot()?;
    for key in [&key, &s.key("missing")] {
        expect(s.store.delete(key, &Default::default()), &unsupported(), "delete")?;
    }
    ensure!(s.snapshot()? == before, "a refused delete changed something");
    Ok(())
}

fn test_list_undeclared_is_unsupported(s: &Subject) -> Result<()> {
    place(s, &s.key("k"), 1)?;
    expect(s.store.list(&ListOptions::default()), &unsupported(), "list")
}

fn test_get_range_undeclared_is_unsupported(s: &Subject) -> Result<()> {
    let key = s.key("k");
    place(s, &key, 1)?;
    let range = ReadOptions { range: Some(ByteRange::span(1, 2)), ..ReadOptions::default() };
    expect(s.store.get(&key, &range), &unsupported(), "get of a range")?;
    expect(s.store.read(&key, &range), &unsupported(), "read of a range")
}

fn test_capabilities_are_constant(s: &Subject) -> Result<()> {
    let first = s.settled();
    place(s, &s.key("k"), 1)?;
    ensure!(s.store.capabilities() == first, "they changed with a put");
    ensure!(!first.ordered || first.list, "ordered without list says nothing");
    ensure!(!first.range || first.read, "range without read says nothing");
    Ok(())
}
