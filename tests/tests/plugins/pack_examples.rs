//! The packs in `examples/plugins`, built as the README says and run by the real binary
//! with their own `stores.yaml`; and the Rust crate's tutorial, followed literally.

use anyhow::{Context, Result, ensure};
use std::fs;
use storage_tests::clients;
use storage_tests::plugins::{self, Example};
use storage_tests::wasm::{TARGET, cargo, root};

#[test]
fn the_tutorial_is_tested_and_built_and_runs() -> Result<()> {
    let directory = root().join("target/plugins/tutorial");
    fs::create_dir_all(directory.join("src"))?;
    let text = fs::read_to_string(root().join("guest/sdk/README.md"))?;
    let block = |language: &str| {
        let (_, rest) = text.split_once(&format!("```{language}\n"))?;
        rest.split_once("```").map(|(block, _)| block)
    };
    // Use the local crate and the locked versions.
    let manifest = block("toml").context("toml")?;
    let here = format!("{{ path = {:?} }}", fs::canonicalize(root().join("guest/sdk"))?);
    let manifest =
        manifest.replace("storage-plugin = \"0.1\"", &format!("storage-plugin = {here}"));
    ensure!(manifest.contains(&here), "the tutorial depends on another crate:\n{manifest}");
    fs::write(directory.join("Cargo.toml"), format!("{manifest}\n[workspace]\n"))?;
    fs::copy(root().join("Cargo.lock"), directory.join("Cargo.lock"))?;
    fs::write(directory.join("src/lib.rs"), block("rust").context("rust")?)?;

    let target = directory.join("target");
    let here = |command: &[&str]| -> Result<String> {
        clients::run(cargo().args(command).arg("--target-dir").arg(&target).current_dir(&directory))
    };
    let printed = here(&["test", "--quiet"])?;
    ensure!(printed.contains("1 passed"), "{printed}");
    here(&["build", "--quiet", "--release", "--target", TARGET])?;

    let built = fs::read(target.join(TARGET).join("release/size_limit.wasm"))?;
    let example = Example::of(block("yaml").context("yaml")?, "size_limit.wasm", &built)?;
    example.put("fits", [0; 1_000])?;
    let said = example.put_refused("large", [0; 1_001])?;
    ensure!(said.contains("larger than max_bytes of this store"), "{said}");
    Ok(())
}

#[test]
fn trash_keeps_what_was_replaced_and_deleted_and_gives_it_back() -> Result<()> {
    let example = Example::new("trash", &plugins::rust("trash")?)?;
    example.put("folder/report.txt", "first")?;
    example.put("folder/report.txt", "second")?;
    let large = (0..3_000_000u32).flat_map(u32::to_le_bytes).collect::<Vec<u8>>();
    example.put("large", &large)?;
    example.ok(&["rm", "folder/report.txt", "large"])?;
    ensure!(example.ok(&["ls", "-r"])?.is_empty());

    let lost = example.ok(&["ls", "-r", "trash:"])?;
    let lost: Vec<&str> = lost.lines().collect();
    let ends = ["/folder/report.txt", "/folder/report.txt", "/large"];
    ensure!(lost.len() == 3 && lost.iter().zip(ends).all(|(k, end)| k.ends_with(end)), "{lost:?}");
    ensure!(example.ok(&["get", &format!("trash:{}", lost[0]), "-"])? == "first");
    ensure!(example.ok(&["get", &format!("trash:{}", lost[1]), "-"])? == "second");

    example.ok(&["mv", &format!("trash:{}", lost[2]), "objects:large"])?;
    example.ok(&["get", "large", "restored"])?;
    ensure!(fs::read(example.path().join("restored"))? == large, "restored, but not the same");
    Ok(())
}
