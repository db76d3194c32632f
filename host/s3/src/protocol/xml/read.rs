//! Reads documents.

use crate::protocol::error::{Code, Error, Result, error};
use quick_xml::Reader;
use quick_xml::events::{BytesRef, Event};

/// The most elements in one another; S3's documents have at most seven.
const MAX_DEPTH: usize = 16;

/// The most elements of a document. Ten thousand parts with an etag and a checksum have
/// less than half of them.
const MAX_ELEMENTS: usize = 100_000;

/// The most characters of a document in a message.
const MAX_SHOWN: usize = 100;

/// An element, its text and its children. Namespaces, attributes and comments are left
/// out.
#[derive(Debug, Default, PartialEq)]
pub struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

/// Reads a document whose root has this name. Entities that a document defines itself
/// are refused, and so is the declaration.
pub fn read(document: &[u8], root: &str) -> Result<Element> {
    let text = std::str::from_utf8(document).map_err(|_| malformed("it is not UTF-8"))?;
    let mut reader = Reader::from_str(text);
    let mut open: Vec<Element> = Vec::new();
    let mut done = None;
    let mut elements = 0;
    loop {
        let event = reader.read_event().map_err(|error| malformed(&error.to_string()))?;
        let closed = match event {
            Event::Start(start) => {
                open.push(begin(start.local_name().into_inner(), &mut elements, &done)?);
                if open.len() > MAX_DEPTH {
                    return Err(malformed("it has too many elements in one another"));
                }
                continue;
            }
            Event::Empty(start) => begin(start.local_name().into_inner(), &mut elements, &done)?,
            Event::End(_) => {
                // The reader checks that names match, so there is one.
                let Some(element) = open.pop() else { return Err(malformed("it ends twice")) };
                element
            }
            Event::Text(text) => {
                let text = text.xml10_content().map_err(|error| malformed(&error.to_string()))?;
                add(&mut open, &text)?;
                continue;
            }
            Event::CData(text) => {
                let text = text.xml10_content().map_err(|error| malformed(&error.to_string()))?;
                add(&mut open, &text)?;
                continue;
            }
            Event::GeneralRef(reference) => {
                add(&mut open, character(&reference)?.encode_utf8(&mut [0; 4]))?;
                continue;
            }
            Event::DocType(_) => return Err(malformed("it declares a type of document")),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) => continue,
            Event::Eof => break,
        };
        match open.last_mut() {
            Some(parent) => parent.children.push(closed),
            None => done = Some(closed),
        }
    }
    match done {
        Some(element) if open.is_empty() && element.name == root => Ok(element),
        Some(element) if open.is_empty() => {
            Err(malformed(&format!("it is a {}, and not a {root}", shown(&element.name))))
        }
        _ => Err(malformed("it is cut off")),
    }
}

fn begin(name: &[u8], elements: &mut usize, done: &Option<Element>) -> Result<Element> {
    *elements += 1;
    if *elements > MAX_ELEMENTS {
        return Err(malformed("it has too many elements"));
    }
    if done.is_some() {
        return Err(malformed("it has two roots"));
    }
    let name = std::str::from_utf8(name).map_err(|_| malformed("a name is not UTF-8"))?;
    Ok(Element { name: name.to_owned(), ..Element::default() })
}

fn add(open: &mut [Element], text: &str) -> Result<()> {
    match open.last_mut() {
        Some(element) => element.text.push_str(text),
        None if text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty() => {}
        None => return Err(malformed("there is text outside of the root")),
    }
    Ok(())
}

fn character(reference: &BytesRef<'_>) -> Result<char> {
    let found = reference.resolve_char_ref().map_err(|error| malformed(&error.to_string()))?;
    let named = |name: &str| match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => None,
    };
    let found = match found {
        Some(c) => Some(c),
        None => reference.decode().ok().and_then(|name| named(&name)),
    };
    found.ok_or_else(|| malformed("a reference in it is not known"))
}

/// What a message repeats of a document.
fn shown(text: &str) -> String {
    text.chars().take(MAX_SHOWN).collect()
}

fn malformed(why: &str) -> Error {
    error!(MalformedXML, "the document can't be taken: {why}")
}

impl Element {
    /// Its name, without a namespace.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its own text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Refuses children with other names, so that nothing that a client asks for is
    /// passed over.
    pub fn only(&self, names: &[&str]) -> Result<()> {
        match self.children.iter().find(|child| !names.contains(&child.name.as_str())) {
            None => Ok(()),
            Some(other) => {
                let (child, parent) = (shown(&other.name), &self.name);
                Err(error!(MalformedXML, "the element {child} in {parent} is not known here"))
            }
        }
    }

