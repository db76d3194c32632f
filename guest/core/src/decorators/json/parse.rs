//! Python's `json.dumps(json.loads(text))`.

use std::collections::HashMap;
use storage_contract::types::{Error, Result};

/// The deepest nesting of lists and objects. The smallest stack of a wasm runtime
/// can hold it.
const MAX_DEPTH: usize = 500;

/// A value in its stored form. Objects stay structured until all their names are
/// known.
enum Value {
    /// ASCII, as stored.
    Text(String),
    List(Vec<Value>),
    Object(Vec<(String, Value)>),
}

/// Converts a JSON text to its stored form.
pub fn dumps(text: &[u8]) -> Result<Vec<u8>> {
    let text = std::str::from_utf8(text).map_err(|error| {
        Error::InvalidData(format!("this is not UTF-8, from byte {} on", error.valid_up_to()))
    })?;
    let mut parser = Parser { text, at: 0 };
    parser.space();
    let value = parser.value(0)?;
    parser.space();
    if parser.at < text.len() {
        return Err(parser.wrong("something follows the value"));
    }
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    write(&value, &mut out);
    Ok(out.into_bytes())
}

fn write(value: &Value, out: &mut String) {
    match value {
        Value::Text(text) => out.push_str(text),
        Value::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                write(item, out);
            }
            out.push(']');
        }
        Value::Object(items) => {
            out.push('{');
            for (i, (name, item)) in items.iter().enumerate() {
                if i > 0 {
                    out.push_str(", ");
                }
                out.push_str(name);
                out.push_str(": ");
                write(item, out);
            }
            out.push('}');
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn wrong(&self, what: &str) -> Error {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        Error::InvalidData(format!("this is not JSON: {what}, at line {line}, column {column}"))
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }

    fn value(&mut self, depth: usize) -> Result<Value> {
        if depth > MAX_DEPTH {
            return Err(self.wrong(&format!("it is nested deeper than {MAX_DEPTH} levels")));
        }
        match self.peek() {
            Some(b'"') => Ok(Value::Text(self.string()?)),
            Some(b'[') => self.list(depth),
            Some(b'{') => self.object(depth),
            _ => {
                for word in ["null", "true", "false", "NaN", "Infinity", "-Infinity"] {
                    if self.take(word) {
                        return Ok(Value::Text(word.to_owned()));
                    }
                }
                Ok(Value::Text(self.number()?))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut items = Vec::new();
        self.space();
        if self.take("]") {
            return Ok(Value::List(items));
        }
        loop {
            self.space();
            items.push(self.value(depth + 1)?);
            self.space();
            if self.take("]") {
                return Ok(Value::List(items));
            }
            if !self.take(",") {
                return Err(self.wrong("a \",\" or \"]\" was expected"));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value> {
        self.at += 1;
        let mut items: Vec<(String, Value)> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        self.space();
        if self.take("}") {
            return Ok(Value::Object(items));
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err(self.wrong("a name in double quotes was expected"));
            }
            let name = self.string()?;
            self.space();
            if !self.take(":") {
                return Err(self.wrong("a \":\" was expected"));
            }
            self.space();
            let value = self.value(depth + 1)?;
            match places.get(&name).and_then(|place| items.get_mut(*place)) {
                Some(item) => item.1 = value,
                None => {
                    places.insert(name.clone(), items.len());
                    items.push((name, value));
                }
            }
            self.space();
            if self.take("}") {
                return Ok(Value::Object(items));
            }
            if !self.take(",") {
                return Err(self.wrong("a \",\" or \"}\" was expected"));
            }
        }
    }

    /// Parses a string into its stored form, including the quotes.
    fn string(&mut self) -> Result<String> {
        self.at += 1;
        let mut out = String::from("\"");
        loop {
            let plain = self
                .rest()
                .bytes()
                .take_while(|b| (b' '..=b'~').contains(b) && *b != b'"' && *b != b'\\')
                .count();
            out.push_str(self.rest().get(..plain).unwrap_or_default());
            self.at += plain;
            match self.rest().chars().next() {
                None => return Err(self.wrong("a string has no end")),
                Some('"') => {
                    self.at += 1;
                    out.push('"');
                    return Ok(out);
                }
                Some('\\') => {
                    self.at += 1;
                    let unit = self.escape()?;
                    push_unit(unit, &mut out);
                }
                Some(c) if u32::from(c) < 0x20 => {
                    return Err(self.wrong("a control character in a string must be escaped"));
                }
                Some(c) => {
                    self.at += c.len_utf8();
                    for unit in c.encode_utf16(&mut [0; 2]) {
                        push_unit(*unit, &mut out);
                    }
                }
            }
        }
    }

    /// Parses what follows a backslash as a UTF-16 unit.
    fn escape(&mut self) -> Result<u16> {
        let unit = match self.peek() {
            Some(b'"') => 0x22,
            Some(b'\\') => 0x5c,
            Some(b'/') => 0x2f,
            Some(b'b') => 0x08,
            Some(b'f') => 0x0c,
            Some(b'n') => 0x0a,
            Some(b'r') => 0x0d,
            Some(b't') => 0x09,
            Some(b'u') => {
                let digits = self.text.get(self.at + 1..self.at + 5).unwrap_or_default();
                let hex = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_hexdigit());
                let unit = u16::from_str_radix(digits, 16).ok().filter(|_| hex);
                let unit = unit.ok_or_else(|| self.wrong("\\u needs four hexadecimal digits"))?;
                self.at += 5;
                return Ok(unit);
            }
            _ => return Err(self.wrong("unknown escape")),
        };
        self.at += 1;
        Ok(unit)
    }

    fn digits(&mut self) -> usize {
        let count = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        self.at += count;
        count
    }

    fn number(&mut self) -> Result<String> {
        let start = self.at;
        let expected = self.wrong("a value was expected");
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return Err(expected);
        }
        let whole_end = self.at;
        let mut float = false;
        if self.take(".") {
            match self.digits() {
                // As in Python, the number ends before the point, which is then
                // wrong.
                0 => self.at = whole_end,
                _ => float = true,
            }
        }
        let mantissa_end = self.at;
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            match self.digits() {
                0 => self.at = mantissa_end,
                _ => float = true,
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        match (float, text) {
            (false, "-0") => Ok("0".to_owned()),
            (false, text) => Ok(text.to_owned()),
            (true, text) => text.parse().map(repr).map_err(|_| expected),
        }
    }
}

/// Writes a UTF-16 unit as Python's `ensure_ascii` does.
fn push_unit(unit: u16, out: &mut String) {
    match unit {
        0x22 => out.push_str("\\\""),
        0x5c => out.push_str("\\\\"),
        0x0a => out.push_str("\\n"),
        0x0d => out.push_str("\\r"),
        0x09 => out.push_str("\\t"),
        0x0c => out.push_str("\\f"),
        0x08 => out.push_str("\\b"),
        0x20..=0x7e => out.push(char::from(unit.to_le_bytes()[0])),
        unit => out.push_str(&format!("\\u{unit:04x}")),
    }
}

/// Python's `float.__repr__`: the fewest digits that identify the number, with an
/// exponent below 1e-4 and from 1e16 on.
fn repr(number: f64) -> String {
    if number.is_infinite() {
        return if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned();
    }
    let shortest = format!("{number:e}");
    let Some((mantissa, exponent)) = shortest.split_once('e') else { return shortest };
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{number}");
        return if plain.contains('.') { plain } else { plain + ".0" };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{mantissa}e{sign}{:02}", exponent.abs())
}
