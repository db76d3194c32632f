//! Many keys, connections, bytes and requests: the real binary serves them in little
//! memory. Each test measures the server's process, so they may run beside each other.

mod connections;
mod keys;
mod large_objects;
mod memory;
mod object;
mod soak;
