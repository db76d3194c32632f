//! Components in OCI registries: a real one, and some that lie.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use storage_tests::artifacts::{self, COMPONENT, WIT};
use storage_tests::lying::{Answer, Lying};
use storage_tests::server::binary;
use storage_tests::servers::registry::{PASSWORD, Registry, USER};
use tempfile::TempDir;
use wit_component::DecodedWasm;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An empty component, which is quick to transfer.
const EMPTY: &[u8] = b"\0asm\x0d\0\x01\0";

/// A working directory with the program in it.
struct Workspace(TempDir);

impl Workspace {
    fn new() -> Result<Self> {
        Ok(Self(tempfile::tempdir()?))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).current_dir(self.path()).env("HOME", self.path());
        let ours = ["STORAGE_REGISTRY_USER", "STORAGE_REGISTRY_PASSWORD", "DOCKER_CONFIG"];
        let proxies = ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY"];
        for name in ours.iter().chain(&proxies) {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.command(arguments).output()?)
    }

    /// The directory's files, except those of the test itself.
    fn files(&self) -> Result<Vec<PathBuf>> {
        let files = std::fs::read_dir(self.path())?.map(|entry| Ok(entry?.path()));
        files.collect()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn well(output: Output) -> Result<String> {
    ensure!(output.status.success(), "{}", text(&output.stderr));
    Ok(text(&output.stdout))
}

/// The error message of a run that failed with a store error.
fn error(output: &Output) -> Result<String> {
    ensure!(output.status.code() == Some(5), "{output:?}");
    Ok(text(&output.stderr))
}

#[test]
fn a_component_goes_into_a_registry_and_comes_out_the_same() -> Result<()> {
    let (registry, workspace) = (Registry::open()?, Workspace::new()?);
    let component = artifacts::directory()?.canonicalize()?.join(COMPONENT);
    let reference = format!("{}/team/decorators:0.1.0", registry.name());
    let exact =
        well(workspace.run(&["plugin", "push", &component.display().to_string(), &reference])?)?;
    ensure!(exact.starts_with(&format!("{}/team/decorators@sha256:", registry.name())), "{exact}");

    let lines = well(workspace.run(&["plugin", "pull", &reference])?)?;
    let pulled = std::fs::read(workspace.path().join("decorators.wasm"))?;
    ensure!(pulled == std::fs::read(&component)?, "{} other bytes", pulled.len());
    // It prints a valid section of a configuration.
    let stores = "stores:\n  memory: {type: DictStore}\n  main:\n    \
                  type: decorators/GzipStore\n    base: memory\nmain: main\n";
    std::fs::write(workspace.path().join("stores.yaml"), format!("{lines}{stores}"))?;
    well(workspace.run(&["check"])?)?;

    // By digest, to a file with another name.
    let (other, exact) = (workspace.path().join("other.wasm"), exact.trim());
    let told = well(workspace.run(&["--json", "plugin", "pull", exact, "-o", "other.wasm"])?)?;
    let told: Value = serde_json::from_str(&told)?;
    ensure!(std::fs::read(other)? == pulled && told["size"] == pulled.len(), "{told}");
    let sha256 = told["sha256"].as_str().context("no digest")?;
    ensure!(lines.contains(sha256), "{lines}");
    // A second push sends no blobs, and a second pull replaces the file.
    well(workspace.run(&["plugin", "push", &component.display().to_string(), &reference])?)?;
    well(workspace.run(&["plugin", "pull", &reference])?)?;
    Ok(())
}

#[test]
fn the_contract_goes_into_a_registry_as_a_package() -> Result<()> {
    let (registry, workspace) = (Registry::open()?, Workspace::new()?);
    let package = artifacts::directory()?.canonicalize()?.join(WIT).display().to_string();
    let reference = format!("{}/storage/object-store:0.1.0", registry.name());
    well(workspace.run(&["plugin", "push", &package, &reference])?)?;
    well(workspace.run(&["plugin", "pull", &reference])?)?;
    let pulled = std::fs::read(workspace.path().join("object-store.wasm"))?;
    let decoded = wit_component::decode(&pulled).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let DecodedWasm::WitPackage(resolve, package) = decoded else {
        anyhow::bail!("it is no package")
    };
    let package = &resolve.packages[package];
    ensure!(package.name.to_string() == "storage:object-store@0.1.0", "{}", package.name);
    ensure!(package.worlds.contains_key("transformer"), "{:?}", package.worlds);
    Ok(())
}

#[test]
fn a_registry_that_wants_a_name_is_told_it_and_nobody_else() -> Result<()> {
    let (registry, workspace) = (Registry::guarded()?, Workspace::new()?);
    std::fs::write(workspace.path().join("empty.wasm"), EMPTY)?;
    let reference = format!("{}/empty:1", registry.name());
    let arguments = ["plugin", "push", "empty.wasm", &reference];
    let refused = error(&workspace.run(&arguments)?)?;
    ensure!(refused.contains("STORAGE_REGISTRY_USER"), "{refused}");
    let named = |password: &str| {
        let mut command = workspace.command(&arguments);
        command.env("STORAGE_REGISTRY_USER", USER).env("STORAGE_REGISTRY_PASSWORD", password);
        command.output()
    };
    let wrong = error(&named("s3cret")?)?;
    ensure!(wrong.contains("401") && !wrong.contains("s3cret"), "{wrong}");
    well(named(PASSWORD)?)?;
    // The file that `docker login` writes.
    let both = base64_simd::STANDARD.encode_to_string(format!("{USER}:{PASSWORD}"));
    let config = json!({"auths": {registry.name(): {"auth": both}}});
    std::fs::create_dir(workspace.path().join(".docker"))?;
    std::fs::write(workspace.path().join(".docker/config.json"), config.to_string())?;
    well(workspace.run(&["plugin", "pull", &reference, "-o", "again.wasm"])?)?;
    ensure!(std::fs::read(workspace.path().join("again.wasm"))? == EMPTY, "other bytes");
    Ok(())
}

#[test]
fn a_registry_over_tls_is_believed_by_its_certificate() -> Result<()> {
    let (registry, workspace) = (Registry::secured()?, Workspace::new()?);
    std::fs::write(workspace.path().join("empty.wasm"), EMPTY)?;
    let reference = format!("{}/empty:1", registry.name());
    let mut command = workspace.command(&["plugin", "push", "--https", "empty.wasm", &reference]);
    well(command.env("SSL_CERT_FILE", registry.certificate()).output()?)?;
    let arguments = ["plugin", "pull", "--https", &reference, "-o", "out.wasm"];
    let mut command = workspace.command(&arguments);
    let stranger = error(&command.env_remove("SSL_CERT_FILE").output()?)?;
    ensure!(stranger.contains("certificate"), "{stranger}");
    ensure!(!workspace.path().join("out.wasm").exists(), "it was pulled from a stranger");
    let mut command = workspace.command(&arguments);
    well(command.env("SSL_CERT_FILE", registry.certificate()).output()?)?;
    ensure!(std::fs::read(workspace.path().join("out.wasm"))? == EMPTY, "other bytes");
    Ok(())
}

#[test]
fn a_component_that_was_changed_in_the_registry_is_refused() -> Result<()> {
    let (registry, workspace) = (Registry::open()?, Workspace::new()?);
    let mut component = EMPTY.to_vec();
    // A custom section, which readers ignore.
    component.extend([0, 5, 4, b'n', b'o', b't', b'e']);
    std::fs::write(workspace.path().join("noted.wasm"), &component)?;
    let reference = format!("{}/noted:1", registry.name());
    well(workspace.run(&["plugin", "push", "noted.wasm", &reference])?)?;
    let hash = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(&component));
    let kept = registry.blob(&hex::encode(hash));
    let last = component.len() - 1;
    component[last] = b'!';
    std::fs::write(kept, &component)?;
    let output = workspace.run(&["plugin", "pull", &reference, "-o", "out.wasm"])?;
    let refused = error(&output)?;
    ensure!(refused.contains("digest") && !workspace.path().join("out.wasm").exists(), "{refused}");
    Ok(())
}

