//! The component in a browser: runs the page in `examples/embed/browser` in headless
//! Chromium.

use anyhow::Result;
use std::process::Command;
use storage_tests::clients::run;
use storage_tests::embedding;

#[test]
fn the_page_keeps_objects_and_every_case_holds_over_indexeddb() -> Result<()> {
    let package = embedding::browser()?;
    let told = run(Command::new("node")
        .args(["--test", "test/browser.test.mjs"])
        .env("CASES", &package.cases)
        .current_dir(&package.directory))?;
    let counts = told.lines().find(|line| line.contains("Chromium"));
    println!("{}", counts.unwrap_or(&told));
    assert!(counts.is_some_and(|counts| counts.contains(", 0 failed")), "{told}");
    Ok(())
}
