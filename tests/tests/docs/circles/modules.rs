//! The modules of a crate, and the names and paths in them.

use super::tokens::{Token, tokens};
use anyhow::{Context, Result};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The names of a path, as they are separated by `::`.
pub type Names = Vec<String>;

#[derive(Default)]
pub struct Module {
    pub file: PathBuf,
    pub parent: Option<usize>,
    pub children: BTreeMap<String, usize>,
    /// What `use` brings into the module, by its name there.
    pub imports: Vec<(String, Names)>,
    /// The paths that `use …::*` opens.
    pub globs: Vec<Names>,
    /// The paths in the code.
    pub paths: Vec<Names>,
}

/// The modules of a crate; the first is its root.
pub struct Modules(pub Vec<Module>);

impl Modules {
    pub fn read(root: &Path) -> Result<Self> {
        let mut modules = Self(Vec::new());
        modules.read_file(root.to_owned(), None)?;
        Ok(modules)
    }

    fn add(&mut self, file: PathBuf, parent: Option<usize>) -> usize {
        self.0.push(Module { file, parent, ..Module::default() });
        self.0.len() - 1
    }

    fn read_file(&mut self, file: PathBuf, parent: Option<usize>) -> Result<usize> {
        let text = fs::read_to_string(&file).with_context(|| file.display().to_string())?;
        let at = self.add(file, parent);
        Reading { modules: self, tokens: tokens(&text), next: 0 }.body(at, Vec::new())?;
        Ok(at)
    }
}

/// The files that a file declares as modules.
pub fn declared(file: &Path) -> Result<Vec<PathBuf>> {
    let text = fs::read_to_string(file)?;
    let tokens = tokens(&text);
    let mut found = Vec::new();
    for (at, window) in tokens.windows(3).enumerate() {
        if let [Token::Word("mod"), Token::Word(name), Token::Mark(';')] = window {
            found.extend(module_file(file, &[], name, renamed(&tokens[..at])));
        }
    }
    Ok(found)
}

/// What `#[path = "…"]` says of the item after these tokens.
fn renamed<'a>(before: &[Token<'a>]) -> Option<&'a str> {
    let ends = |token: &Token<'_>| matches!(token, Token::Mark(']' | ';' | '{' | '}'));
    let end = before.iter().rposition(ends)?;
    let start = before[..end].iter().rposition(|token| *token == Token::Mark('#'))?;
    match &before[start..=end] {
        [_, _, Token::Word("path"), _, Token::Text(path), Token::Mark(']')] => Some(path),
        _ => None,
    }
}

/// The file of a module that `file` declares inside of its modules `inline`.
fn module_file(file: &Path, inline: &[&str], name: &str, renamed: Option<&str>) -> Option<PathBuf> {
    let folder = file.parent()?;
    if let Some(renamed) = renamed {
        return folder.join(renamed).canonicalize().ok();
    }
    // Beside a crate's root and `mod.rs`, below the folder of any other.
    [folder.join(file.file_stem()?), folder.to_owned()].into_iter().find_map(|mut folder| {
        folder.extend(inline);
        let files = [folder.join(format!("{name}.rs")), folder.join(name).join("mod.rs")];
        files.into_iter().find(|file| file.exists())
    })
}

struct Reading<'a, 'b> {
    modules: &'b mut Modules,
    tokens: Vec<Token<'a>>,
    next: usize,
}

