//! Plug-ins with arbitrary contents.

use storage_host::StoreFactory;

const STORES: &str = "
plugins:
  fuzzed: {component: fuzzed.wasm, limits: {memory: 16MiB, cpu_time: 100ms}}
stores:
  memory: {type: DictStore}
main: memory
";

pub fn run(data: &[u8]) {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("fuzzed.wasm"), data).expect("a file");
    let stores = directory.path().join("stores.yaml");
    std::fs::write(&stores, STORES).expect("a file");
    if let Err(error) = StoreFactory::from_yaml(&stores) {
        let text = format!("{error:#}");
        assert!(text.contains("fuzzed"), "whose mistake is this? {text}");
        assert!(text.len() < 16 * 1024, "{} bytes of complaint", text.len());
        assert!(!text.contains("panicked"), "{text}");
    }
}
