//! Configuration files with arbitrary contents: any text gives a checked
//! configuration, or problems with their positions.

use std::sync::OnceLock;
use storage_host::config::{Config, TypeInfo};

pub fn run(data: &[u8]) {
    static TYPES: OnceLock<Vec<TypeInfo>> = OnceLock::new();
    let types = TYPES.get_or_init(|| storage_host::factory::types().expect("store types"));
    let Ok(text) = std::str::from_utf8(data) else { return };
    let vars = |name: &str| name.len().is_multiple_of(2).then(|| format!("the value of {name}"));
    match Config::parse(text, "stores.yaml", types, &vars) {
        Ok(config) => {
            assert!(config.main < config.stores.len());
            for (index, store) in config.stores.iter().enumerate() {
                assert!(store.bases.iter().all(|base| *base < index), "{store:?}");
            }
        }
        Err(error) => {
            assert!(!error.problems.is_empty());
            // A problem may be at the end of the text.
            let lines = text.split(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']).count() + 1;
            for problem in error.problems {
                assert!(!problem.message.trim().is_empty());
                assert!(problem.place.line <= lines, "line {} of {lines}", problem.place.line);
                assert!(problem.place.line >= 1 && problem.place.column >= 1);
            }
        }
    }
}