/// A manifest of one layer with this digest and size.
fn manifest(digest: &str, size: u64) -> Vec<u8> {
    json!({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": digest, "size": 2},
        "layers": [{"mediaType": "application/wasm", "digest": digest, "size": size}],
    })
    .to_string()
    .into_bytes()
}

fn digest(bytes: &[u8]) -> String {
    let hash = sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(bytes));
    format!("sha256:{}", hex::encode(hash))
}

#[test]
fn a_registry_that_lies_is_told_so_and_leaves_no_file() -> Result<()> {
    let whole = Answer::ok(EMPTY);
    let right = digest(EMPTY);
    let other = digest(b"other");
    let list = json!({"schemaVersion": 2, "manifests": []}).to_string().into_bytes();
    let image = String::from_utf8(manifest(&right, 8))?.replace("wasm.config.v0", "oci.image.v1");
    let cases: Vec<(&str, Answer, Answer, &str)> = vec![
        (
            "a digest that is not the manifest's",
            Answer::ok(&manifest(&right, 8)).with("Docker-Content-Digest", &other),
            whole.clone(),
            "something on the way",
        ),
        (
            "a component of another digest",
            Answer::ok(&manifest(&other, 8)),
            whole.clone(),
            "and not sha256:",
        ),
        (
            "a component that ends early",
            Answer::ok(&manifest(&right, 9)),
            whole.clone(),
            "ended after 8 of 9 bytes",
        ),
        (
            "a component that breaks off",
            Answer::ok(&manifest(&right, 8)),
            Answer::ok(EMPTY).claims(80),
            "broke off after",
        ),
        (
            "a component that is longer",
            Answer::ok(&manifest(&right, 8)),
            Answer::ok(&[EMPTY, EMPTY].concat()),
            "more than the 8 bytes",
        ),
        (
            "a component without end",
            Answer::ok(&manifest(&right, 8)),
            Answer::ok(EMPTY).endless(),
            "more than the 8 bytes",
        ),
        (
            "a core module",
            Answer::ok(&manifest(&digest(b"\0asm\x01\0\0\0"), 8)),
            Answer::ok(b"\0asm\x01\0\0\0"),
            "not a WebAssembly component",
        ),
        (
            "a page instead of a component",
            Answer::ok(&manifest(&right, 8)),
            Answer::ok(b"<html></html>"),
            "not a WebAssembly component",
        ),
        (
            "a component above the limit",
            Answer::ok(&manifest(&right, 1 << 40)),
            whole.clone(),
            "at most 64 MiB",
        ),
        ("a manifest without end", Answer::ok(b"{").endless(), whole.clone(), "more than 1024 KiB"),
        ("a manifest that is no JSON", Answer::ok(b"<html>"), whole.clone(), "not JSON"),
        ("a list of manifests", Answer::ok(&list), whole.clone(), "several"),
        (
            "a container image",
            Answer::ok(image.as_bytes()),
            whole.clone(),
            "not a WebAssembly component",
        ),
        ("a circle", Answer::moved("/v2/a/manifests/1"), whole.clone(), "more than 5 times"),
        (
            "a circle of components",
            Answer::ok(&manifest(&right, 8)),
            Answer::moved(&format!("/v2/a/blobs/{right}")),
            "more than 5 times",
        ),
        (
            "a way to another machine in plain http",
            Answer::moved("http://192.0.2.1/"),
            whole.clone(),
            "only https",
        ),
        (
            "a way to a file",
            Answer::ok(&manifest(&right, 8)),
            Answer::moved("file:///etc/passwd"),
            "\"file:///etc/passwd\"",
        ),
        ("nobody there", Answer::status(404), whole.clone(), "the artifact does not exist"),
        ("a fault", Answer::status(500), whole.clone(), "500"),
        (
            "a component that is gone",
            Answer::ok(&manifest(&right, 8)),
            Answer::status(404),
            "the artifact does not exist",
        ),
        (
            "a name that is wanted in an unknown way",
            Answer::status(401).with("WWW-Authenticate", "Dance"),
            whole.clone(),
            "Dance",
        ),
        (
            "a realm elsewhere in plain http",
            Answer::status(401).with("WWW-Authenticate", "Bearer realm=\"http://192.0.2.1/t\""),
            whole,
            "only https",
        ),
    ];
    for (what, manifest, blob, wanted) in cases {
        let workspace = Workspace::new()?;
        let registry = Lying::start(manifest, blob)?;
        let reference = format!("{}/a:1", registry.name());
        let told = error(&workspace.run(&["plugin", "pull", &reference])?).context(what)?;
        ensure!(told.contains(wanted), "{what}: {told}");
        ensure!(workspace.files()?.is_empty(), "{what}: {:?}", workspace.files()?);
    }
    Ok(())
}

