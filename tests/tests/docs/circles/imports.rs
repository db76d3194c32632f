//! Which file needs which others.

use super::modules::{Modules, Names};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// By file, the files it imports, each with the path that does.
pub type Imports = BTreeMap<PathBuf, BTreeMap<PathBuf, String>>;

/// The most names that are followed through re-exports; some lead back to themselves, as
/// `use macro_name`.
const MAX_HOPS: usize = 64;

/// What the files of a crate import from each other. To declare a module is no import,
/// to re-export from it is one.
pub fn imports(modules: &Modules) -> Imports {
    let mut found = Imports::new();
    for (at, module) in modules.0.iter().enumerate() {
        let imported = module.imports.iter().map(|(_, names)| names);
        for names in imported.chain(&module.globs).chain(&module.paths) {
            let mut used = Vec::new();
            let end = modules.follow(at, names, MAX_HOPS, &mut used);
            if module.globs.contains(names) {
                used.extend(end);
            }
            for file in used.into_iter().map(|at| &modules.0[at].file) {
                if *file != module.file {
                    let imports = found.entry(module.file.clone()).or_default();
                    imports.entry(file.clone()).or_insert_with(|| names.join("::"));
                }
            }
        }
    }
    found
}

impl Modules {
    /// Follows a path from a module: to the module that it names, if it names one. `used`
    /// receives the modules on the way whose text has a name of the path.
    fn follow(
        &self,
        at: usize,
        names: &[String],
        hops: usize,
        used: &mut Vec<usize>,
    ) -> Option<usize> {
        let Some((name, rest)) = names.split_first() else { return Some(at) };
        let hops = hops.checked_sub(1)?;
        let module = &self.0[at];
        if let Some(next) = self.step(at, name) {
            return self.follow(next, rest, hops, used);
        }
        used.push(at);
        if let Some((_, names)) = module.imports.iter().find(|(known, _)| known == name) {
            let names: Names = names.iter().chain(rest).cloned().collect();
            return self.follow(at, &names, hops, used);
        }
        let opened = module.globs.iter().find_map(|glob| {
            let opened = self.opened(at, glob)?;
            let known = &self.0[opened];
            let has = known.children.contains_key(name)
                || known.imports.iter().any(|(known, _)| known == name);
            has.then_some(opened)
        })?;
        self.follow(opened, names, hops, used)
    }

    /// The module whose names `use …::*` brings, if it is one of this crate.
    fn opened(&self, at: usize, glob: &[String]) -> Option<usize> {
        glob.iter().try_fold(at, |at, name| self.step(at, name))
    }

    /// The module that a name means in another, unless it is re-exported there.
    fn step(&self, at: usize, name: &str) -> Option<usize> {
        match name {
            "crate" => Some(0),
            "self" => Some(at),
            "super" => self.0[at].parent,
            name => self.0[at].children.get(name).copied(),
        }
    }
}

/// The shortest circles, one through each file that is in any, as chains of files.
pub fn circles(imports: &Imports) -> Vec<Vec<&Path>> {
    let mut found: Vec<Vec<&Path>> = Vec::new();
    for file in imports.keys() {
        if !found.iter().flatten().any(|known| known == file) {
            found.extend(circle(imports, file));
        }
    }
    found
}

fn circle<'a>(imports: &'a Imports, start: &'a Path) -> Option<Vec<&'a Path>> {
    let mut came_from: BTreeMap<&Path, &Path> = BTreeMap::new();
    let mut layer = vec![start];
    while !layer.is_empty() && !came_from.contains_key(start) {
        let mut next = Vec::new();
        for file in layer {
            for imported in imports.get(file).into_iter().flat_map(BTreeMap::keys) {
                came_from.entry(imported).or_insert_with(|| {
                    next.push(imported.as_path());
                    file
                });
            }
        }
        layer = next;
    }
    let mut chain = vec![start];
    while chain.len() < 2 || *chain.last()? != start {
        chain.push(came_from.get(chain.last()?)?);
    }
    chain.reverse();
    Some(chain)
}
