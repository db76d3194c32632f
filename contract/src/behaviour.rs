//! A transformer's declaration: which of its functions the host calls, and how.

/// Which functions the host calls, and how. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// What `encode` and `decode` get.
    pub data: Data,
    /// What `map_key` guarantees; `None` if keys pass unchanged.
    pub keys: Option<KeyMap>,
    /// What `validate` gets.
    pub validation: Validation,
}

/// What `encode` and `decode` get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Data {
    /// Nothing: bytes and ranges pass unchanged.
    #[default]
    Unchanged,
    /// Whole objects. The base holds exactly what `encode` returned.
    Whole {
        /// The most bytes of an object, at least 1.
        max_size: u32,
        /// Whether `decode` returns exactly what `encode` got.
        reversible: bool,
    },
    /// Independent chunks: objects of any size stream, and ranges can be read.
    Chunked {
        /// Bytes of each chunk before encoding, 1 to 4 MiB.
        chunk_size: u32,
        /// How many bytes larger an encoded chunk is, if that is the same for all
        /// chunks.
        overhead: Option<u32>,
    },
}

/// What `map_key` guarantees.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyMap {
    /// Keys sort like their base keys, by UTF-8 bytes.
    pub keeps_order: bool,
    /// The base keys of all keys that begin with `p` begin with `map_key(p)`.
    pub keeps_prefixes: bool,
}

/// What `validate` gets before anything is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Validation {
    /// Nothing.
    #[default]
    Nothing,
    /// Keys.
    Keys,
    /// Keys with whole objects of at most this many bytes, at least 1.
    Objects(u32),
}
