//! A malicious plug-in. It forwards everything to its base, except where its config
//! says otherwise: `at` names the operation, `do` the attack. Keys without `bad` always
//! work.

mod bindings;
mod harm;
mod store;

use bindings::exports::storage::object_store::{decorators, object_store};
use bindings::storage::object_store::{object_store as outside, types};

/// The behaviour of `kinds`. Tests patch it in the compiled file.
#[used]
static KINDS: [u8; 16] = *b"kinds: well.....";

struct Hostile;

bindings::export!(Hostile with_types_in bindings);

impl decorators::Guest for Hostile {
    fn kinds() -> Vec<decorators::Kind> {
        let mode = unsafe { std::ptr::read_volatile(&raw const KINDS) };
        match &mode[7..11] {
            b"loop" => harm::endless(),
            b"trap" => core::arch::wasm32::unreachable(),
            b"wait" => std::thread::sleep(std::time::Duration::from_secs(100_000)),
            b"lock" => harm::lock_twice(),
            b"none" => return Vec::new(),
            _ => {}
        }
        let schema = match &mode[7..11] {
            b"json" => "{".to_owned(),
            b"huge" => format!("{{\"x\": \"{}\"}}", "x".repeat(100_000)),
            _ => r#"{"type":"object","additionalProperties":false,"properties":{
                "at":{"type":"string"},"do":{"type":"string"},"secret":{"type":"string"}}}"#
                .to_owned(),
        };
        vec![decorators::Kind {
            name: "HostileStore".to_owned(),
            aliases: vec!["Bad".to_owned()],
            base: decorators::BaseShape::One,
            config_schema: schema,
            doc: "Does harm\nwhere it is told to".to_owned(),
        }]
    }

    fn build(nodes: Vec<decorators::Node>) -> Result<object_store::Store, types::Error> {
        let node = nodes.last().ok_or(types::Error::NotFound)?;
        let plan = harm::Plan {
            at: field(&node.config, "at"),
            what: field(&node.config, "do"),
            name: node.name.clone(),
        };
        let mut below = None;
        for node in &nodes {
            let base = match node.bases.first() {
                Some(decorators::Base::Name(name)) => outside::open(name)?,
                _ => continue,
            };
            below = Some(base);
        }
        plan.strike("build", "bad")?;
        let base = below.ok_or_else(|| types::Error::InvalidConfig("no base".to_owned()))?;
        Ok(object_store::Store::new(store::Stored { base, plan }))
    }
}

/// A string from a flat JSON object without escapes.
fn field(json: &str, name: &str) -> String {
    let rest = json.split_once(&format!("\"{name}\":\"")).map_or("", |(_, rest)| rest);
    rest.split('"').next().unwrap_or_default().to_owned()
}

impl object_store::Guest for Hostile {
    type Store = store::Stored;
    type Reader = store::Reading;
    type Writer = store::Writing;

    fn open(_: String) -> Result<object_store::Store, types::Error> {
        Err(types::Error::NotFound)
    }
}
