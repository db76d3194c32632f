//! What a transformer asks for: which of its functions are called, and how.

/// Which functions are called, and how. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Behaviour {
    /// What becomes of the bytes.
    pub data: Data,
    /// What becomes of the keys; `None`: they are those of the base.
    pub keys: Option<KeyMap>,
    /// What is refused.
    pub validation: Validation,
}

/// What `encode` and `decode` see.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Data {
    /// Nothing: bytes pass unchanged, parts of them too.
    #[default]
    Unchanged,
    /// Whole objects; the base holds exactly what `encode` gave.
    Whole {
        /// The most bytes of an object, at least 1.
        max_size: u32,
        /// Whether `decode` gives back exactly what `encode` was given.
        reversible: bool,
    },
    /// Chunks, each on its own: any size streams, and parts can be read.
    Chunked {
        /// Bytes of each chunk before encoding, 1 to 4 MiB.
        chunk_size: u32,
        /// How many more an encoded chunk has, if that is the same for all.
        overhead: Option<u32>,
    },
}

/// What `map_key` keeps of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyMap {
    /// Keys and their base keys are in the same order of UTF-8 bytes.
    pub keeps_order: bool,
    /// The base keys of all keys that begin with `p` begin with `map_key(p)`.
    pub keeps_prefixes: bool,
}

/// What `validate` sees before anything is written.
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
