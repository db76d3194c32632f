//! The machine code of the built-in decorators that is part of this program.

use wasmtime::Engine;
use wasmtime::component::Component;

/// The levels of processors that this crate has code for, and the code, the highest level
/// first. Empty without the feature `precompiled`.
#[cfg(feature = "precompiled")]
pub static PRECOMPILED: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/precompiled.rs"));
#[cfg(not(feature = "precompiled"))]
pub static PRECOMPILED: &[(&str, &[u8])] = &[];

/// Loads the first code that this machine can run, and tells its level. `None` if there is
/// none: the component is to be compiled then.
pub fn load<'a>(engine: &Engine, compiled: &[(&'a str, &[u8])]) -> Option<(&'a str, Component)> {
    compiled.iter().find_map(|&(level, code)| {
        // SAFETY: the code is part of this program, or comes from a test that has just
        // compiled it. The engine refuses what another version or other settings gave, and
        // what needs instructions that this processor does not have.
        #[expect(unsafe_code, reason = "machine code is as trusted as the program it is part of")]
        let loaded = unsafe { Component::deserialize(engine, code) };
        let refused =
            |error: &wasmtime::Error| tracing::debug!(level, %error, "this code is not taken");
        loaded.inspect_err(refused).ok().map(|component| (level, component))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guests::DECORATORS;
    use crate::precompile::{compile, levels};
    use crate::runtime::config;

    /// How many of the levels this machine has, by the standard library's detection.
    #[cfg(target_arch = "x86_64")]
    fn of_this_machine() -> usize {
        use std::arch::is_x86_feature_detected as has;
        let v2 = has!("sse4.2") && has!("popcnt") && has!("cmpxchg16b");
        let v3 = v2 && has!("avx2") && has!("bmi1") && has!("bmi2") && has!("fma") && has!("lzcnt");
        let v4 = v3 && has!("avx512f") && has!("avx512dq") && has!("avx512vl");
        [v2, v3, v4].into_iter().filter(|has| *has).count()
    }

    #[cfg(target_arch = "aarch64")]
    fn of_this_machine() -> usize {
        1 + usize::from(std::arch::is_aarch64_feature_detected!("lse"))
    }

    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    fn of_this_machine() -> usize {
        0
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_machine_takes_the_highest_level_that_it_has_and_no_code_of_other_settings() {
        let target = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
        let levels = levels(std::env::consts::ARCH);
        let code: Vec<(&str, Vec<u8>)> = (1..=levels.len())
            .rev()
            .map(|n| (levels[n - 1].name, compile(DECORATORS, &target, levels, n).unwrap()))
            .collect();
        let truncated = |most: usize| -> Vec<(&str, &[u8])> {
            code.iter().map(|(name, code)| (*name, &code[..most.min(code.len())])).collect()
        };
        let compiled = truncated(usize::MAX);
        for pooling in [true, false] {
            let engine = Engine::new(&config(pooling)).unwrap();
            let loaded = load(&engine, &compiled).map(|(level, _)| level);
            let best = of_this_machine().checked_sub(1).map(|at| levels[at].name);
            assert_eq!(loaded, best, "pooling: {pooling}");
        }

        let mut other = config(false);
        other.epoch_interruption(true);
        assert!(load(&Engine::new(&other).unwrap(), &compiled).is_none());
        assert!(load(&Engine::new(&config(false)).unwrap(), &truncated(64)).is_none());
    }
}
