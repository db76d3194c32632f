//! The byte strings of the cases, each stored once; large ones as a recipe.

use anyhow::{Context, Result, bail, ensure};
use base64_simd::STANDARD;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use storage_conformance::cases::{LENGTHS, bytes};
use storage_conformance::subject::Values;

/// A byte string.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Data {
    /// The literal bytes.
    Base64(String),
    /// Bytes made by `cases::bytes` from a length and a seed, in some form.
    Made {
        /// The number of bytes to make, before the conversion.
        length: usize,
        /// The seed.
        seed: u64,
        /// The conversion to apply.
        #[serde(rename = "as")]
        form: Form,
    },
    /// A part of another string.
    Part {
        /// The other string's index in the list.
        of: usize,
        /// The offset of the first byte.
        from: usize,
        /// The number of bytes.
        length: usize,
    },
}

/// A conversion of bytes for stores that take only text or JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// None.
    Bytes,
    /// Letters: `'a' + byte % 26`.
    Text,
    /// `{"is":"`, the letters, and `"}`.
    Json,
    /// Like `Json`, with a space after the colon.
    SpacedJson,
}

impl Form {
    const ALL: [Form; 4] = [Form::Bytes, Form::Text, Form::Json, Form::SpacedJson];

    fn make(self, length: usize, seed: u64) -> Vec<u8> {
        let bytes = bytes(length, seed);
        match self {
            Form::Bytes => bytes,
            Form::Text => Values::Text.made_of(&bytes),
            Form::Json => Values::Json.made_of(&bytes),
            Form::SpacedJson => Values::Json.become_of(&Values::Json.made_of(&bytes)),
        }
    }
}

/// Longer strings are stored as a recipe if they have one.
const SHORT: usize = 48;

/// The leading bytes that identify a string's seed and form.
const TELLING: usize = 40;

/// The seeds that cases use.
fn seeds() -> impl Iterator<Item = u64> {
    (0..1_000).chain(LENGTHS.iter().map(|length| *length as u64))
}

/// Builds the list of byte strings.
pub struct Table {
    list: Vec<Data>,
    found: HashMap<Vec<u8>, usize>,
    made: Vec<(usize, Vec<u8>)>,
    starts: HashMap<Vec<u8>, (Form, u64)>,
}

impl Default for Table {
    fn default() -> Self {
        let starts = |form: Form| {
            seeds().map(move |seed| (form.make(TELLING, seed)[..TELLING].to_vec(), (form, seed)))
        };
        Table {
            list: Vec::new(),
            found: HashMap::new(),
            made: Vec::new(),
            starts: Form::ALL.into_iter().flat_map(starts).collect(),
        }
    }
}

impl Table {
    /// The index of these bytes, which are added if needed.
    pub fn place(&mut self, bytes: &[u8]) -> usize {
        if let Some(index) = self.found.get(bytes) {
            return *index;
        }
        let index = self.list.len();
        let data = match bytes {
            short if short.len() <= SHORT => Data::Base64(STANDARD.encode_to_string(short)),
            long => match self.recipe(long).or_else(|| self.part(long)) {
                Some(data) => data,
                None => Data::Base64(STANDARD.encode_to_string(long)),
            },
        };
        if matches!(data, Data::Made { .. }) {
            self.made.push((index, bytes.to_vec()));
        }
        self.list.push(data);
        self.found.insert(bytes.to_vec(), index);
        index
    }

    fn recipe(&self, bytes: &[u8]) -> Option<Data> {
        let (form, seed) = *self.starts.get(bytes.get(..TELLING)?)?;
        let length = bytes.len() - form.make(0, seed).len();
        (form.make(length, seed) == bytes).then_some(Data::Made { length, seed, form })
    }

    fn part(&self, bytes: &[u8]) -> Option<Data> {
        self.made.iter().find_map(|(of, whole)| {
            let from = memchr::memmem::find(whole, bytes)?;
            Some(Data::Part { of: *of, from, length: bytes.len() })
        })
    }

    /// The finished list.
    pub fn into_list(self) -> Vec<Data> {
        self.list
    }
}

/// The most bytes of a string in a case.
const MOST: usize = 64 * 1024 * 1024;

/// The bytes of all entries.
pub fn all(list: &[Data]) -> Result<Vec<Vec<u8>>> {
    let mut all: Vec<Vec<u8>> = Vec::with_capacity(list.len());
    for data in list {
        let bytes = match data {
            Data::Base64(text) => {
                STANDARD.decode_to_vec(text).with_context(|| format!("no Base64: {text:?}"))?
            }
            Data::Made { length, seed, form } => {
                ensure!(*length <= MOST, "{length} bytes are too many");
                form.make(*length, *seed)
            }
            Data::Part { of, from, length } => {
                let part = all.get(*of).and_then(|whole| whole.get(*from..from + length));
                match part {
                    Some(part) => part.to_vec(),
                    None => bail!("entry {of} has no {length} bytes at {from}"),
                }
            }
        };
        all.push(bytes);
    }
    Ok(all)
}
