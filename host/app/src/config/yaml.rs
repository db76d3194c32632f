//! A YAML document as a tree with the place of every node.
//!
//! Scalars mean what PyYAML's safe loader (YAML 1.1) takes them for, since the
//! files were written for it: `yes` and `on` are true, `010` is eight. But
//! dates and base-60 numbers are text. Anchors, aliases and merge keys (`<<`)
//! work; tags other than `!!str` and further documents don't.

use super::position::Position;
use super::problem::Problem;
use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};
use serde_json::{Number, Value};
use std::collections::HashMap;

/// The most bytes of a file.
pub const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The most nodes of a tree; an alias counts all nodes that it repeats.
const MAX_NODES: usize = 500_000;

/// The deepest nesting of lists and mappings.
const MAX_DEPTH: usize = 64;

/// A value with its place in the file.
#[derive(Debug, Clone)]
pub struct Node {
    pub place: Position,
    pub data: Data,
}

#[derive(Debug, Clone)]
pub enum Data {
    /// Unquoted: may be null, a boolean or a number.
    Plain(String),
    /// Quoted or a block: always text.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match &self.data {
            Data::Plain(text) | Data::Text(text) => Some(text),
            Data::List(_) | Data::Map(_) => None,
        }
    }

    /// Whether the value is null or missing.
    pub fn is_null(&self) -> bool {
        matches!(&self.data, Data::Plain(text) if scalar(text) == Value::Null)
    }

    /// The kind of value, for messages.
    pub fn what(&self) -> &'static str {
        match &self.data {
            Data::List(_) => "a list",
            Data::Map(_) => "a mapping",
            Data::Text(_) => "text",
            Data::Plain(text) => match scalar(text) {
                Value::Null => "nothing",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                _ => "text",
            },
        }
    }
}

/// The value of a plain scalar.
pub fn scalar(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "yes" | "Yes" | "YES" | "true" | "True" | "TRUE" | "on" | "On" | "ON" => {
            return Value::Bool(true);
        }
        "no" | "No" | "NO" | "false" | "False" | "FALSE" | "off" | "Off" | "OFF" => {
            return Value::Bool(false);
        }
        _ => {}
    }
    if let Some(number) = integer(text) {
        return Value::Number(number);
    }
    float(text).map_or_else(|| Value::String(text.to_owned()), Value::Number)
}

fn integer(text: &str) -> Option<Number> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if !digits.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let digits = digits.replace('_', "");
    let parsed = if let Some(hex) = digits.strip_prefix("0x") {
        u64::from_str_radix(hex, 16)
    } else if let Some(binary) = digits.strip_prefix("0b") {
        u64::from_str_radix(binary, 2)
    } else if digits.len() > 1 && digits.starts_with('0') {
        u64::from_str_radix(digits.get(1..)?, 8)
    } else {
        digits.parse()
    };
    let value = parsed.ok()?;
    match negative {
        false => Some(value.into()),
        true => Some(0i64.checked_sub_unsigned(value)?.into()),
    }
}

fn float(text: &str) -> Option<Number> {
    // As in PyYAML, a float has a point.
    let plausible = |c: char| c.is_ascii_digit() || "+-._eE".contains(c);
    if !text.contains('.')
        || !text.contains(|c: char| c.is_ascii_digit())
        || !text.chars().all(plausible)
    {
        return None;
    }
    Number::from_f64(text.replace('_', "").parse().ok()?)
}

/// Parses the only document of a file; `None` if it is empty.
pub fn parse(text: &str) -> Result<Option<Node>, Problem> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut builder =
        Builder { parser: Parser::new_from_str(text), anchors: HashMap::new(), nodes: 0 };
    let mut root = None;
    loop {
        let (event, span) = builder.next()?;
        match event {
            Event::StreamEnd => return Ok(root),
            Event::StreamStart | Event::DocumentEnd | Event::Nothing => {}
            Event::DocumentStart(_) if root.is_some() => {
                return Err(problem(
                    span.start,
                    "a second document; a configuration is one document",
                ));
            }
            Event::DocumentStart(_) => {}
            event => root = Some(builder.node(event, span, 0)?),
        }
    }
}

struct Builder<'a> {
    parser: Parser<'a, saphyr_parser::StrInput<'a>>,
    /// Anchored nodes, each with its number of nodes.
    anchors: HashMap<usize, (Node, usize)>,
    nodes: usize,
}

fn place(mark: Marker) -> Position {
    Position { line: mark.line().max(1), column: mark.col() + 1 }
}

fn problem(mark: Marker, message: &str) -> Problem {
    Problem { place: place(mark), message: message.to_owned() }
}

