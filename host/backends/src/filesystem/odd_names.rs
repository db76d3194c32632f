//! Paths of the keys that a filesystem can't have as paths.
//!
//! | in the key | in the path |
//! |---|---|
//! | a part between slashes | a name that begins with `=` |
//! | a character up to U+002C | `,` and two hexadecimal digits |
//! | the end | `+` |
//! | more of a long part | a folder's entry that begins with `-` or `~` |
//!
//! So `a` is `=a+`, `a/` is `=a/=+`, and `a//b` is `=a/=/=b+`: every key has a file,
//! whatever other keys there are. Paths sort as their keys do, which is why the end,
//! the escapes, `-`, `/`, `=` and `~` are in this order in ASCII, and the path of a
//! key's beginning is the beginning of its path. Listings need both.

use std::fmt::Write;

/// The length, in bytes, from which a name goes on in its folder. With another
/// character of four bytes and the end, it stays below the 255 of common
/// filesystems.
const FULL: usize = 240;

/// The last character that is escaped. The comma itself is one of them.
const ESCAPED: char = ',';

/// The path of a key.
pub(super) fn path(key: &str) -> String {
    prefix(key) + "+"
}

/// The key of a path; `None` if no key has it.
pub(super) fn key(found: &str) -> Option<String> {
    let mut key = String::with_capacity(found.len());
    for (at, name) in found.strip_suffix('+')?.split('/').enumerate() {
        let rest = match (name.strip_prefix('='), at) {
            (Some(rest), 0) => rest,
            (Some(rest), _) => {
                key.push('/');
                rest
            }
            (None, _) => name.strip_prefix(['-', '~'])?,
        };
        let mut pieces = rest.split(',');
        key.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let (digits, plain) = piece.split_at_checked(2)?;
            key.push(u8::from_str_radix(digits, 16).ok().filter(u8::is_ascii)?.into());
            key.push_str(plain);
        }
    }
    // Every key has one path, however many could be read as it.
    (path(&key) == found).then_some(key)
}

/// The beginning of the paths of all keys that begin with `prefix`, which may be
/// empty.
pub(super) fn prefix(prefix: &str) -> String {
    let mut path = String::with_capacity(prefix.len() + 8);
    path.push('=');
    let mut name = 0;
    for character in prefix.chars() {
        if character == '/' {
            path.push_str("/=");
            name = path.len() - 1;
            continue;
        }
        if path.len() - name >= FULL {
            path.push('/');
            name = path.len();
            path.push(if character < '/' { '-' } else { '~' });
        }
        match character {
            ..=ESCAPED => drop(write!(path, ",{:02x}", u32::from(character))),
            _ => path.push(character),
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_rule_can_be_seen_in_a_path() {
        for (key, path) in [
            ("a", "=a+"),
            ("a/", "=a/=+"),
            ("a//b", "=a/=/=b+"),
            ("/", "=/=+"),
            ("..", "=..+"),
            ("1,2+3", "=1,2c2,2b3+"),
            ("tab\tspace ", "=tab,09space,20+"),
        ] {
            assert_eq!(super::path(key), path);
            assert_eq!(super::key(path).as_deref(), Some(key));
        }
        let long = "x".repeat(FULL - 1);
        assert_eq!(path(&long), format!("={long}+"));
        assert_eq!(path(&format!("{long}y")), format!("={long}/~y+"));
        assert_eq!(path(&format!("{long}-")), format!("={long}/--+"));
        assert_eq!(path(&format!("{long}/y")), format!("={long}/=y+"));
    }

    #[test]
    fn what_no_key_has_as_its_path_has_no_key() {
        for path in [
            "", "+", "a", "a+", "=a", "=,2+", "=,zz+", "=,61+", "=,2C+", "=a/-b+", "=a/b+", "=,ff+",
        ] {
            assert_eq!(key(path), None, "{path}");
        }
    }

    /// Keys of a few characters around every border, some with long parts.
    fn keys() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            8 => "[-+,./0=~a é\u{1f980}\u{1}]{0,4}",
            1 => (235usize..260, "[-+,.0é\u{1f980}]{0,3}").prop_map(|(n, end)| "x".repeat(n) + &end),
            1 => (100usize..260, "[-,0]{0,3}").prop_map(|(n, end)| ",".repeat(n) + &end),
        ];
        proptest::collection::vec(part, 1..4).prop_map(|parts| parts.join("/"))
    }

    proptest! {
        #[test]
        fn keys_come_back_in_their_order_by_names_that_fit(a in keys(), b in keys()) {
            let (x, y) = (path(&a), path(&b));
            prop_assert_eq!(key(&x), Some(a.clone()));
            prop_assert_eq!(x.cmp(&y), a.cmp(&b));
            prop_assert!(x.split('/').all(|name| (1..=255).contains(&name.len())));
            prop_assert_eq!(x.starts_with(&prefix(&b)), a.starts_with(&b));
            // A file's name is never also a folder's.
            prop_assert!(!x.starts_with(&(y + "/")));
        }
    }
}
