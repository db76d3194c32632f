//! The S3 rules for bucket names.

/// The S3 rule for bucket names that `name` breaks, if any.
pub fn problem(name: &str) -> Option<&'static str> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    if !(3..=63).contains(&name.len()) {
        Some("it must have 3 to 63 characters")
    } else if !name
        .chars()
        .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '.')
    {
        Some("it may hold lower-case letters, digits, \"-\" and \".\"")
    } else if name.contains("..") {
        Some("it must not hold two dots in a row")
    } else if name.contains(".-") || name.contains("-.") {
        Some("no \"-\" may stand beside a dot")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("it must not be an IP address")
    } else if name.starts_with("xn--") {
        Some("it must not begin with \"xn--\"")
    } else if !edge(name.chars().next()) || !edge(name.chars().last()) {
        Some("it must begin and end with a letter or digit")
    } else {
        None
    }
}
