//! Inspects a component before compilation: its world, its contract version, its
//! imports and exports.

use wasmparser::{Encoding, Parser, Payload};

/// The package of the contract.
const CONTRACT: &str = "storage:object-store/";

/// The contract version that this host supports, in any patch release.
const SUPPORTED: &str = "0.1";

/// The contract's interfaces that a plug-in may import.
const CONTRACT_IMPORTS: [&str; 5] =
    ["types", "object-store", "observer", "coordinator", "request-context"];

/// Those that a transformer may import.
const TRANSFORMER_IMPORTS: [&str; 2] = ["types", "request-context"];

/// The worlds that a plug-in may target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum World {
    /// A pack of store types.
    DecoratorPack,
    /// Pure functions.
    Transformer,
}

impl World {
    /// The name in the contract.
    pub fn name(self) -> &'static str {
        match self {
            Self::DecoratorPack => "decorator-pack",
            Self::Transformer => "transformer",
        }
    }
}

/// How the host satisfies an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Part of the contract.
    Contract,
    /// WASI, provided by the sandbox: time, randomness, output to the log, an empty
    /// environment.
    Sandbox,
    /// WASI, but every call is refused: files, network.
    Refused,
}

impl Answer {
    /// The name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Sandbox => "sandbox",
            Self::Refused => "refused",
        }
    }
}

/// A component's world, contract version, imports and exports.
#[derive(Debug, Clone)]
pub struct Inspection {
    /// The world that it targets.
    pub world: World,
    /// The contract version that it targets.
    pub version: String,
    /// The interfaces that it imports.
    pub imports: Vec<(String, Answer)>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
}

/// Inspects the outermost level of a component. Fails if it is not a plug-in for this
/// contract, or imports something that no plug-in gets.
pub fn inspect(bytes: &[u8]) -> Result<Inspection, String> {
    let (imports, exports) = names(bytes)?;
    let ours = imports.iter().chain(&exports).filter_map(|name| name.strip_prefix(CONTRACT));
    let mut version = None;
    for name in ours {
        let (_, found) = name.split_once('@').unwrap_or((name, "(none)"));
        let supported = found.strip_prefix(SUPPORTED).is_some_and(|rest| rest.starts_with('.'));
        if !supported {
            return Err(format!(
                "it is made for version {found} of the contract storage:object-store; this host \
                 takes {SUPPORTED}.x: build it against that, or use a host of its version"
            ));
        }
        version.get_or_insert_with(|| found.to_owned());
    }
    let offers = |interface: &str| exports.iter().any(|name| is(name, CONTRACT, interface));
    let world = match (offers("decorators"), offers("object-store"), offers("transform")) {
        (true, true, _) => World::DecoratorPack,
        (_, _, true) => World::Transformer,
        (true, false, _) => {
            return Err("it exports decorators, but no object-store: both make the world \
                        decorator-pack"
                .to_owned());
        }
        _ => {
            return Err(format!(
                "it is no plug-in: a plug-in exports {CONTRACT}decorators (world decorator-pack) \
                 or {CONTRACT}transform (world transformer), and this component exports {}",
                if exports.is_empty() { "nothing".to_owned() } else { exports.join(", ") }
            ));
        }
    };
    let imports = imports.into_iter().map(|name| match answer(&name) {
        Some(Answer::Contract)
            if world == World::Transformer
                && !TRANSFORMER_IMPORTS.iter().any(|interface| is(&name, CONTRACT, interface)) =>
        {
            Err(format!(
                "it asks for {name}, which a transformer is not given: its functions get all that \
                 they need, and stores of one's own make the world decorator-pack"
            ))
        }
        Some(answer) => Ok((name, answer)),
        None => Err(format!(
            "it asks for {name}, which no plug-in is given: there are {CONTRACT}… (the contract) \
             and WASI 0.2"
        )),
    });
    let imports = imports.collect::<Result<_, _>>()?;
    Ok(Inspection { world, version: version.unwrap_or_default(), imports, exports })
}

/// Whether `name` is this interface of the package, in any version.
fn is(name: &str, package: &str, interface: &str) -> bool {
    let rest = name.strip_prefix(package).and_then(|rest| rest.strip_prefix(interface));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('@'))
}

