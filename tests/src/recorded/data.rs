//! The byte strings of the cases: each once, large ones by their recipe.

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
    /// As it is.
    Base64(String),
    /// What `cases::bytes` makes of a length and a seed, and in which form.
    Made {
        /// How many bytes to make, before the form.
        length: usize,
        /// The seed.
        seed: u64,
        /// What becomes of them.
        #[serde(rename = "as")]
        form: Form,
    },
    /// A part of another.
    Part {
        /// The other's place in the list.
        of: usize,
        /// The first byte.
        from: usize,
        /// How many.
        length: usize,
    },
}

/// What is made of bytes, so that stores of text or JSON take them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Form {
    /// Nothing.
    Bytes,
    /// Letters: `'a' + byte % 26`.
    Text,
    /// `{"is":"` and the letters and `"}`.
    Json,
    /// The same with a space after the colon.
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

/// Longer ones are told by recipe, where there is one.
const SHORT: usize = 48;

/// How many bytes at the start tell what a string was made from.
const TELLING: usize = 40;

/// Seeds that cases use.
fn seeds() -> impl Iterator<Item = u64> {
    (0..1_000).chain(LENGTHS.iter().map(|length| *length as u64))
}

/// The list under construction.
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
    /// The place of these bytes.
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

    /// The list.
    pub fn into_list(self) -> Vec<Data> {
        self.list
    }
}

/// What is longer is no byte string of a case.
const MOST: usize = 64 * 1024 * 1024;

/// The bytes of every entry.
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