    /// The children with this name.
    pub fn all(&self, name: &str) -> impl Iterator<Item = &Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// The child with this name, of which there may be one.
    pub fn one(&self, name: &str) -> Result<Option<&Element>> {
        let mut found = self.all(name);
        match (found.next(), found.next()) {
            (first, None) => Ok(first),
            _ => Err(error!(MalformedXML, "{name} is more than once in {}", self.name)),
        }
    }

    /// The child with this name.
    pub fn required(&self, name: &str) -> Result<&Element> {
        self.one(name)?.ok_or_else(|| error!(MalformedXML, "{} lacks {name}", self.name))
    }

    /// The text of the child with this name.
    pub fn text_of(&self, name: &str) -> Result<Option<&str>> {
        Ok(self.one(name)?.map(Element::text))
    }

    /// The value of the child with this name, with white space around it left out.
    pub fn parsed<T: std::str::FromStr>(&self, name: &str) -> Result<Option<T>> {
        let Some(child) = self.one(name)? else { return Ok(None) };
        let text = child.text.trim();
        let value = text.parse().map_err(|_| Error::from(Code::MalformedXML));
        value.map(Some).map_err(|_| error!(MalformedXML, "{name} can't be {:?}", shown(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(document: &str) -> Option<&'static str> {
        read(document.as_bytes(), "A").err().map(|error| error.code().name())
    }

    #[test]
    fn text_is_read_however_it_is_written() {
        for (written, text) in [
            ("a", "a"),
            ("a b", "a b"),
            (" a ", " a "),
            ("&lt;&amp;&gt;&quot;&apos;", "<&>\"'"),
            ("&#128640;&#x1F680;\u{1f680}", "\u{1f680}\u{1f680}\u{1f680}"),
            ("a&#13;&#10;b", "a\r\nb"),
            ("a\r\nb\rc", "a\nb\nc"),
            ("<![CDATA[<&]]>x<!-- no -->y", "<&xy"),
            ("", ""),
        ] {
            let document = format!("<A xmlns=\"x\"><k:K xmlns:k=\"y\">{written}</k:K></A>");
            let root = read(document.as_bytes(), "A").unwrap();
            assert_eq!(root.text_of("K").unwrap(), Some(text), "{written:?}");
        }
        let empty = read(b"\xef\xbb\xbf<?xml version=\"1.0\"?>\n<A><K/></A>\n", "A").unwrap();
        assert_eq!(empty.text_of("K").unwrap(), Some(""));
    }

    #[test]
    fn what_is_not_one_well_formed_document_is_refused() {
        let deep = "<A>".repeat(17) + &"</A>".repeat(17);
        let many = format!("<A>{}</A>", "<K/>".repeat(100_000));
        for wrong in [
            "",
            "text",
            "<A>",
            "<A></B>",
            "<A/><A/>",
            "<A/>x",
            "<B/>",
            "<A>&x;</A>",
            "<A>&#0;</A>",
            "<A>&#xD800;</A>",
            "<A>&</A>",
            "<!DOCTYPE A [<!ENTITY x \"y\">]><A>&x;</A>",
            "<A>\u{0}",
            deep.as_str(),
            many.as_str(),
        ] {
            let shown = &wrong[..wrong.len().min(50)];
            assert_eq!(code(wrong), Some("MalformedXML"), "{shown:?}");
        }
        assert!(read(b"<A>\xff</A>", "A").is_err());
    }

    #[test]
    fn children_are_found_by_name_and_none_is_passed_over() {
        let document = b"<A><K>1</K><L> 7 </L><L>8</L></A>";
        let root = read(document, "A").unwrap();
        assert_eq!((root.name(), root.all("L").count()), ("A", 2));
        assert_eq!(root.parsed::<u32>("K").unwrap(), Some(1));
        assert_eq!(root.parsed::<u32>("none").unwrap(), None);
        assert!(root.one("L").is_err() && root.required("M").is_err());
        assert!(root.parsed::<bool>("K").is_err());
        assert!(root.only(&["K", "L"]).is_ok() && root.only(&["K"]).is_err());
        let long = format!("<A><K>{0}</K><{0}/></A>", "x".repeat(5_000));
        let root = read(long.as_bytes(), "A").unwrap();
        for error in [root.only(&["K"]).unwrap_err(), root.parsed::<u32>("K").unwrap_err()] {
            assert!(error.message().len() < 300, "{error}");
        }
        assert!(read(long.replace('A', &"y".repeat(5_000)).as_bytes(), "A").is_err());
    }
}
