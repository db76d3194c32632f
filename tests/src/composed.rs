//! The examples in `examples/embed/wac`: composes a chain with other components, as
//! `wac plug` does, and runs it on WASI alone.

use crate::artifacts;
use crate::chains::LONGEST;
use crate::clients::run;
use crate::exported::{Instance, Shared};
use crate::recorded::{Base, Chain, Node};
use crate::wasm::{TARGET, cargo, root};
use anyhow::{Context, Result, ensure};
use embed_rust::bindings::exports::storage::object_store::object_store::GuestIndices;
use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::sync::OnceLock;
use storage_conformance::subject::{Dialect, Subject};
use storage_contract::SharedStore;
use storage_contract::kind::BaseShape;
use storage_core::decorators::kind;
use wasmtime::component::{Component, InstancePre, Linker, ResourceTable};
use wasmtime::{Config, Engine};
use wasmtime_wasi::p2::bindings::sync::CommandPre;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

/// More bytes than the application ever prints.
const MOST_PRINTED: usize = 1 << 20;

/// The composed components, built once per process.
#[derive(Clone)]
struct Made {
    /// The decorators over memory, selected by configuration. Exports `object-store`
    /// and imports only WASI.
    stores: PathBuf,
    /// The application on top of `stores`.
    application: PathBuf,
    /// The benchmark on top of `stores`, and on top of memory alone.
    measures: [PathBuf; 2],
}

fn made() -> Result<Made> {
    static MADE: OnceLock<Result<Made, String>> = OnceLock::new();
    let made = MADE.get_or_init(|| make().map_err(|error| format!("{error:#}")));
    made.clone().map_err(anyhow::Error::msg)
}

fn make() -> Result<Made> {
    let pack = artifacts::directory()?.join(artifacts::COMPONENT);
    let target = root().join("target/wac");
    let mut parts = cargo();
    parts.args(["build", "--release", "--locked", "--quiet", "--target", TARGET]);
    parts.arg("--manifest-path").arg(root().join("examples/embed/wac/Cargo.toml"));
    run(parts.arg("--target-dir").arg(&target))
        .context("the components of examples/embed/wac did not build")?;
    let mut tool = cargo();
    tool.args(["build", "--locked", "--quiet", "--manifest-path"]);
    tool.arg(root().join("tests/compose/Cargo.toml")).arg("--target-dir").arg(&target);
    run(&mut tool).context("tests/compose did not build")?;

    let part = |name: &str| target.join(TARGET).join("release").join(name).with_extension("wasm");
    let plug = |name: &str, socket: &Path, plugs: &[PathBuf]| -> Result<PathBuf> {
        let out = target.join(name);
        let mut compose = Command::new(target.join("debug/compose"));
        run(compose.arg(&out).arg(socket).args(plugs))?;
        Ok(out)
    };
    // As in the README.
    let backed = plug("backed.wasm", &pack, &[part("memory"), part("surroundings")])?;
    let stores = plug("stores.wasm", &part("configured"), &[backed])?;
    let application = plug("app.wasm", &part("notes"), std::slice::from_ref(&stores))?;
    let measures = [
        plug("measure-stores.wasm", &part("measure"), std::slice::from_ref(&stores))?,
        plug("measure-memory.wasm", &part("measure"), &[part("memory")])?,
    ];
    Ok(Made { stores, application, measures })
}

