//! The packs in `examples/plugins`, built as the README says and run by the real binary
//! with their own `stores.yaml`; and the Rust crate's tutorial, followed literally.

use anyhow::{Context, Result, ensure};
use std::fs;
use storage_tests::clients;
use storage_tests::plugins::{self, Example};
use storage_tests::server::Server;
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

/// What is told of the changes below a plug-in, and of each request.
const TOLD: &str = "
  told:
    type: NotifyingStore
    base: files
    config: {on_change: [{file: {path: changes.jsonl}}]}
  logged:
    type: LoggingStore
    base: guarded
main: logged
";

const TWO_USERS: &str = "
  credentials:
    - {access_key: ADA, secret_key: secret-of-ADA-which-is-long}
    - {access_key: BOB, secret_key: secret-of-BOB-which-is-long}
";

#[test]
fn principals_may_change_what_the_rules_say_and_what_they_do_is_told_in_their_names() -> Result<()>
{
    let example = Example::new("principals", &plugins::rust("principals")?)?;
    let said = example.put_refused("ada/k", "from the command line")?;
    ensure!(said.contains("may not change") && said.contains("permission-denied"), "{said}");

    let directory = tempfile::tempdir()?;
    fs::copy(example.path().join("principals.wasm"), directory.path().join("principals.wasm"))?;
    let stores = fs::read_to_string(example.path().join("stores.yaml"))?;
    let stores = stores.replace("    base: files\n", "    base: told\n");
    let stores = stores.replace("main: guarded\n", TOLD.trim_start_matches('\n'));
    let server = Server::start_serving_in(directory, &stores, TWO_USERS)?;
    clients::script(&server, "principals.py", &[])?;
    let log = server.log();
    for user in ["ADA", "BOB"] {
        let own = user.to_lowercase();
        let line = log.lines().find(|line| line.contains(&format!("store put {own}/kept ")));
        let who = format!("principal=\"{user}\"");
        ensure!(
            line.is_some_and(|line| line.contains("request=") && line.ends_with(&who)),
            "{log}"
        );
    }
    ensure!(!log.contains("secret-of"), "{log}");
    let directory = server.stop()?;
    let changes = fs::read_to_string(directory.path().join("changes.jsonl"))?;
    ensure!(changes.lines().count() > 400, "{changes}");
    for line in changes.lines() {
        let event: serde_json::Value = serde_json::from_str(line)?;
        let (owner, _) =
            event["key"].as_str().and_then(|key| key.split_once('/')).context("key")?;
        let user = event["principal"].as_str().context("no principal")?;
        ensure!(owner == "shared" || owner == user.to_lowercase(), "{line}");
        ensure!(event["protocol"] == "s3" && event["bucket"] == "main", "{line}");
        ensure!(
            event["remote_address"] == "127.0.0.1" && event["request_id"].is_string(),
            "{line}"
        );
        ensure!(event.get("trace_parent").is_none(), "{line}");
    }
    Ok(())
}
