//! Blocks of a document that hold the output of a benchmark, between two comments:
//!
//! ```text
//! <!-- figures: NAME -->
//! ### A section
//! …
//! <!-- end of figures -->
//! ```

use anyhow::{Context, Result, ensure};

const END: &str = "<!-- end of figures -->";

/// Returns the document with a benchmark's output in its block `name`. A section
/// replaces the one with the same heading, or is appended, so single cells can be
/// measured again. `origin` goes below each new heading.
pub fn replace(document: &str, name: &str, printed: &str, origin: &str) -> Result<String> {
    let begin = format!("<!-- figures: {name} -->");
    let missing = || format!("the document has no block {begin} … {END}");
    let (before, rest) = document.split_once(&begin).with_context(missing)?;
    let (block, after) = rest.split_once(END).with_context(missing)?;
    let mut sections = sections(block);
    let new = self::sections(printed);
    ensure!(!new.is_empty(), "no section was printed for {name}:\n{printed}");
    for (heading, text) in new {
        let text = format!("{origin}\n\n{text}");
        match sections.iter_mut().find(|(known, _)| *known == heading) {
            Some(section) => section.1 = text,
            None => sections.push((heading, text)),
        }
    }
    let sections: String =
        sections.iter().map(|(heading, text)| format!("{heading}\n\n{text}\n\n")).collect();
    Ok(format!("{before}{begin}\n\n{sections}{END}{after}"))
}

/// The headings with the text below each.
fn sections(text: &str) -> Vec<(String, String)> {
    let mut sections: Vec<(String, String)> = Vec::new();
    for line in text.lines() {
        if line.starts_with("### ") {
            sections.push((line.to_owned(), String::new()));
        } else if let Some((_, below)) = sections.last_mut() {
            below.push_str(line);
            below.push('\n');
        }
    }
    sections.iter_mut().for_each(|(_, below)| *below = below.trim().to_owned());
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = "before\n<!-- figures: a -->\n\n### One\n\nold\n\n### Two\n\nkept\n\n\
                            <!-- end of figures -->\n### One\nprose\n<!-- figures: b -->\n\
                            <!-- end of figures -->\n";

    #[test]
    fn a_section_replaces_its_namesake_in_its_block_alone() {
        let got = replace(DOCUMENT, "a", "### One\n\nnew\n", "here, today").unwrap();
        assert_eq!(got, DOCUMENT.replace("old", "here, today\n\nnew"));
    }

    #[test]
    fn a_new_section_comes_after_the_others() {
        let got = replace(DOCUMENT, "a", "### Three\n| table |\n\n", "here").unwrap();
        let end = "kept\n\n### Three\n\nhere\n\n| table |\n\n<!-- end";
        assert_eq!(got, DOCUMENT.replacen("kept\n\n<!-- end", end, 1));
        let got = replace(DOCUMENT, "b", "### Three\nx", "here").unwrap();
        assert!(got.ends_with("b -->\n\n### Three\n\nhere\n\nx\n\n<!-- end of figures -->\n"));
    }

    #[test]
    fn a_document_without_the_block_is_refused_and_so_is_a_bench_that_printed_nothing() {
        let error = replace(DOCUMENT, "c", "### One", "").unwrap_err().to_string();
        assert!(error.contains("no block <!-- figures: c -->"), "{error}");
        let error = replace(DOCUMENT, "a", "oops", "").unwrap_err().to_string();
        assert!(error.contains("no section was printed for a"), "{error}");
    }

    #[test]
    fn the_document_has_a_block_for_each_part() {
        let document = include_str!("../../../docs/performance.md");
        for part in ["sandbox", "libraries", "endpoint"] {
            replace(document, part, "### A section", "").unwrap();
        }
    }
}