/// The state of an instance with WASI and nothing else.
pub struct Plain {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for Plain {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// A composed component, ready to be instantiated.
pub struct Composed {
    pre: InstancePre<Plain>,
}

/// The output of an application, and whether it succeeded.
#[derive(Debug)]
#[expect(missing_docs, reason = "as their names have it")]
pub struct Printed {
    pub well: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Composed {
    /// The composed stores.
    pub fn stores() -> Result<Composed> {
        Composed::new(&made()?.stores)
    }

    /// The application over the stores.
    pub fn application() -> Result<Composed> {
        let file = made()?.application;
        imports_only_wasi(&std::fs::read(&file)?)?;
        Composed::new(&file)
    }

    /// The benchmark over the stores, and over memory alone.
    pub fn measures() -> Result<[Composed; 2]> {
        let [stores, memory] = made()?.measures;
        Ok([Composed::new(&stores)?, Composed::new(&memory)?])
    }

    fn new(component: &Path) -> Result<Composed> {
        let engine = Engine::new(Config::new().concurrency_support(false))?;
        let component = Component::from_file(&engine, component)?;
        let mut linker = Linker::new(&engine);
        wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;
        Ok(Composed { pre: linker.instantiate_pre(&component)? })
    }

    fn store(&self, wasi: &mut WasiCtxBuilder) -> wasmtime::Store<Plain> {
        let plain = Plain { table: ResourceTable::new(), wasi: wasi.build() };
        wasmtime::Store::new(self.pre.engine(), plain)
    }

    /// Instantiates the stores with these environment variables.
    pub fn open(&self, variables: &[(&str, &str)]) -> Result<Shared<Plain>> {
        let mut store = self.store(WasiCtxBuilder::new().envs(variables));
        let instance = self.pre.instantiate(&mut store)?;
        let exports = GuestIndices::new(&self.pre)?.load(&mut store, &instance)?;
        Ok(Rc::new(RefCell::new(Instance { store, exports })))
    }

    /// Builds a fresh subject from its description.
    pub fn subject(&self, chain: &Chain) -> Result<Subject> {
        let mut config = Configuration::of(&chain.nodes);
        // Access a base through a store that changes nothing.
        let view = |base: &String| format!("view of {base}");
        for base in &chain.bases {
            config.add(&view(base), "IdentityStore", &text(base), "{}");
        }
        let last = chain.nodes.last().context("there are no nodes")?;
        let variables = [
            ("STORAGE_STORES", &*config.main(&last.name)),
            ("STORAGE_MEMORY", &chain.bases.join(",")),
        ];
        let instance = self.open(&variables)?;
        let open = |name: &str| -> Result<SharedStore> { Ok(Instance::open(&instance, name)?) };
        let store = open("main")?;
        let beside = match &chain.beside {
            Some(base) => open(&view(base))?,
            None => store.clone(),
        };
        let bases = chain.lasting.iter().map(|base| open(&view(base))).collect::<Result<_>>()?;
        Ok(Subject {
            store,
            beside,
            bases,
            dialect: Dialect::PLAIN.up_to(LONGEST),
            located: None,
            keep: None,
        })
    }

    /// Runs an application. `directory` is its working directory.
    pub fn run(
        &self,
        directory: Option<&Path>,
        variables: &[(&str, &str)],
        arguments: &[&str],
    ) -> Result<Printed> {
        let (stdout, stderr) =
            (MemoryOutputPipe::new(MOST_PRINTED), MemoryOutputPipe::new(MOST_PRINTED));
        let mut wasi = WasiCtxBuilder::new();
        wasi.arg("notes").args(arguments).envs(variables);
        wasi.stdout(stdout.clone()).stderr(stderr.clone());
        if let Some(directory) = directory {
            wasi.preopened_dir(directory, ".", FsPerms::ReadOnly)?;
        }
        let mut store = self.store(&mut wasi);
        let command = CommandPre::new(self.pre.clone())?.instantiate(&mut store)?;
        let ended = command.wasi_cli_run().call_run(&mut store);
        // A non-zero exit code counts as failure.
        let well = ended.is_ok_and(|ended| ended.is_ok());
        let text = |pipe: MemoryOutputPipe| String::from_utf8(pipe.contents().into());
        Ok(Printed { well, stdout: text(stdout)?, stderr: text(stderr)? })
    }
}

/// A configuration as text. It passes on any errors in the nodes.
pub struct Configuration(Vec<String>);

impl Configuration {
    /// The configuration of these nodes.
    pub fn of(nodes: &[Node]) -> Configuration {
        let mut config = Configuration(Vec::new());
        for node in nodes {
            let name = |base: &Base| match base {
                Base::Name(name) => text(name),
                Base::Node(index) => {
                    let node = usize::try_from(*index).ok().and_then(|index| nodes.get(index));
                    text(node.map_or("", |node| &node.name))
                }
            };
            let names: Vec<String> = node.bases.iter().map(name).collect();
            let shape = kind(&node.kind).map_or(BaseShape::One, |kind| kind.base);
            let base = match (shape, names.as_slice()) {
                (BaseShape::One, [one]) => one.clone(),
                (BaseShape::MainAndCache, [main, cache]) => {
                    format!("{{\"main_store\":{main},\"cache_store\":{cache}}}")
                }
                _ => format!("[{}]", names.join(",")),
            };
            config.add(&node.name, &node.kind, &base, &node.config);
        }
        config
    }

    fn add(&mut self, name: &str, kind: &str, base: &str, config: &str) {
        let (name, kind) = (text(name), text(kind));
        self.0.push(format!("{name}:{{\"type\":{kind},\"base\":{base},\"config\":{config}}}"));
    }

    /// The complete text, with this main store.
    pub fn main(&self, name: &str) -> String {
        format!("{{\"stores\":{{{}}},\"main\":{}}}", self.0.join(","), text(name))
    }
}

fn text(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// Fails if a component imports anything but WASI.
fn imports_only_wasi(component: &[u8]) -> Result<()> {
    let decoded = wit_component::decode(component).map_err(|e| anyhow::anyhow!("{e:?}"))?;
    let wit_component::DecodedWasm::Component(resolve, world) = decoded else {
        anyhow::bail!("this is no component")
    };
    let world = &resolve.worlds[world];
    let names = world.imports.keys().map(|key| resolve.name_world_key(key));
    // An interface with only types needs no implementation.
    let ours = |name: &String| {
        !name.starts_with("wasi:") && !name.starts_with("storage:object-store/types@")
    };
    let others: Vec<_> = names.filter(ours).collect();
    ensure!(others.is_empty(), "it imports {others:?}");
    Ok(())
}
