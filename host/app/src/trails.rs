//! Where the stores of a configuration keep their objects.

use crate::config::{Config, StoreDef};
use crate::volume;
use serde_json::Value;
use std::path::Path;
use storage_backends::{Medium, backend};
use storage_contract::kind::Keys;
use storage_core::decorators::kind;
use storage_store::trail::{Step, Trail};

/// Every path from a store down to a backend. `factory` distinguishes stores
/// that exist only in one factory, such as those in memory.
pub(crate) fn trails(config: &Config, factory: u64, store: usize, cwd: &Path) -> Vec<Trail> {
    let mut trails = Vec::new();
    let start =
        Step { place: String::new(), prefix: String::new(), keys: true, late_copies: false };
    let mut todo = vec![(store, start, Trail::new())];
    while let Some((index, above, mut trail)) = todo.pop() {
        let Some(def) = config.stores.get(index) else { continue };
        let place = format!("store {factory}.{index}");
        trail.push(Step { place: place.clone(), ..above.clone() });
        if def.bases.is_empty() {
            let places = outside(def, &above, cwd);
            if places.is_empty() {
                trails.push(trail);
                continue;
            }
            trails.extend(places.into_iter().map(|place| [trail.clone(), vec![place]].concat()));
            continue;
        }
        // A store keeps data other than objects, such as a journal, below its
        // name.
        let own = Step { prefix: format!("{}/", def.name), keys: false, ..above.clone() };
        todo.extend(def.beside().iter().map(|base| (*base, own.clone(), trail.clone())));
        let below = through(def, above);
        todo.extend(def.under().iter().map(|base| (*base, below.clone(), trail.clone())));
    }
    trails
}

/// How a decorator changes keys. A plug-in may do anything.
fn through(def: &StoreDef, above: Step) -> Step {
    let built_in = kind(&def.kind).filter(|_| def.plugin.is_none());
    match built_in.map_or(Keys::Opaque, |kind| kind.keys) {
        Keys::Same => above,
        Keys::Prefix => {
            let prefix = def.config.get("prefix").and_then(Value::as_str).unwrap_or_default();
            Step { prefix: format!("{prefix}{}", above.prefix), ..above }
        }
        Keys::Mapped | Keys::Opaque => Step { prefix: String::new(), keys: false, ..above },
    }
}

/// The locations of a backend's objects that hold across factories, one for
/// each name of the place. Two stores share a place if they have any name in
/// common.
fn outside(def: &StoreDef, above: &Step, cwd: &Path) -> Vec<Step> {
    let real = |path: &str| {
        let path = cwd.join(path);
        let path = path.canonicalize().unwrap_or(path);
        path.to_string_lossy().into_owned()
    };
    let text = |name| def.config.get(name).and_then(Value::as_str).unwrap_or_default();
    match backend(&def.kind).map(|backend| backend.medium) {
        None | Some(Medium::Process) => Vec::new(),
        Some(Medium::Folder { property, keys }) => {
            let (root, keys) = (text(property), keys && above.keys);
            // One root may be inside another.
            let step = |place: &str, root: String| {
                let root = format!("{}/", root.trim_end_matches('/'));
                let prefix = if keys { format!("{root}{}", above.prefix) } else { root };
                Step { place: place.to_owned(), prefix, keys, late_copies: false }
            };
            let inner = volume::within(&cwd.join(root)).map(|inner| step("volumes", inner));
            std::iter::once(step("files", real(root))).chain(inner).collect()
        }
        Some(Medium::File { property, .. }) => {
            let path = text(property);
            let names = std::iter::once(real(path)).chain(volume::identity(&cwd.join(path)));
            let step = |name| Step { place: format!("{} {name}", def.kind), ..above.clone() };
            names.map(step).collect()
        }
        // A bucket is one place, whichever credentials are used.
        Some(Medium::Bucket { property, server }) => {
            let server = text(server).trim_end_matches('/').to_lowercase();
            let place = format!("bucket {server} {}", text(property));
            vec![Step { place, late_copies: true, ..above.clone() }]
        }
    }
}

/// The store that keeps its objects in this file, or in a directory that
/// contains it.
pub(crate) fn keeper<'a>(config: &'a Config, directory: &Path, file: &Path) -> Option<&'a str> {
    // Resolve a file that does not exist yet by the first directory above it that does.
    let real = |path: &Path| {
        path.ancestors().find_map(|above| {
            let rest = path.strip_prefix(above).ok()?;
            Some(above.canonicalize().ok()?.join(rest))
        })
    };
    let file = real(&std::path::absolute(file).ok()?)?;
    let keeps = |def: &&StoreDef| {
        let path =
            backend(&def.kind).and_then(|backend| def.config.get(backend.medium.path()?)?.as_str());
        path.and_then(|path| real(&directory.join(path))).is_some_and(|at| file.starts_with(at))
    };
    config.stores.iter().find(keeps).map(|def| def.name.as_str())
}
