//! {{kind}}: a checksum at the end of every chunk, so that damage is noticed.
//!
//! The comments in `wit/transform.wit` say what each function must do.

wit_bindgen::generate!({ path: "wit", world: "transformer" });
export!(Plugin);

use exports::storage::object_store::transform::{
    Behaviour, Chunked, Data, Description, Guest, Part, Validation,
};
use serde::Deserialize;
use storage::object_store::types::Error;

/// Bytes of a checksum.
const LENGTH: u32 = 4;

/// The host checks configurations against it, and shows it to people.
const SCHEMA: &str = r#"{
    "type": "object",
    "properties": {
        "chunk_size": {
            "type": "integer", "minimum": 1, "maximum": 4194304, "default": 65536,
            "description": "Bytes with a checksum of their own."
        }
    },
    "additionalProperties": false
}"#;

#[derive(Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Config {
    chunk_size: u32,
}

impl Default for Config {
    fn default() -> Self {
        Config { chunk_size: 65_536 }
    }
}

/// Adler-32.
fn checksum(data: &[u8]) -> [u8; LENGTH as usize] {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16 | a).to_be_bytes()
}

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Description {
        Description {
            name: "{{kind}}".to_owned(),
            doc: "Keeps a checksum with every chunk.".to_owned(),
            config_schema: Some(SCHEMA.to_owned()),
        }
    }

    fn configure(config: String) -> Result<Behaviour, Error> {
        let config: Config = serde_json::from_str(&config)
            .map_err(|error| Error::InvalidConfig(error.to_string()))?;
        Ok(Behaviour {
            data: Data::Chunked(Chunked { chunk_size: config.chunk_size, overhead: Some(LENGTH) }),
            keys: None,
            validation: Validation::Nothing,
        })
    }

    fn encode(_: Part, mut data: Vec<u8>) -> Result<Vec<u8>, Error> {
        data.extend(checksum(&data));
        Ok(data)
    }

    fn decode(part: Part, mut data: Vec<u8>) -> Result<Vec<u8>, Error> {
        let end = data.len().checked_sub(LENGTH as usize);
        match end.and_then(|end| data.split_at_checked(end)) {
            Some((bytes, sum)) if checksum(bytes) == *sum => data.truncate(bytes.len()),
            _ => {
                let why = format!("chunk {} of {:?} is damaged", part.index, part.key);
                return Err(Error::InvalidData(why));
            }
        }
        Ok(data)
    }

    // What `configure` did not ask for is never called.
    fn map_key(key: String) -> Result<String, Error> {
        Ok(key)
    }

    fn unmap_key(base_key: String) -> Result<Option<String>, Error> {
        Ok(Some(base_key))
    }

    fn validate(_: String, _: Option<Vec<u8>>) -> Result<(), Error> {
        Ok(())
    }
}
