//! Keys that stores tend to get wrong. The contract allows all but [`refused`].

use storage_contract::MAX_KEY_BYTES;

/// Pairs of a name for messages and a key. None is a folder of another one.
pub const KEYS: &[(&str, &str)] = &[
    ("one letter", "x"),
    ("a path", "deep/er/est.txt"),
    ("spaces", " a key with spaces "),
    ("percent", "100%"),
    ("an escape", "a%2Fb%20c"),
    ("a hash", "page#top"),
    ("a plus", "a+b"),
    ("a question", "what?now=1&then=2"),
    ("quotes", "\"double\" 'single' `back`"),
    ("a backslash", "back\\slash"),
    ("a colon", "c:colon"),
    ("a star", "glob*[ab]?{c,d}"),
    ("sql", "'; DROP TABLE objects; --"),
    ("sql wildcards", "100_%_"),
    ("a tab and a newline", "tab\tnew\nline\r"),
    ("a control character", "bell\u{7}"),
    ("delete", "\u{7f}"),
    ("composed", "caf\u{e9}"),
    ("decomposed", "cafe\u{301}"),
    ("upper case", "CASE"),
    ("lower case", "case"),
    ("emoji", "😀/👩‍👩‍👧"),
    ("right to left", "\u{202e}abc"),
    ("the last character", "\u{10ffff}"),
    ("private use", "\u{e000}"),
    ("above the surrogates", "\u{ffff}z"),
    ("a byte order mark", "\u{feff}bom"),
    ("a hidden file", ".hidden"),
    ("three dots", "..."),
    ("a trailing dot", "dot."),
    ("a dash", "-rf"),
    ("a tilde", "~root"),
    ("a device", "CON"),
    ("a reserved looking name", "storage-size"),
    ("a temporary looking name", "upload.tmp"),
    ("a number", "0123"),
    ("a url", "https://example.com/a?b=c#d"),
];

/// Keys that can't be paths below a directory. A store on a filesystem may refuse
/// them; every other store must keep them apart.
pub const NO_PATHS: &[(&str, &str)] = &[
    ("a dot", "."),
    ("two dots", ".."),
    ("up and away", "../escape"),
    ("up in the middle", "one/../two"),
    ("a dot in the middle", "one/./two"),
    ("a leading slash", "/rooted"),
    ("a trailing slash", "folder/"),
    ("two slashes", "two//slashes"),
    ("only a slash", "/"),
];

/// Keys that are each below another one, or are a folder of one, or look like it. A
/// store on a filesystem may refuse one beside another; every other store must keep
/// them apart.
pub const NESTED: &[&str] =
    &["nest", "nest/", "nest/ed", "nest/ed/", "nest/ed/deep", "nest//ed", "nest-ed", "nest0"];

/// Keys that every store must refuse.
pub fn refused() -> Vec<(&'static str, String)> {
    vec![
        ("an empty key", String::new()),
        ("a NUL", "a\0b".to_owned()),
        ("a byte too many", "k".repeat(MAX_KEY_BYTES + 1)),
        ("a byte too many, in half the characters", format!("k{}", "é".repeat(MAX_KEY_BYTES / 2))),
    ]
}
