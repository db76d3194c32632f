//! The clock by which running guests are interrupted.

use std::time::Duration;

/// The length of an epoch: how often running guests are checked.
pub const TICK: Duration = Duration::from_millis(10);

/// Advances the epoch for as long as the engine lives.
pub fn tick(engine: &wasmtime::Engine) -> std::io::Result<()> {
    let engine = engine.weak();
    std::thread::Builder::new().name("epoch".to_owned()).spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            std::thread::sleep(TICK);
        }
    })?;
    Ok(())
}
