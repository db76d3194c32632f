use super::*;
use crate::config::Config;

const STORES: &str = "
stores:
  a: {type: FilesystemStore, config: {root_path: a, durable: true}}
  b: {type: DictStore}
  j: {type: DictStore}
  cached: {type: CachingStore, base: {main_store: a, cache_store: b}, config: {max_bytes: 7}}
  mirror: {type: MirroringStore, base: [a, b], config: {write: all, journal: j}}
  main: {type: PrefixStore, base: cached, config: {prefix: p}}
main: main
";

/// A store's name, its identity, and the scope of its values.
type Known = (String, Identity, Namespace);

/// All stores, as if opened for the first time.
fn all(text: &str) -> Vec<Known> {
    let types = crate::factory::types().unwrap();
    let config = Config::parse(text, "test", &types, &|_| None).unwrap();
    let mut all: Vec<Known> = Vec::new();
    for def in &config.stores {
        let backend = storage_backends::backend(&def.kind);
        let bases: Vec<Identity> = def.bases.iter().map(|base| all[*base].1).collect();
        let own = match backend {
            Some(backend) => of_backend(def, backend, Path::new("/here"), false),
            None => of_decorator(def, None, Path::new("/here"), bases.iter().copied()),
        };
        let scope = scope(def, own, &bases);
        all.push((def.name.clone(), own, scope));
    }
    all
}

/// The stores whose identity changes, and those whose values change scope.
fn changed(from: &str, to: &str) -> (String, String) {
    assert!(STORES.contains(from));
    let (old, new) = (all(STORES), all(&STORES.replace(from, to)));
    let differ = |differs: fn(&Known, &Known) -> bool| {
        let pairs = old.iter().zip(&new).filter(|(old, new)| differs(old, new));
        pairs.map(|(old, _)| old.0.as_str()).collect::<Vec<_>>().join(" ")
    };
    (differ(|old, new| old.1 != new.1), differ(|old, new| old.2 != new.2 && old.0 != "main"))
}

#[test]
fn a_store_is_another_when_its_definition_or_one_below_it_changes() {
    let others = |from, to| changed(from, to).0;
    assert_eq!(others("root_path: a, durable: true", "durable: true, root_path: a"), "");
    assert_eq!(others("{prefix: p}", "{\n    prefix: p}"), "");
    assert_eq!(others("prefix: p", "prefix: q"), "main");
    assert_eq!(others("max_bytes: 7", "max_bytes: 8"), "cached main");
    assert_eq!(others("durable: true", "durable: false"), "a cached mirror main");
    assert_eq!(
        others("b: {type: DictStore}", "b: {type: DictStore, config: {objects: {x: y}}}"),
        "b cached mirror main"
    );
}

#[test]
fn values_outlive_what_does_not_make_them_wrong() {
    let values = |from, to| changed(from, to).1;
    assert_eq!(values("max_bytes: 7", "max_bytes: 8"), "");
    assert_eq!(values("write: all", "write: quorum"), "");
    assert_eq!(values("base: [a, b]", "base: [b, a]"), "");
    assert_eq!(values("main_store: a, cache_store: b", "main_store: b, cache_store: a"), "cached");
    // What a child missed stays missed, wherever the child is now.
    assert_eq!(values("durable: true", "durable: false"), "a cached");
    assert_eq!(
        values("j: {type: DictStore}", "j: {type: DictStore, config: {objects: {x: y}}}"),
        "j mirror"
    );
}
