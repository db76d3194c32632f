//! A transformer controlled by its config: `as` selects the rules, `at` a function and
//! `do` the attack there. Keys without `bad` always work.

mod bindings;
mod config;
mod harm;
mod rules;

use bindings::exports::storage::object_store::transform::{Behaviour, Description, Guest, Part};
use bindings::storage::object_store::types::Error;
use config::Config;
use std::sync::OnceLock;

/// The behaviour of `describe`. Tests patch it in the compiled file.
#[used]
static MODE: [u8; 18] = *b"describe: well....";

static CONFIG: OnceLock<Config> = OnceLock::new();

struct Rules;

bindings::export!(Rules with_types_in bindings);

impl Guest for Rules {
    fn describe() -> Description {
        let mode = unsafe { std::ptr::read_volatile(&raw const MODE) };
        let mode = &mode[10..14];
        match mode {
            b"loop" => harm::endless(),
            b"trap" => core::arch::wasm32::unreachable(),
            _ => {}
        }
        Description {
            name: if mode == b"name" { "no name\n".to_owned() } else { "RulesStore".to_owned() },
            doc: "Does what its config says".to_owned(),
            config_schema: match mode {
                b"none" => None,
                b"json" => Some("{".to_owned()),
                _ => Some(
                    r#"{"type":"object","additionalProperties":false,"properties":{
                    "as":{"type":"string"},"at":{"type":"string"},"do":{"type":"string"},
                    "chunk_size":{"type":"integer","minimum":0}}}"#
                        .to_owned(),
                ),
            },
        }
    }

    fn configure(config: String) -> Result<Behaviour, Error> {
        let text = |name: &str| {
            let rest = config.split_once(&format!("\"{name}\":\"")).map_or("", |(_, rest)| rest);
            rest.split('"').next().unwrap_or_default().to_owned()
        };
        let chunk_size = config.split_once("\"chunk_size\":").map_or(65_536, |(_, rest)| {
            rest.split([',', '}']).next().and_then(|number| number.parse().ok()).unwrap_or(0)
        });
        let config = Config { rules: text("as"), at: text("at"), what: text("do"), chunk_size };
        harm::strike(&config, "configure", "bad")?;
        let behaviour = rules::behaviour(&config)?;
        match CONFIG.set(config) {
            Ok(()) => Ok(behaviour),
            Err(_) => Err(Error::Other("configured twice".to_owned())),
        }
    }

    fn encode(part: Part, data: Vec<u8>) -> Result<Vec<u8>, Error> {
        let config = config()?;
        harm::strike(config, "encode", &part.key)?;
        let encoded = rules::encode(config, &part, data)?;
        Ok(harm::twist(config, "encode", &part.key, encoded))
    }

    fn decode(part: Part, data: Vec<u8>) -> Result<Vec<u8>, Error> {
        let config = config()?;
        harm::strike(config, "decode", &part.key)?;
        let decoded = rules::decode(config, &part, data)?;
        Ok(harm::twist(config, "decode", &part.key, decoded))
    }

    fn map_key(key: String) -> Result<String, Error> {
        let config = config()?;
        harm::strike(config, "map-key", &key)?;
        match harm::due(config, "map-key", &key) && config.what == "collide" {
            true => rules::map("good"),
            false => rules::map(&key),
        }
    }

    fn unmap_key(base_key: String) -> Result<Option<String>, Error> {
        let config = config()?;
        harm::strike(config, "unmap-key", &base_key)?;
        match harm::due(config, "unmap-key", &base_key) && config.what == "collide" {
            true => Ok(Some("good".to_owned())),
            false => Ok(rules::unmap(&base_key)),
        }
    }

    fn validate(key: String, data: Option<Vec<u8>>) -> Result<(), Error> {
        harm::strike(config()?, "validate", &key)?;
        rules::validate(&key, data.as_deref())
    }
}

fn config() -> Result<&'static Config, Error> {
    CONFIG.get().ok_or_else(|| Error::Other("not configured".to_owned()))
}
