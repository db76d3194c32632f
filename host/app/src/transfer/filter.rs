//! Include and exclude patterns for keys.

use globset::{GlobBuilder, GlobSet, GlobSetBuilder};

/// Patterns of keys to include and exclude, matched against the key relative to the
/// prefix (for a [tree](super::endpoint::Endpoint::tree), without the leading `/`). `*` and `?` match
/// within a segment, `**` crosses `/`. A key is skipped if an exclude pattern matches
/// it, or if there are include patterns and none does. The default skips nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    include: Option<GlobSet>,
    exclude: GlobSet,
}

impl Filter {
    /// Compiles the patterns; the error names the invalid one.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self, globset::Error> {
        let include = if include.is_empty() { None } else { Some(set(include)?) };
        Ok(Self { include, exclude: set(exclude)? })
    }

    /// Whether to include a key; `rest` is the key relative to the prefix.
    pub fn keeps(&self, rest: &str) -> bool {
        self.include.as_ref().is_none_or(|set| set.is_match(rest)) && !self.exclude.is_match(rest)
    }
}

fn set(patterns: &[String]) -> Result<GlobSet, globset::Error> {
    let mut set = GlobSetBuilder::new();
    for pattern in patterns {
        set.add(GlobBuilder::new(pattern).literal_separator(true).build()?);
    }
    set.build()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let owned =
            |patterns: &[&str]| patterns.iter().map(|p| (*p).to_owned()).collect::<Vec<_>>();
        Filter::new(&owned(include), &owned(exclude)).unwrap()
    }

    #[test]
    fn a_star_stays_within_a_segment_and_two_cross() {
        let (one, any) = (filter(&["*.txt"], &[]), filter(&["**/*.txt"], &[]));
        assert!(one.keeps("a.txt") && !one.keeps("d/a.txt") && !one.keeps("a.txt/b"));
        assert!(any.keeps("a.txt") && any.keeps("d/a.txt") && any.keeps("d/e/a.txt"));
        assert!(filter(&["logs/**"], &[]).keeps("logs/2026/1"));
        assert!(!filter(&["a?b"], &[]).keeps("a/b"));
    }

    #[test]
    fn exclude_wins_over_include_and_nothing_leaves_out_nothing() {
        let both = filter(&["**/*.txt", "*.md"], &["tmp/**", "b.*"]);
        assert!(both.keeps("a.txt") && both.keeps("c.md"));
        assert!(!both.keeps("tmp/a.txt") && !both.keeps("b.md") && !both.keeps("a.jpg"));
        assert!(Filter::default().keeps("") && Filter::default().keeps("any/key"));
        assert!(filter(&[], &["b"]).keeps("a"));
    }

    #[test]
    fn a_pattern_that_is_none_is_an_error_naming_it() {
        let error = Filter::new(&["a[".to_owned()], &[]).unwrap_err();
        assert_eq!(error.glob(), Some("a["));
    }
}
