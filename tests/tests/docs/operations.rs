//! The table of S3 operations in the documentation is that of the code.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use storage_host::serve::protocol::operations::OPERATIONS;

const PAGE: &str = include_str!("../../../docs/s3.md");

const VERBS: [&str; 10] =
    ["Abort", "Complete", "Copy", "Create", "Delete", "Get", "Head", "List", "Post", "Put"];

#[test]
fn the_page_on_s3_names_the_operations_that_are_there() -> Result<()> {
    let (_, table) = PAGE.split_once("## Operations").context("no table of operations")?;
    let rows = table.lines().filter_map(|line| line.strip_prefix("| "));
    let cells = rows.filter_map(|row| row.split(" | ").next());
    let words = cells.take_while(|cell| !cell.starts_with("client"));
    let words = words.flat_map(|cell| cell.split(|c: char| !c.is_ascii_alphanumeric()));
    let is_operation = |word: &&str| {
        word.starts_with("UploadPart") || VERBS.iter().any(|verb| word.starts_with(verb))
    };
    let documented: BTreeSet<&str> = words.filter(is_operation).collect();
    let known: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
    assert_eq!(documented, known);
    Ok(())
}
