//! The part of WASI that plug-ins get: a coarse clock, randomness, output to the log,
//! an empty environment. Calls to files and the network are refused.

use super::inspect::{Answer, Inspection};
use super::output::{Output, OutputLog};
use crate::bindings::DecoratorPack;
use crate::state::InstanceState;
use crate::zero_copy;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, SystemTime};
use storage_contract::env::Level;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, HasSelf, Linker, ResourceType, Val};
use wasmtime::{Engine, Result};
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{HostMonotonicClock, HostWallClock};
use wasmtime_wasi::p2::bindings::{cli, random};
use wasmtime_wasi::random::{WasiRandom, WasiRandomView};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};

/// The resolution of both clocks, as of the contract's `now`. Finer clocks help to time
/// other work on the same processor.
const STEP: Duration = Duration::from_millis(1);

/// The most random bytes per call.
const MAX_RANDOM: u64 = 64 * 1024;

/// A resource type of which no plug-in gets an instance.
struct Withheld;

/// A linker with every import that the component may have.
pub fn linker(
    engine: &Engine,
    component: &Component,
    outline: &Inspection,
) -> Result<Linker<InstanceState>> {
    let mut linker = Linker::<InstanceState>::new(engine);
    DecoratorPack::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
    zero_copy::link(&mut linker)?;
    wasmtime_wasi::p2::add_to_linker_proxy_interfaces_async(&mut linker)?;
    let l = &mut linker;
    random::insecure::add_to_linker::<InstanceState, WasiRandom>(l, InstanceState::random)?;
    random::insecure_seed::add_to_linker::<InstanceState, WasiRandom>(l, InstanceState::random)?;
    cli::exit::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::environment::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::terminal_input::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::terminal_output::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::terminal_stdin::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::terminal_stdout::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    cli::terminal_stderr::add_to_linker::<InstanceState, WasiCli>(l, InstanceState::cli)?;
    let refused: Vec<&str> = outline
        .imports
        .iter()
        .filter(|(_, answer)| *answer == Answer::Refused)
        .map(|(name, _)| name.as_str())
        .collect();
    for (name, import) in component.component_type().imports(engine) {
        if refused.contains(&name)
            && let ComponentItem::ComponentInstance(interface) = import.ty
        {
            refuse(&mut linker, engine, name, &interface)?;
        }
    }
    Ok(linker)
}

/// Defines every function of an interface as one that ends the call.
fn refuse(
    linker: &mut Linker<InstanceState>,
    engine: &Engine,
    interface: &str,
    items: &wasmtime::component::types::ComponentInstance,
) -> Result<()> {
    let mut instance = linker.instance(interface)?;
    for (name, item) in items.exports(engine) {
        match item.ty {
            // Resources of wasi:io, which is linked.
            ComponentItem::Resource(_)
                if ["input-stream", "output-stream", "pollable", "error"].contains(&name) => {}
            ComponentItem::Resource(_) => {
                instance.resource(name, ResourceType::host::<Withheld>(), |_, _| Ok(()))?;
            }
            // Every C library asks for its preopened directories.
            ComponentItem::ComponentFunc(_) if name == "get-directories" => {
                instance.func_new(name, |_, _, _, results| {
                    if let Some(result) = results.first_mut() {
                        *result = Val::List(Vec::new());
                    }
                    Ok(())
                })?;
            }
            ComponentItem::ComponentFunc(_) => {
                let asked = format!("{interface}#{name}");
                instance.func_new(name, move |_, _, _, _| {
                    wasmtime::bail!("it called {asked}, which no plug-in is given")
                })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The WASI context of one instance. It inherits nothing.
pub fn context(voice: &Arc<OutputLog>, store: &Arc<str>) -> WasiCtx {
    WasiCtxBuilder::new()
        .stdout(Output::new(voice, store, Level::Info))
        .stderr(Output::new(voice, store, Level::Warn))
        .wall_clock(Coarse)
        .monotonic_clock(Coarse)
        .max_random_size(MAX_RANDOM)
        .allow_tcp(false)
        .allow_udp(false)
        .build()
}

struct Coarse;

impl HostWallClock for Coarse {
    fn resolution(&self) -> Duration {
        STEP
    }

    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Duration::from_millis(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

impl HostMonotonicClock for Coarse {
    fn resolution(&self) -> u64 {
        u64::try_from(STEP.as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        static START: OnceLock<Instant> = OnceLock::new();
        let passed = START.get_or_init(Instant::now).elapsed().as_millis();
        u64::try_from(passed).unwrap_or(u64::MAX).saturating_mul(1_000_000)
    }
}
