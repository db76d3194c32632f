//! Converts entry names to keys, and checks keys.

use storage_contract::skipped::why_no_key;
use storage_store::{Error, Result, Skipped, check_key};

/// The upper half of code page 437, the encoding of names without the UTF-8 flag
/// (APPNOTE, appendix D), which Python uses for them, too.
const CP437: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u{a0}";

/// The key of an entry, or why the entry is not an object.
pub(super) fn key(name: &[u8], utf8: bool) -> Result<String, Skipped> {
    let text = if utf8 || name.is_ascii() {
        std::str::from_utf8(name).ok().map(str::to_owned)
    } else {
        name.iter()
            .map(|&byte| match byte.checked_sub(128) {
                None => Some(char::from(byte)),
                Some(at) => CP437.chars().nth(usize::from(at)),
            })
            .collect()
    };
    let name = text.as_ref().map_or(name, |text| text.as_bytes());
    match (why_no_key(name), &text) {
        (None, Some(text)) => Ok(text.clone()),
        (reason, _) => Err(Skipped::new(name, reason.unwrap_or_default())),
    }
}

/// Rejects keys that only a malicious archive has.
pub(super) fn check_readable(key: &str) -> Result<()> {
    check_key(key)?;
    let leads_out = key.starts_with('/') || key.split(['/', '\\']).any(|part| part == "..");
    if leads_out {
        return Err(Error::InvalidKey(format!(
            "{key:?} would lead out of a directory; such names of an archive are listed, not read"
        )));
    }
    Ok(())
}

/// Rejects names that a program might unpack outside its directory, or can't make a
/// file of.
pub(super) fn check(key: &str) -> Result<()> {
    check_key(key)?;
    let mut parts = key.split(['/', '\\']);
    let drive = matches!(key.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic());
    let problem = if key.starts_with(['/', '\\']) {
        "it begins with a slash"
    } else if drive {
        "it begins with the name of a drive"
    } else if parts.any(|part| part == "..") {
        "\"..\" would lead out of the directory that the archive is unpacked in"
    } else if key.ends_with('/') {
        "it ends with a slash, which names a folder"
    } else {
        return Ok(());
    };
    Err(Error::InvalidKey(format!("{key:?} can't be a name in an archive: {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_lead_out_are_refused() {
        for key in ["/a", "\\a", "../a", "a/../b", "a\\..\\b", "C:\\a", "c:a", "a/", ".."] {
            assert!(matches!(check(key), Err(Error::InvalidKey(_))), "{key:?}");
        }
        for key in ["a", "a//b", "./a", "...", "http://a/b", "a\\b", "\u{1f980}", "ab:c"] {
            assert_eq!(check(key), Ok(()), "{key:?}");
        }
    }

    #[test]
    fn names_without_the_flag_are_code_page_437() {
        assert_eq!(CP437.chars().count(), 128);
        assert_eq!(key(b"caf\x82", false).as_deref(), Ok("café"));
        assert_eq!(key("café".as_bytes(), true).as_deref(), Ok("café"));
        assert_eq!(key(b"caf\x82", true).unwrap_err().entry, "caf\\x82");
        assert_eq!(key(b"", false).unwrap_err().reason, "its key is empty");
    }
}
