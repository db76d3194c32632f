//! Rust source as tokens: enough to tell names and paths from comments and texts.

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Token<'a> {
    Word(&'a str),
    /// What is between the quotes of a string.
    Text(&'a str),
    /// `::`
    Colons,
    Mark(char),
}

pub fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let after;
        if rest.starts_with("//") {
            after = rest.find('\n').unwrap_or(rest.len());
        } else if rest.starts_with("/*") {
            after = comment(rest);
        } else if let Some((text, end)) = string(rest) {
            found.push(Token::Text(text));
            after = end;
        } else if first == '\'' {
            after = quote(rest);
        } else if is_word(first) {
            let raw = if rest.starts_with("r#") { 2 } else { 0 };
            after = raw + rest[raw..].find(|c| !is_word(c)).unwrap_or(rest.len() - raw);
            found.push(Token::Word(&rest[raw..after]));
        } else if rest.starts_with("::") {
            after = 2;
            found.push(Token::Colons);
        } else {
            after = first.len_utf8();
            found.push(Token::Mark(first));
        }
        rest = rest[after..].trim_start();
    }
    found
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the comment at the start, with those inside it.
fn comment(text: &str) -> usize {
    let mut depth = 0;
    let mut at = 0;
    loop {
        if text[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
        } else {
            at += text[at..].chars().next().map_or(0, char::len_utf8);
        }
        if depth == 0 || at == text.len() {
            return at;
        }
    }
}

/// The string at the start, with its length.
fn string(text: &str) -> Option<(&str, usize)> {
    let quoted = text.trim_start_matches(['b', 'c', 'r']);
    let prefix = &text[..text.len() - quoted.len()];
    if prefix.len() > 2 {
        return None;
    }
    let raw = prefix.ends_with('r');
    let opened = if raw { quoted.trim_start_matches('#') } else { quoted };
    let hashes = &quoted[..quoted.len() - opened.len()];
    let inside = opened.strip_prefix('"')?;
    let end = if raw {
        inside.find(&format!("\"{hashes}"))?
    } else {
        let mut escaped = false;
        inside.find(|c| {
            let end = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            end
        })?
    };
    Some((&inside[..end], text.len() - inside.len() + end + 1 + hashes.len()))
}

/// The length of the character or the lifetime at the start.
fn quote(text: &str) -> usize {
    let mut inside = text.chars().skip(1);
    let first = inside.next();
    if first == Some('\\') {
        // The escaped character may be a quote.
        return text[3..].find('\'').map_or(text.len(), |end| 3 + end + 1);
    }
    let length = 1 + first.map_or(0, char::len_utf8);
    if inside.next() == Some('\'') {
        length + 1
    } else {
        length + text[length..].find(|c| !is_word(c)).unwrap_or(text.len() - length)
    }
}
