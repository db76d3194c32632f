//! The binary `storage-host`; see the library's `cli` module.

use std::process::ExitCode;

fn main() -> ExitCode {
    storage_host::allocator::tune();
    storage_host::cli::main()
}
