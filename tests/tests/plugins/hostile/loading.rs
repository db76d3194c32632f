//! Components that can't be used, or that change while in use: the messages, and what
//! keeps running.

use super::{PATIENCE, directory, yaml};
use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use storage_host::StoreFactory;
use storage_tests::guests::HOSTILE;
use storage_tests::http;
use storage_tests::server::Server;

/// The error for a configuration with this component.
fn refused(component: &[u8], yaml: &str) -> Result<String> {
    let directory = directory(component, yaml)?;
    let file = directory.path().join("stores.yaml");
    let start = Instant::now();
    let loaded = StoreFactory::from_yaml(&file);
    println!("refused after {:.1?}", start.elapsed());
    let error = loaded.err().context("the configuration was taken")?;
    let shown = format!("{error:#}").replace(&directory.path().display().to_string(), "");
    ensure!(shown.starts_with("/stores.yaml:"), "{shown}");
    Ok(shown)
}

#[test]
fn a_component_that_can_not_be_used_is_refused_with_its_place_and_the_reason() -> Result<()> {
    let good = HOSTILE.component()?;
    let kinds = |mode: &str| HOSTILE.altered("kinds: well", &format!("kinds: {mode}"));
    for (component, reason) in [
        (b"this is text".to_vec(), "hostile.wasm: it is not a wasm file"),
        (Vec::new(), "hostile.wasm: it is not a wasm file"),
        (b"\0asm\x01\0\0\0".to_vec(), "it is a core module; a plug-in is a component"),
        (good[..good.len() / 2].to_vec(), "it is not a sound wasm file, or not all of one"),
        (good[..good.len() - 1].to_vec(), "it is not a sound wasm file, or not all of one"),
        (
            HOSTILE
                .altered("storage:object-store/types@0.1.0", "storage:object-store/types@0.9.0")?,
            "version 0.9.0 of the contract storage:object-store; this host takes 0.1.x",
        ),
        (
            HOSTILE.altered(
                "storage:object-store/coordinator@0.1.0",
                "secrets:of-the-host0/everything0@0.1.0",
            )?,
            "it asks for secrets:of-the-host0/everything0@0.1.0, which no plug-in is given",
        ),
        (
            HOSTILE.altered(
                "storage:object-store/decorators@0.1.0",
                "storage:object-store/decorotars@0.1.0",
            )?,
            "it is no plug-in",
        ),
        (kinds("loop")?, "asked for its store types and used more than 300ms of processor time"),
        (kinds("trap")?, "asked for its store types and failed: wasm trap"),
        (kinds("wait")?, "asked for its store types and did not answer within 2s"),
        (kinds("lock")?, "asked for its store types and did not answer within 2s"),
        (kinds("none")?, "it offers 0 store types"),
        (kinds("json")?, "the config schema of its HostileStore is not JSON"),
        (kinds("huge")?, "the config schema of its HostileStore has more than 65536 bytes"),
    ] {
        let said = refused(&component, &yaml("get", "nothing"))?;
        ensure!(said.contains(reason), "{reason}\n{said}");
        ensure!(said.contains(r#":3:24: plug-in "hostile": "#), "{said}");
        // Stores built on it are not reported again.
        ensure!(said.lines().count() == 1, "{said}");
    }
    Ok(())
}

#[test]
fn a_later_patch_of_the_contract_is_taken() -> Result<()> {
    let bytes = HOSTILE.altered("@0.1.0", "@0.1.7")?;
    let directory = directory(&bytes, &yaml("get", "nothing"))?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let plugin = factory.plugins().next().context("no plug-in")?;
    ensure!(plugin.outline.version == "0.1.7");
    Ok(())
}

#[test]
fn the_section_is_checked_like_any_other() -> Result<()> {
    let good = HOSTILE.component()?;
    let with = |plugin: &str, store: &str| {
        format!(
            "plugins:\n  hostile: {plugin}\nstores:\n  base: {{type: DictStore}}\n  \
             main: {store}\nmain: main\n"
        )
    };
    let plugin = "{component: hostile.wasm}";
    let store = "{type: hostile/HostileStore, base: base}";
    let digest = "0".repeat(64);
    for (plugin, store, said) in [
        ("{component: none.wasm}", store, ":2:24: plug-in \"hostile\": "),
        ("{component: none.wasm}", store, "can't be read: No such file"),
        ("{component: .}", store, "is not a regular file"),
        ("{}", store, ":2:12: plug-in \"hostile\": \"component\" is missing"),
        (
            &format!("{{component: hostile.wasm, sha256: {digest}}}"),
            store,
            ":2:46: plug-in \"hostile\": the digest of ",
        ),
        (
            "{component: hostile.wasm, sha256: abc}",
            store,
            ":2:46: plug-in \"hostile\": sha256 has 64",
        ),
        ("{component: hostile.wasm, limit: {}}", store, "did you mean \"limits\"?"),
        (
            "{component: hostile.wasm, limits: {memory: 64}}",
            store,
            ":2:55: plug-in \"hostile\": limits.memory must lie between 1 MiB and 4 GiB",
        ),
        (
            "{component: hostile.wasm, limits: {call_timeout: soon}}",
            store,
            "limits.call_timeout: must be a duration: seconds, or text such as 2s",
        ),
        ("{component: hostile.wasm, limits: {instances: 0}}", store, "must lie between 1 and 1024"),
        (
            plugin,
            "{type: hostile/HostileStor, base: base}",
            "did you mean \"hostile/HostileStore\"?",
        ),
        (plugin, "{type: hostle/HostileStore, base: base}", "no plug-in \"hostle\""),
        (plugin, "{type: hostile/Bad}", ":5:3: store \"main\": hostile/HostileStore needs a base"),
        (
            plugin,
            "{type: hostile/Bad, base: base, config: {att: get}}",
            ":5:50: store \"main\" (hostile/HostileStore): there is no \"att\" here; did you mean \"at\"?",
        ),
        (
            plugin,
            "{type: hostile/Bad, base: base, config: {secret: \"${PATH}\"}}",
            "the environment variable PATH is not for plug-in \"hostile\"; to hand it over, name \
             it in plugins.hostile.config_env",
        ),
    ] {
        let error = refused(&good, &with(plugin, store))?;
        ensure!(error.contains(said), "{said}\n{error}");
    }
    let handed = "{component: hostile.wasm, config_env: [PATH]}";
    let config = "{type: hostile/Bad, base: base, config: {secret: \"${PATH}\"}}";
    let directory = directory(&good, &with(handed, config))?;
    let factory = StoreFactory::from_yaml(directory.path().join("stores.yaml"))?;
    let main = &factory.config().stores[factory.config().main];
    ensure!(main.config["secret"].as_str() == std::env::var("PATH").ok().as_deref());
    Ok(())
}

fn replace(directory: &Path, component: &[u8]) -> Result<()> {
    let new = directory.join("new.wasm");
    std::fs::write(&new, component)?;
    Ok(std::fs::rename(new, directory.join("hostile.wasm"))?)
}

#[test]
fn a_changed_component_is_taken_over_on_a_hangup_and_a_broken_one_is_not() -> Result<()> {
    let first = HOSTILE.component()?;
    let directory = tempfile::tempdir()?;
    std::fs::write(directory.path().join("hostile.wasm"), &first)?;
    let stores = "
plugins:
  hostile: {component: hostile.wasm}
stores:
  files: {type: FilesystemStore, config: {root_path: files}}
  main: {type: hostile/HostileStore, base: files}
main: main";
    let server = Server::start_anonymous_in(directory, stores)?;
    let port = server.port();
    ensure!(http::request(port, "PUT", "/main/key", &[], b"value")?.0 == 200);
    let over = Arc::new(AtomicBool::new(false));
    let client = std::thread::spawn({
        let over = over.clone();
        move || -> Result<usize> {
            let mut served = 0;
            while !over.load(Ordering::Relaxed) {
                let (status, _, body) = http::request(port, "GET", "/main/key", &[], b"")?;
                ensure!(status == 200 && body == b"value", "{status}");
                served += 1;
            }
            Ok(served)
        }
    });
    let wait = |text: &str, times: usize| -> Result<()> {
        let start = Instant::now();
        while server.log().matches(text).count() < times {
            ensure!(start.elapsed() < PATIENCE, "no {text:?} in:\n{}", server.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(())
    };
    wait("plug-in hostile: ", 1)?;
    replace(server.directory(), &first[..first.len() / 2])?;
    server.signal(rustix::process::Signal::HUP)?;
    wait("not taken over, the old configuration keeps running", 1)?;
    wait("not all of one", 1)?;
    replace(server.directory(), &HOSTILE.altered("Does harm", "Does good")?)?;
    server.signal(rustix::process::Signal::HUP)?;
    wait("read again", 1)?;
    wait("no files, no network", 2)?;
    over.store(true, Ordering::Relaxed);
    let served = client.join().map_err(|_| anyhow::anyhow!("the client panicked"))??;
    println!("{served} requests were served over two reloads");
    let digests: std::collections::HashSet<_> = server
        .log()
        .lines()
        .filter_map(|line| line.split("sha256 ").nth(1))
        .map(|rest| rest[..64].to_owned())
        .collect();
    ensure!(digests.len() == 2, "{digests:?}");
    server.stop()?;
    Ok(())
}