impl<'a> Builder<'a> {
    fn next(&mut self) -> Result<(Event<'a>, Span), Problem> {
        match self.parser.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => {
                Err(problem(*error.marker(), &format!("this is not YAML: {}", error.info())))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn count(&mut self, nodes: usize, mark: Marker) -> Result<(), Problem> {
        self.nodes = self.nodes.saturating_add(nodes);
        if self.nodes > MAX_NODES {
            return Err(problem(
                mark,
                &format!("more than {MAX_NODES} values, counting what aliases repeat"),
            ));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'a>, span: Span, depth: usize) -> Result<Node, Problem> {
        let mark = span.start;
        if depth > MAX_DEPTH {
            return Err(problem(mark, &format!("nested deeper than {MAX_DEPTH} levels")));
        }
        let before = self.nodes;
        self.count(1, mark)?;
        let (anchor, tag, data) = match event {
            Event::Alias(anchor) => {
                let Some((node, nodes)) = self.anchors.get(&anchor).cloned() else {
                    return Err(problem(mark, "an alias inside the value that it stands for"));
                };
                self.count(nodes, mark)?;
                return Ok(node);
            }
            Event::Scalar(text, ScalarStyle::Plain, anchor, tag) => {
                (anchor, tag, Data::Plain(text.into_owned()))
            }
            Event::Scalar(text, _, anchor, tag) => (anchor, tag, Data::Text(text.into_owned())),
            Event::SequenceStart(anchor, tag) => (anchor, tag, Data::List(self.list(depth)?)),
            Event::MappingStart(anchor, tag) => (anchor, tag, Data::Map(self.map(depth)?)),
            _ => return Err(problem(mark, "this is not YAML: a value was expected")),
        };
        let data = match (tag, data) {
            (None, data) => data,
            (Some(tag), Data::Plain(text) | Data::Text(text))
                if tag.is_yaml_core_schema() && tag.suffix == "str" =>
            {
                Data::Text(text)
            }
            (Some(_), _) => return Err(problem(mark, "tags are not supported here")),
        };
        let node = Node { place: place(mark), data };
        if anchor > 0 {
            self.anchors.insert(anchor, (node.clone(), self.nodes - before));
        }
        Ok(node)
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Node>, Problem> {
        let mut list = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd, _) => return Ok(list),
                (event, span) => list.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn map(&mut self, depth: usize) -> Result<Vec<(Node, Node)>, Problem> {
        let mut map: Vec<(Node, Node)> = Vec::new();
        // The line of each name. Searching the list instead would take hours
        // for a large file.
        let mut lines: HashMap<String, usize> = HashMap::new();
        let mut merged: Vec<(Node, Node)> = Vec::new();
        loop {
            let (event, span) = self.next()?;
            if event == Event::MappingEnd {
                break;
            }
            let key = self.node(event, span, depth + 1)?;
            let (event, span) = self.next()?;
            let value = self.node(event, span, depth + 1)?;
            let Some(text) = key.text() else {
                return Err(Problem {
                    place: key.place,
                    message: "a name must be text".to_owned(),
                });
            };
            if text == "<<" && matches!(key.data, Data::Plain(_)) {
                merged.extend(merge(value)?);
                continue;
            }
            if let Some(first) = lines.insert(text.to_owned(), key.place.line) {
                let message =
                    format!("{text:?} stands here for the second time; first on line {first}");
                return Err(Problem { place: key.place, message });
            }
            map.push((key, value));
        }
        // Own entries win over merged ones, earlier merged ones over later
        // ones.
        for (key, value) in merged {
            let name = key.text().unwrap_or_default();
            if !lines.contains_key(name) {
                lines.insert(name.to_owned(), key.place.line);
                map.push((key, value));
            }
        }
        Ok(map)
    }
}

fn merge(value: Node) -> Result<Vec<(Node, Node)>, Problem> {
    match value.data {
        Data::Map(entries) => Ok(entries),
        Data::List(maps) => {
            maps.into_iter().map(merge).collect::<Result<Vec<_>, _>>().map(|all| all.concat())
        }
        _ => Err(Problem {
            place: value.place,
            message: "<< takes a mapping, or a list of mappings".to_owned(),
        }),
    }
}

/// The value of a key in a mapping.
pub fn entry<'a>(node: &'a Node, name: &str) -> Option<&'a Node> {
    let Data::Map(entries) = &node.data else { return None };
    entries.iter().find(|(key, _)| key.text() == Some(name)).map(|(_, value)| value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scalars_mean_what_they_mean_to_pyyaml() {
        for (text, value) in [
            ("yes", Value::Bool(true)),
            ("Off", Value::Bool(false)),
            ("y", Value::String("y".to_owned())),
            ("010", 8.into()),
            ("0x1F", 31.into()),
            ("1_000", 1000.into()),
            ("-5", (-5).into()),
            ("1.5", 1.5.into()),
            ("1e3", Value::String("1e3".to_owned())),
            ("~", Value::Null),
            ("1.2.3", Value::String("1.2.3".to_owned())),
            ("08", Value::String("08".to_owned())),
        ] {
            assert_eq!(scalar(text), value, "{text}");
        }
    }

    #[test]
    fn aliases_that_multiply_are_refused() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for i in 1..12 {
            let before = format!("*a{}, ", i - 1).repeat(10);
            text.push_str(&format!("a{i}: &a{i} [{before}]\n"));
        }
        assert!(parse(&text).unwrap_err().message.contains("counting what aliases repeat"));
    }

    #[test]
    fn deep_nesting_is_refused() {
        let text = format!("{}{}", "[".repeat(100), "]".repeat(100));
        assert!(parse(&text).unwrap_err().message.contains("nested deeper"));
        assert!(parse(&"[".repeat(100_000)).is_err());
        assert!(parse(&"- ".repeat(100_000)).is_err());
    }

    #[test]
    fn merge_keys_fill_in_what_is_not_given() {
        let root = parse("a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}").unwrap().unwrap();
        let Data::Map(top) = root.data else { panic!() };
        let Data::Map(b) = &top[1].1.data else { panic!() };
        let pairs: Vec<_> = b.iter().map(|(k, v)| (k.text().unwrap(), v.text().unwrap())).collect();
        assert_eq!(pairs, [("y", "3"), ("x", "1")]);
    }
}
