//! The S3 protocol: from the head of an HTTP request to a typed request, and back.
//!
//! A request is read once, into a [`Request`](request::Request). Its operation is a row of
//! the table [`OPERATIONS`](operations::OPERATIONS), the only place that knows operations.
//! Whatever no row describes is `NotImplemented`, and never another operation.

pub mod date;
pub mod encoding;
pub mod error;
pub mod etag;
pub mod form_data;
pub mod head;
pub mod operation;
pub mod operations;
pub mod query;
pub mod range;
pub mod request;
pub mod response;
pub mod selection;
pub mod signing;
pub mod target;
pub mod xml;
