//! Conversions between the generated types of the contract and those of `storage-core`.

storage_core::conversions!(super::bindings::storage::object_store::types);
