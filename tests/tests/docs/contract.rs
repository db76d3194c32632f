//! The contract is a single package, complete and documented.

use std::path::Path;
use wit_parser::{Docs, Resolve, TypeDefKind, WorldItem};

fn contract() -> (Resolve, wit_parser::PackageId) {
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../wit");
    let (package, _) = resolve.push_dir(&wit).unwrap();
    (resolve, package)
}

/// Documented and undocumented items.
#[derive(Default)]
struct Seen {
    documented: usize,
    bare: Vec<String>,
}

impl Seen {
    fn see(&mut self, path: String, docs: &Docs) {
        match docs.contents.as_deref().map(str::trim) {
            None | Some("") => self.bare.push(path),
            Some(_) => self.documented += 1,
        }
    }
}

#[test]
fn the_package_has_its_name_and_version() {
    let (resolve, package) = contract();
    assert_eq!(resolve.packages[package].name.to_string(), "storage:object-store@0.1.0");
}

#[test]
fn the_package_has_its_interfaces_and_worlds() {
    let (resolve, package) = contract();
    let package = &resolve.packages[package];
    let mut interfaces: Vec<&str> = package.interfaces.keys().map(String::as_str).collect();
    interfaces.sort_unstable();
    let wanted = [
        "coordinator",
        "decorators",
        "object-store",
        "observer",
        "request-context",
        "transform",
        "types",
    ];
    assert_eq!(interfaces, wanted);
    let mut worlds: Vec<&str> = package.worlds.keys().map(String::as_str).collect();
    worlds.sort_unstable();
    assert_eq!(worlds, ["decorator-pack", "transformer"]);
}

#[test]
fn the_worlds_import_and_export_what_their_roles_need() {
    let (resolve, package) = contract();
    let names = |items: Vec<&WorldItem>| -> Vec<String> {
        let mut names: Vec<String> = items
            .into_iter()
            .filter_map(|item| match item {
                WorldItem::Interface { id, .. } => resolve.interfaces[*id].name.clone(),
                _ => None,
            })
            .collect();
        names.sort();
        names
    };
    let world = |name: &str| {
        let world = &resolve.worlds[resolve.packages[package].worlds[name]];
        (names(world.imports.values().collect()), names(world.exports.values().collect()))
    };
    let (imports, exports) = world("decorator-pack");
    assert_eq!(imports, ["coordinator", "object-store", "observer", "request-context", "types"]);
    assert_eq!(exports, ["decorators", "object-store"]);
    let (imports, exports) = world("transformer");
    assert_eq!(imports, ["request-context", "types"]);
    assert_eq!(exports, ["transform"]);
}

#[test]
fn every_item_is_documented() {
    let (resolve, package) = contract();
    let mut seen = Seen::default();
    let package = &resolve.packages[package];
    for (name, id) in &package.worlds {
        seen.see(format!("world {name}"), &resolve.worlds[*id].docs);
    }
    for (name, id) in &package.interfaces {
        let interface = &resolve.interfaces[*id];
        seen.see(format!("interface {name}"), &interface.docs);
        for (function, item) in &interface.functions {
            seen.see(format!("{name}.{function}"), &item.docs);
        }
        for (type_name, id) in &interface.types {
            let item = &resolve.types[*id];
            let path = |part: &str| format!("{name}.{type_name}.{part}");
            // A `use` is documented at its definition.
            if matches!(item.kind, TypeDefKind::Type(wit_parser::Type::Id(_))) {
                continue;
            }
            seen.see(format!("{name}.{type_name}"), &item.docs);
            match &item.kind {
                TypeDefKind::Record(record) => {
                    record.fields.iter().for_each(|f| seen.see(path(&f.name), &f.docs));
                }
                TypeDefKind::Variant(variant) => {
                    variant.cases.iter().for_each(|c| seen.see(path(&c.name), &c.docs));
                }
                TypeDefKind::Enum(cases) => {
                    cases.cases.iter().for_each(|c| seen.see(path(&c.name), &c.docs));
                }
                TypeDefKind::Flags(flags) => {
                    flags.flags.iter().for_each(|f| seen.see(path(&f.name), &f.docs));
                }
                _ => {}
            }
        }
    }
    assert!(seen.bare.is_empty(), "without documentation: {:#?}", seen.bare);
    assert!(seen.documented > 80, "only {} items were found", seen.documented);
}

#[test]
fn the_shared_types_hold_no_resources() {
    let (resolve, package) = contract();
    let types = &resolve.interfaces[resolve.packages[package].interfaces["types"]];
    for (name, id) in &types.types {
        assert!(
            !matches!(resolve.types[*id].kind, TypeDefKind::Resource),
            "{name} is a resource: imports and exports could not share the types"
        );
    }
}
