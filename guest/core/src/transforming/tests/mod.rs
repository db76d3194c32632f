//! Tests of stores made of small transformers.

mod bytes;
mod keys;
mod kit;
mod refusals;