fn answer(name: &str) -> Option<Answer> {
    if CONTRACT_IMPORTS.iter().any(|interface| is(name, CONTRACT, interface)) {
        return Some(Answer::Contract);
    }
    let (interface, version) = name.strip_prefix("wasi:")?.split_once('@')?;
    if !version.starts_with("0.2.") {
        return None;
    }
    let (package, interface) = interface.split_once('/')?;
    match (package, interface) {
        ("io", "error" | "poll" | "streams")
        | ("clocks", "wall-clock" | "monotonic-clock")
        | ("random", "random" | "insecure" | "insecure-seed")
        | (
            "cli",
            "environment" | "exit" | "stdin" | "stdout" | "stderr" | "terminal-input"
            | "terminal-output" | "terminal-stdin" | "terminal-stdout" | "terminal-stderr",
        ) => Some(Answer::Sandbox),
        ("io" | "clocks" | "random" | "cli" | "filesystem" | "sockets" | "http", _) => {
            Some(Answer::Refused)
        }
        _ => None,
    }
}

/// The names of a component's imports and exports.
pub fn names(bytes: &[u8]) -> Result<(Vec<String>, Vec<String>), String> {
    if !bytes.starts_with(b"\0asm") {
        return Err("it is not a wasm file".to_owned());
    }
    let broken = |error: wasmparser::BinaryReaderError| {
        format!("it is not a sound wasm file, or not all of one: {error}")
    };
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(broken)? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err("it is a core module; a plug-in is a component: build it for \
                            wasm32-wasip2, or make one of it with `wasm-tools component new`"
                    .to_owned());
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 0 => {
                for export in section {
                    exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            _ => {}
        }
    }
    Ok((imports, exports))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_component_is_said_to_be_none() {
        for (bytes, why) in [
            (&b"hello"[..], "not a wasm file"),
            (b"", "not a wasm file"),
            (b"\0asm\x01\0\0\0", "core module"),
            (b"\0asm\x0d\0\x01\0", "no plug-in"),
            (b"\0asm\x0d\0\x01\0\x01\xff", "not a sound wasm file"),
        ] {
            let error = inspect(bytes).unwrap_err();
            assert!(error.contains(why), "{bytes:?}: {error}");
        }
    }

    /// A component that imports one interface and exports it under another name.
    fn component(asked: &str, offered: &str) -> Vec<u8> {
        let name = |name: &str| {
            let mut bytes = vec![0, u8::try_from(name.len()).unwrap()];
            bytes.extend(name.as_bytes());
            bytes
        };
        let section = |id: u8, content: Vec<u8>| {
            [vec![id, u8::try_from(content.len()).unwrap()], content].concat()
        };
        // An empty instance type; its import; its export.
        [
            b"\0asm\x0d\0\x01\0".to_vec(),
            section(7, vec![1, 0x42, 0]),
            section(10, [vec![1], name(asked), vec![5, 0]].concat()),
            section(11, [vec![1], name(offered), vec![5, 0, 0]].concat()),
        ]
        .concat()
    }

    #[test]
    fn a_transformer_is_given_no_stores() {
        let transform = "storage:object-store/transform@0.1.0";
        let found = inspect(&component("storage:object-store/types@0.1.0", transform)).unwrap();
        assert_eq!(found.world, World::Transformer);
        for asked in ["object-store", "observer", "coordinator"] {
            let asked = format!("storage:object-store/{asked}@0.1.0");
            let error = inspect(&component(&asked, transform)).unwrap_err();
            assert!(error.contains("which a transformer is not given"), "{error}");
            assert!(error.contains(&asked), "{error}");
        }
    }

    #[test]
    fn the_built_in_pack_is_a_plug_in_like_any_other() {
        let found = inspect(crate::guests::DECORATORS).unwrap();
        assert_eq!((found.world, found.version.as_str()), (World::DecoratorPack, "0.1.0"));
        let asked = |name: &str| found.imports.iter().find(|(n, _)| n == name).map(|(_, a)| *a);
        assert_eq!(asked("storage:object-store/coordinator@0.1.0"), Some(Answer::Contract));
    }

    #[test]
    fn imports_are_known_by_package_interface_and_version() {
        for (name, how) in [
            ("storage:object-store/types@0.1.9", Some(Answer::Contract)),
            ("storage:object-store/decorators@0.1.0", None),
            ("wasi:cli/stdout@0.2.3", Some(Answer::Sandbox)),
            ("wasi:filesystem/types@0.2.0", Some(Answer::Refused)),
            ("wasi:http/outgoing-handler@0.2.0", Some(Answer::Refused)),
            ("wasi:clocks/timezone@0.2.0", Some(Answer::Refused)),
            ("wasi:cli/stdout@0.3.0", None),
            ("wasi:keyvalue/store@0.2.0", None),
            ("wasi:cli/stdout", None),
            ("env", None),
        ] {
            assert_eq!(answer(name), how, "{name}");
        }
    }
}
