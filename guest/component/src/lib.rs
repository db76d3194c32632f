//! The built-in decorators of `storage-core` as one component of the world
//! `decorator-pack`. The shell around them is that of every plug-in.

storage_plugin::pack!(storage_core::decorators::KINDS);
