//! Configurations: what loads, what is refused, start, reload and end.

mod bad_input;
mod examples;
mod lifecycle;
mod python_shapes;
mod reloads;
