//! Compilation ahead of time: a file of machine code for each level of a processor family.
//!
//! The build script does it, with the feature `precompiled`; the crate only loads the
//! result ([`precompiled`](super::precompiled)).

use super::settings::settings;
use wasmtime::Engine;

/// A level of a processor family.
pub struct Level {
    pub name: &'static str,
    /// What it adds to the level before it, as Cranelift calls it.
    flags: &'static [&'static str],
}

/// The x86-64 psABI, version 1.0, section 3.1.1, as far as Cranelift makes use of it.
const X86_64: &[Level] = &[
    Level {
        name: "x86-64-v2",
        flags: &["has_cmpxchg16b", "has_popcnt", "has_sse3", "has_sse41", "has_sse42", "has_ssse3"],
    },
    Level {
        name: "x86-64-v3",
        flags: &["has_avx", "has_avx2", "has_bmi1", "has_bmi2", "has_fma", "has_lzcnt"],
    },
    Level { name: "x86-64-v4", flags: &["has_avx512dq", "has_avx512f", "has_avx512vl"] },
];

/// The Arm architecture without and with atomic instructions (FEAT_LSE, Armv8.1).
const AARCH64: &[Level] =
    &[Level { name: "armv8.0", flags: &[] }, Level { name: "armv8.1", flags: &["has_lse"] }];

/// The levels of an architecture, the lowest first. Empty for others than these: there the
/// decorators are compiled when a process starts.
pub fn levels(architecture: &str) -> &'static [Level] {
    match architecture {
        "x86_64" => X86_64,
        "aarch64" => AARCH64,
        _ => &[],
    }
}

/// Compiles a component for the first `count` of `levels`, on the platform `target`.
#[expect(unsafe_code, reason = "Cranelift takes the instructions of a processor only so")]
pub fn compile(
    wasm: &[u8],
    target: &str,
    levels: &[Level],
    count: usize,
) -> wasmtime::Result<Vec<u8>> {
    let mut config = settings();
    config.target(target)?;
    for flag in levels.iter().take(count).flat_map(|level| level.flags) {
        // SAFETY: the flags only tell which instructions the processor has, and an engine
        // refuses code with instructions that its machine lacks.
        unsafe { config.cranelift_flag_enable(flag) };
    }
    Engine::new(&config)?.precompile_component(wasm)
}
