//! Writes documents.

use std::fmt::Write;

/// The namespace of S3.
const NAMESPACE: &str = "http://s3.amazonaws.com/doc/2006-03-01/";

/// Writes elements into an open one.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

/// The documents without it.
const WITHOUT: [&str; 2] = ["Error", "PostResponse"];

/// A document with this root element, whose content `content` writes.
pub fn document(root: &str, content: impl FnOnce(&mut Writer)) -> String {
    let mut writer = Writer { text: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned() };
    match root {
        root if WITHOUT.contains(&root) => writer.element(root, content),
        _ => writer.element_with(root, &[("xmlns", NAMESPACE)], content),
    }
    writer.text
}

impl Writer {
    /// Writes an element that contains text.
    pub fn text(&mut self, name: &str, text: &str) {
        self.element(name, |inner| escape(text, &mut inner.text));
    }

    /// Writes text into the element that is open.
    pub fn own_text(&mut self, text: &str) {
        escape(text, &mut self.text);
    }

    /// Writes an element that contains text, if there is any.
    pub fn optional(&mut self, name: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(name, text);
        }
    }

    /// Writes an element that contains a number or a truth value.
    pub fn value(&mut self, name: &str, value: impl std::fmt::Display) {
        // Numbers and truth values need no escaping; anything else gets it.
        self.text(name, &value.to_string());
    }

    /// Writes an element.
    pub fn element(&mut self, name: &str, content: impl FnOnce(&mut Self)) {
        self.element_with(name, &[], content);
    }

    /// Writes an element with attributes.
    pub fn element_with(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        content: impl FnOnce(&mut Self),
    ) {
        // Listings have thousands of elements: formatting would take a third of their time.
        self.text.push('<');
        self.text.push_str(name);
        for (attribute, value) in attributes {
            let _ = write!(self.text, " {attribute}=\"");
            escape(value, &mut self.text);
            self.text.push('"');
        }
        self.text.push('>');
        content(self);
        self.text.push_str("</");
        self.text.push_str(name);
        self.text.push('>');
    }
}

/// Escapes markup and control characters. Readers turn a bare carriage return into a
/// line feed (XML 1.0, section 2.11), so that a key with one would be another key. Other
/// control characters can't stand in XML 1.0; S3 writes references to them all the same,
/// and clients ask for `encoding-type=url` if they want them.
fn escape(text: &str, out: &mut String) {
    let mut plain = text;
    while let Some(at) = plain.find(is_escaped) {
        let (before, after) = plain.split_at(at);
        let mut after = after.chars();
        out.push_str(before);
        match after.next() {
            Some('&') => out.push_str("&amp;"),
            Some('<') => out.push_str("&lt;"),
            Some('>') => out.push_str("&gt;"),
            Some('"') => out.push_str("&quot;"),
            Some(c) => {
                let _ = write!(out, "&#{};", u32::from(c));
            }
            None => {}
        }
        plain = after.as_str();
    }
    out.push_str(plain);
}

fn is_escaped(c: char) -> bool {
    match c {
        '&' | '<' | '>' | '"' | '\u{fffe}' | '\u{ffff}' => true,
        '\n' | '\t' => false,
        c => c.is_control(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_be_misread_is_escaped() {
        let text = |text: &str| document("Error", |error| error.text("Key", text));
        let escaped = |key: &str| {
            let text = text(key);
            let inner = text.split_once("<Key>").unwrap().1.split_once("</Key>").unwrap().0;
            inner.to_owned()
        };
        assert_eq!(escaped("a<b>&\"'"), "a&lt;b&gt;&amp;&quot;'");
        assert_eq!(escaped("a\r\n\t\u{1}\u{85}"), "a&#13;\n\t&#1;&#133;");
        assert_eq!(escaped("é\u{1f680}]]>"), "é\u{1f680}]]&gt;");
    }

    #[test]
    fn a_document_has_the_namespace_of_s3() {
        let text = document("ListBucketResult", |list| list.value("KeyCount", 3));
        assert_eq!(
            text,
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
             <ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
             <KeyCount>3</KeyCount></ListBucketResult>"
        );
    }
}