impl<'a> Reading<'a, '_> {
    fn peek(&self, ahead: usize) -> Option<Token<'a>> {
        self.tokens.get(self.next + ahead).copied()
    }

    /// Reads what is in the module `at`, up to its closing brace.
    fn body(&mut self, at: usize, inline: Vec<&'a str>) -> Result<()> {
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            match (token, self.peek(1), self.peek(2)) {
                (Token::Word("mod"), Some(Token::Word(name)), Some(Token::Mark(';'))) => {
                    let file = self.modules.0[at].file.clone();
                    let renamed = renamed(&self.tokens[..self.next]);
                    let found = module_file(&file, &inline, name, renamed);
                    let found = found.with_context(|| format!("{}: mod {name}", file.display()))?;
                    let child = self.modules.read_file(found, Some(at))?;
                    self.modules.0[at].children.insert(name.to_owned(), child);
                    self.next += 3;
                }
                (Token::Word("mod"), Some(Token::Word(name)), Some(Token::Mark('{'))) => {
                    let file = self.modules.0[at].file.clone();
                    let child = self.modules.add(file, Some(at));
                    self.modules.0[at].children.insert(name.to_owned(), child);
                    self.next += 3;
                    self.body(child, [&inline[..], &[name]].concat())?;
                }
                (Token::Word("use"), Some(next), _) if next != Token::Mark('<') => {
                    self.next += 1;
                    self.import(at, Vec::new());
                }
                (Token::Word("macro_rules"), ..) if self.is_exported() => self.skip_group(),
                (Token::Mark('#'), ..) => self.attribute(at),
                (Token::Word(_) | Token::Colons, ..) => self.path(at),
                (Token::Mark('}'), ..) if depth == 0 => {
                    self.next += 1;
                    return Ok(());
                }
                _ => {
                    depth += i32::from(token == Token::Mark('{'));
                    depth -= i32::from(token == Token::Mark('}'));
                    self.next += 1;
                }
            }
        }
        Ok(())
    }

    /// Whether the item that begins here is `#[macro_export]`. What is in such a macro is
    /// the code of the crates that use it.
    fn is_exported(&self) -> bool {
        self.tokens[..self.next].ends_with(&[Token::Word("macro_export"), Token::Mark(']')])
    }

    /// Skips all up to the end of the next group in braces.
    fn skip_group(&mut self) {
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            self.next += 1;
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') if depth == 1 => return,
                Token::Mark('}') => depth -= 1,
                _ => {}
            }
        }
    }

    /// Reads a path, and keeps it if it has more than a name.
    fn path(&mut self, at: usize) {
        let mut names = Names::new();
        // What follows `::` at the start is another crate's, or a type's in `<…>`.
        let known = self.peek(0) != Some(Token::Colons);
        loop {
            match (self.peek(0), self.peek(1)) {
                (Some(Token::Word(name)), _) => {
                    names.push(name.to_owned());
                    self.next += 1;
                    if self.peek(0) != Some(Token::Colons) {
                        break;
                    }
                }
                (Some(Token::Colons), Some(Token::Word(_))) => self.next += 1,
                (Some(Token::Colons), _) => {
                    self.next += 1;
                    break;
                }
                _ => break,
            }
        }
        if known && names.len() > 1 {
            self.modules.0[at].paths.push(names);
        }
    }

    /// Reads an attribute, in which a text may be a path: `#[serde(with = "…")]`.
    fn attribute(&mut self, at: usize) {
        self.next += 1;
        let mut depth = 0;
        while let Some(token) = self.peek(0) {
            match token {
                Token::Mark('[') => depth += 1,
                Token::Mark(']') => depth -= 1,
                Token::Word(_) | Token::Colons => {
                    self.path(at);
                    continue;
                }
                Token::Text(text) if text.contains("::") && !text.contains(' ') => {
                    let names = text.split("::").map(str::to_owned).collect();
                    self.modules.0[at].paths.push(names);
                }
                _ => {}
            }
            self.next += 1;
            if depth == 0 && !matches!(token, Token::Mark('!')) {
                return;
            }
        }
    }

    /// Reads a tree of `use` after `prefix`, up to the mark that ends it.
    fn import(&mut self, at: usize, prefix: Names) {
        let mut names = prefix;
        let mut alias = None;
        while let Some(token) = self.peek(0) {
            match token {
                Token::Word("as") => {
                    self.next += 1;
                    if let Some(Token::Word(name)) = self.peek(0) {
                        alias = Some(name.to_owned());
                    }
                }
                // `{self}` is what is before it.
                Token::Word("self") if !names.is_empty() => {}
                Token::Word(name) => names.push(name.to_owned()),
                // No name of this crate is empty: what follows is another's.
                Token::Colons if names.is_empty() => names.push(String::new()),
                Token::Mark('*') => {
                    self.next += 1;
                    return self.modules.0[at].globs.push(names);
                }
                Token::Mark('{') => {
                    while self.peek(0).is_some_and(|token| token != Token::Mark('}')) {
                        self.next += 1;
                        if self.peek(0) != Some(Token::Mark('}')) {
                            self.import(at, names.clone());
                        }
                    }
                    self.next += 1;
                    return;
                }
                Token::Mark(',' | ';' | '}') => break,
                _ => {}
            }
            self.next += 1;
        }
        if let Some(name) = alias.or_else(|| names.last().cloned()) {
            self.modules.0[at].imports.push((name, names));
        }
    }
}
