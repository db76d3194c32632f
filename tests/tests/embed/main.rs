//! The component in other programs: the examples in `examples/embed`, and the shared
//! cases in each; and the packages that programs in Rust depend on.

mod artifacts;
mod browser;
mod node;
mod packages;
mod python;
mod rust;
mod wac;
