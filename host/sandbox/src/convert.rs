//! Conversions between the generated types of the contract and those of `storage-core`.

storage_contract::conversions!(super::bindings::storage::object_store::types);
