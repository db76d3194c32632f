//! `EncryptionStore` encrypts objects with AES-256-GCM, in chunks, so that ranges can
//! be read.
//!
//! Each object has its own key: the HMAC-SHA256 of its random number under the
//! configured key. Chunk `i` has the nonce `i` (8 bytes, big endian) followed by `0000`
//! or, for the last chunk, `0001`, and authenticates the object's name. So no nonce
//! repeats under one key, and a chunk that was changed, moved, cut off, or taken from
//! another object is rejected.

use aes_gcm::Aes256Gcm;
use aes_gcm::aead::{Aead, Key, KeyInit, Nonce, Payload};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use storage_plugin::options::Options;
use storage_plugin::{Behaviour, Data, Error, Json, Part, Result, Transformer, config, options};

storage_plugin::transformer!(Encryption);

const CHUNK: u32 = 64 * 1024;
/// The bytes that GCM appends to each chunk.
const TAG: u32 = 16;

struct Encryption {
    key: [u8; 32],
}

options! {
    struct Config {
        /// The key: 32 bytes in hex, as `openssl rand -hex 32` makes one
        #[schema(minLength: 64, maxLength: 64)]
        key: String,
    }
}

impl Encryption {
    fn cipher(&self, part: &Part) -> Result<(Aes256Gcm, Nonce<Aes256Gcm>)> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key)
            .map_err(|error| Error::Other(error.to_string()))?;
        mac.update(&part.object);
        let key: [u8; 32] = mac.finalize().into_bytes().into();
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&part.index.to_be_bytes());
        nonce[11] = part.last.into();
        Ok((Aes256Gcm::new(&Key::<Aes256Gcm>::from(key)), nonce.into()))
    }
}

impl Transformer for Encryption {
    const NAME: &str = "EncryptionStore";
    const DOC: &str = "Encrypts objects with AES-256-GCM";
    const CONFIG_SCHEMA: Option<&str> = Some(Config::JSON_SCHEMA);

    fn configure(json: Json) -> Result<Self> {
        let Config { key } = config(json)?;
        let mut bytes = [0; 32];
        // The error of `hex` would reveal digits of the key.
        hex::decode_to_slice(key, &mut bytes)
            .map_err(|_| Error::InvalidConfig("key: not 32 bytes in hex".to_owned()))?;
        Ok(Self { key: bytes })
    }

    fn behaviour(&self) -> Behaviour {
        let data = Data::Chunked { chunk_size: CHUNK, overhead: Some(TAG) };
        Behaviour { data, ..Behaviour::default() }
    }

    fn encode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let (cipher, nonce) = self.cipher(part)?;
        let payload = Payload { msg: &data, aad: part.key.as_bytes() };
        cipher.encrypt(&nonce, payload).map_err(|error| Error::Other(error.to_string()))
    }

    fn decode(&self, part: &Part, data: Vec<u8>) -> Result<Vec<u8>> {
        let (cipher, nonce) = self.cipher(part)?;
        let payload = Payload { msg: &data, aad: part.key.as_bytes() };
        cipher.decrypt(&nonce, payload).map_err(|_| {
            Error::InvalidData(format!(
                "chunk {} can't be decrypted: it was changed, moved, or written with another key",
                part.index
            ))
        })
    }
}

#[cfg(test)]
mod tests;
