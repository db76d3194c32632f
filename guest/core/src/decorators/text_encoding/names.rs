//! Python's names of encodings.

/// Python's name of each codec, and its aliases.
const NAMES: &[(&str, &[&str])] = &[
    (
        "ascii",
        &[
            "646",
            "ansi_x3.4_1968",
            "ansi_x3.4_1986",
            "ansi_x3_4_1968",
            "cp367",
            "csascii",
            "ibm367",
            "iso646_us",
            "iso_646.irv_1991",
            "iso_ir_6",
            "us",
            "us_ascii",
        ],
    ),
    (
        "latin_1",
        &[
            "8859",
            "cp819",
            "csisolatin1",
            "ibm819",
            "iso8859",
            "iso8859_1",
            "iso_8859_1",
            "iso_8859_1_1987",
            "iso_ir_100",
            "l1",
            "latin",
            "latin1",
        ],
    ),
    ("utf_8", &["cp65001", "u8", "utf", "utf8", "utf8_ucs2", "utf8_ucs4"]),
    ("utf_8_sig", &[]),
    ("utf_16", &["u16", "utf16"]),
    ("utf_16_le", &["unicodelittleunmarked", "utf_16le"]),
    ("utf_16_be", &["unicodebigunmarked", "utf_16be"]),
    ("utf_32", &["u32", "utf32"]),
    ("utf_32_le", &["utf_32le"]),
    ("utf_32_be", &["utf_32be"]),
    ("iso8859_2", &["csisolatin2", "iso_8859_2", "iso_8859_2_1987", "iso_ir_101", "l2", "latin2"]),
    ("iso8859_3", &["csisolatin3", "iso_8859_3", "iso_8859_3_1988", "iso_ir_109", "l3", "latin3"]),
    ("iso8859_4", &["csisolatin4", "iso_8859_4", "iso_8859_4_1988", "iso_ir_110", "l4", "latin4"]),
    (
        "iso8859_5",
        &["csisolatincyrillic", "cyrillic", "iso_8859_5", "iso_8859_5_1988", "iso_ir_144"],
    ),
    (
        "iso8859_6",
        &[
            "arabic",
            "asmo_708",
            "csisolatinarabic",
            "ecma_114",
            "iso_8859_6",
            "iso_8859_6_1987",
            "iso_ir_127",
        ],
    ),
    (
        "iso8859_7",
        &[
            "csisolatingreek",
            "ecma_118",
            "elot_928",
            "greek",
            "greek8",
            "iso_8859_7",
            "iso_8859_7_1987",
            "iso_ir_126",
        ],
    ),
    ("iso8859_8", &["csisolatinhebrew", "hebrew", "iso_8859_8", "iso_8859_8_1988", "iso_ir_138"]),
    (
        "iso8859_10",
        &["csisolatin6", "iso_8859_10", "iso_8859_10_1992", "iso_ir_157", "l6", "latin6"],
    ),
    ("iso8859_13", &["iso_8859_13", "l7", "latin7"]),
    (
        "iso8859_14",
        &["iso_8859_14", "iso_8859_14_1998", "iso_celtic", "iso_ir_199", "l8", "latin8"],
    ),
    ("iso8859_15", &["iso_8859_15", "l9", "latin9"]),
    ("iso8859_16", &["iso_8859_16", "iso_8859_16_2001", "iso_ir_226", "l10", "latin10"]),
    ("cp1250", &["1250", "windows_1250"]),
    ("cp1251", &["1251", "windows_1251"]),
    ("cp1252", &["1252", "windows_1252"]),
    ("cp1253", &["1253", "windows_1253"]),
    ("cp1254", &["1254", "windows_1254"]),
    ("cp1255", &["1255", "windows_1255"]),
    ("cp1256", &["1256", "windows_1256"]),
    ("cp1257", &["1257", "windows_1257"]),
    ("cp1258", &["1258", "windows_1258"]),
    ("koi8_r", &["cskoi8r"]),
    ("cp866", &["866", "csibm866", "ibm866"]),
    ("mac_roman", &["macintosh", "macroman"]),
    ("cp949", &["949", "ms949", "uhc"]),
    ("shift_jis", &["csshiftjis", "s_jis", "shiftjis", "sjis", "x_mac_japanese"]),
    ("gbk", &["936", "cp936", "ms936"]),
    ("big5", &["big5_tw", "csbig5", "x_mac_trad_chinese"]),
];

/// Finds Python's name of a codec, folding `name` as Python does: case does not
/// matter, and characters other than letters, digits and dots become underscores.
pub fn codec(name: &str) -> Option<&'static str> {
    let mut folded = String::new();
    let mut between = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() || c == '.' {
            if between && !folded.is_empty() {
                folded.push('_');
            }
            folded.push(c.to_ascii_lowercase());
        }
        between = !c.is_ascii_alphanumeric() && c != '.';
    }
    let plain = folded.replace('.', "_");
    let known = NAMES.iter().find(|(codec, aliases)| {
        *codec == folded || aliases.iter().any(|alias| *alias == folded || *alias == plain)
    });
    known.map(|(codec, _)| *codec)
}
