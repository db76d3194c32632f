//! Built-in stores and plug-ins in two languages in one chain, served to boto3 while
//! other stores of the same process misbehave.

use anyhow::{Result, ensure};
use std::fs;
use storage_tests::guests::HOSTILE;
use storage_tests::server::Server;
use storage_tests::{clients, plugins};

/// A built-in rule, a transformer in Python, built-in compression, a pack in Rust, and
/// SQLite; and three stores that misbehave.
const STORES: &str = r#"
plugins:
  json-schema:
    component: json-schema.wasm
    limits: {memory: 256MiB, call_timeout: 60s, cpu_time: 60s, instances: 4}
  trash: {component: trash.wasm}
  hostile:
    component: hostile.wasm
    limits: {memory: 64MiB, call_timeout: 2s, fuel: 200ms, instances: 4}
stores:
  database: {type: SqliteStore, config: {db_path: objects.db}}
  lost: {type: SqliteStore, config: {db_path: lost.db}}
  kept: {type: trash/TrashStore, base: [database, lost], config: {days: 30}}
  compressed: {type: GzipStore, base: kept}
  people:
    type: json-schema/JsonSchemaStore
    base: compressed
    config:
      schema:
        type: object
        required: [name]
        properties:
          name: {type: string}
          address: {type: object, properties: {zip: {type: string, pattern: "^[0-9]{5}$"}}}
  documents: {type: RegexValidatingStore, base: people, config: {pattern: ".*\\.json", full: true}}
  memory: {type: DictStore, config: {objects: {good: good bytes, bad: bad bytes}}}
  loops: {type: hostile/HostileStore, base: memory, config: {at: read, do: loop}}
  grows: {type: hostile/HostileStore, base: memory, config: {at: next, do: memory}}
  traps: {type: hostile/HostileStore, base: memory, config: {at: read, do: trap}}
main: documents
"#;

#[test]
fn a_chain_of_plug_ins_serves_boto3_while_others_do_harm() -> Result<()> {
    let directory = tempfile::tempdir()?;
    for (name, component) in [
        ("json-schema", plugins::python("json-schema")?),
        ("trash", plugins::rust("trash")?),
        ("hostile", HOSTILE.component()?),
    ] {
        fs::write(directory.path().join(format!("{name}.wasm")), component)?;
    }
    // Fill the compilation cache: compiling an interpreter takes longer than these
    // tests wait for a server.
    fs::write(directory.path().join("stores.yaml"), STORES)?;
    let checked = storage_tests::server::run(directory.path(), &["check"]);
    ensure!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stderr));
    let serve = format!(
        "credentials: {{access_key: {}, secret_key: \"${{SECRET}}\"}}\n  \
         expose: [documents, lost, loops, grows, traps]",
        storage_tests::server::ACCESS_KEY
    );
    let server = Server::start_serving_in(directory, STORES, &serve)?;
    let args = ["documents", "lost", "loops", "grows", "traps"];
    let said = clients::script(&server, "plugin_chain.py", &args)?;
    println!("{said}");
    ensure!(said.contains("did: 40 documents"), "{said}\n{}", server.log());
    server.stop()?;
    Ok(())
}