#[test]
fn a_token_is_fetched_where_the_registry_says_and_sent_to_it_alone() -> Result<()> {
    let workspace = Workspace::new()?;
    let cdn = Lying::start(Answer::status(404), Answer::ok(EMPTY))?;
    let right = digest(EMPTY);
    let away = Answer::moved(&format!("http://{}/v2/b/blobs/{right}", cdn.name()));
    let registry = Lying::guarded(Answer::ok(&manifest(&right, 8)), away)?;
    let reference = format!("{}/a:1", registry.name());
    let mut command = workspace.command(&["plugin", "pull", &reference]);
    command.env("STORAGE_REGISTRY_USER", USER).env("STORAGE_REGISTRY_PASSWORD", PASSWORD);
    well(command.output()?)?;
    ensure!(std::fs::read(workspace.path().join("a.wasm"))? == EMPTY, "other bytes");
    let asked = registry.heads();
    let tokens: Vec<_> = asked.iter().filter(|head| head.starts_with("GET /token?")).collect();
    let [token] = tokens.as_slice() else { anyhow::bail!("{asked:?}") };
    ensure!(token.contains("scope=repository%3Aa%3Apull"), "{token}");
    ensure!(token.to_lowercase().contains("authorization: basic "), "{token}");
    let told = |head: &String| head.to_lowercase().contains("authorization:");
    ensure!(cdn.heads().len() == 1 && !cdn.heads().iter().any(told), "{:?}", cdn.heads());
    Ok(())
}

#[test]
fn a_registry_that_is_not_here_is_asked_over_https() -> Result<()> {
    let workspace = Workspace::new()?;
    // A name that never resolves: plain http is not tried.
    let told = error(&workspace.run(&["plugin", "pull", "registry.invalid/a:1"])?)?;
    ensure!(told.contains("registry.invalid can't be asked"), "{told}");
    let wrong = workspace.run(&["plugin", "pull", "redact"])?;
    ensure!(wrong.status.code() == Some(2), "{wrong:?}");
    Ok(())
}
