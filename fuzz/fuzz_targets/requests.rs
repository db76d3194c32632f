//! `requests` under libFuzzer.

#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| (storage_fuzz::target("requests").run)(data));
