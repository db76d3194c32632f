//! The S3 protocol: from the head of an HTTP request to a typed request, and back.
//!
//! A request is read once. [`Target`](target::Target) is what its path names, [`Query`](query::Query) its parameters;
//! [`select`](selection::select) finds its row in the table [`OPERATIONS`](operations::OPERATIONS), the only place that
//! knows operations. Whatever no row describes is `NotImplemented`, and never another
//! operation.
//!
//! The server does not use this yet, nor [`auth`](crate::auth): it still reads requests by
//! the crate `s3s`, and has its own table in `server/s3.rs`.

pub mod date;
pub mod error;
pub mod etag;
pub mod head;
pub mod operation;
pub mod operations;
pub mod query;
pub mod range;
pub mod selection;
pub mod target;
pub mod xml;
