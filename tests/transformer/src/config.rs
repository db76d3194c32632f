//! The config of the transformer under test.

/// Which rules to follow, and where to do what.
pub struct Config {
    pub rules: String,
    pub at: String,
    pub what: String,
    pub chunk_size: u32,
}
