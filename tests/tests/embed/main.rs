//! The component in other programs: the examples in `examples/embed`, and the shared
//! cases in each.

mod artifacts;
mod browser;
mod node;
mod python;
mod rust;
mod wac;
