//! XML documents of S3: written so that every client reads the same text, and read
//! within bounds.

pub mod read;
pub mod write;
