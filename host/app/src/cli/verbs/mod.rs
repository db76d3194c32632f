//! The verbs, each with its options.

pub mod cache;
pub mod cat;
pub mod check;
pub mod clear;
pub mod copy;
pub mod du;
pub mod exists;
pub mod find;
pub mod get;
pub mod graph;
pub mod heal;
pub mod kinds;
pub mod ls;
pub mod mv;
pub mod plugin;
pub mod presign;
pub mod put;
pub mod rm;
pub mod run;
pub mod stat;
pub mod sync;
