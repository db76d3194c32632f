//! The percent-encoding of text that is signed, stored or shown.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// All but the unreserved characters (RFC 3986, section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// Encodes a name or value of a query.
pub fn encoded(text: &str) -> String {
    utf8_percent_encode(text, RESERVED).to_string()
}

/// Encodes a path, whose slashes stay.
pub fn encoded_path(path: &str) -> Cow<'_, str> {
    utf8_percent_encode(path, RESERVED_IN_PATH).into()
}

/// The forms in which clients sign a path: encoded as the specification says, and as they
/// sent it. Both name the same object.
pub fn paths(path: &str) -> Vec<String> {
    let decoded = percent_decode_str(path).decode_utf8_lossy();
    let mut paths = vec![encoded_path(&decoded).into_owned()];
    if paths.first().is_some_and(|first| first != path) {
        paths.push(path.to_owned());
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_encoded_as_the_specification_says() {
        assert_eq!(encoded("a-._~/b c+é"), "a-._~%2Fb%20c%2B%C3%A9");
        assert_eq!(paths("/b/k"), ["/b/k"]);
        assert_eq!(paths("/b/(a)%2Fc"), ["/b/%28a%29/c", "/b/(a)%2Fc"]);
    }
}
