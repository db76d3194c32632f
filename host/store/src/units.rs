//! Sizes and durations with units: `64MiB`, `2s`.

use serde_json::Value;
use std::time::Duration;

/// The first five units are also used for display.
const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("", 1),
    ("K", 1 << 10),
    ("M", 1 << 20),
    ("G", 1 << 30),
    ("T", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const TIMES: &[(&str, f64)] = &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];

/// Parses a size in bytes: a whole number, or text such as `64MiB`.
pub fn bytes(value: &Value) -> Result<u64, String> {
    match value.as_u64() {
        Some(bytes) => Ok(bytes),
        None => size(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}

/// Parses a size in bytes. As in GNU tools, K and KiB are 1,024 and KB is
/// 1,000. Case does not matter; there are no bits.
pub fn size(text: &str) -> Result<u64, String> {
    let wrong = || {
        format!("{text:?} is not a size: write bytes, or 64K, 1.5GiB (of 1,024) or 2GB (of 1,000)")
    };
    let (number, unit) = split(text.trim());
    let known = SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit));
    let (_, factor) = known.ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // Refuse fractions of a byte, and more digits than any unit needs.
    if !(digits(whole) && digits(part)) || part.len() > 9 || (number.contains('.') && *factor == 1)
    {
        return Err(wrong());
    }
    let scale = 10_u128.pow(u32::try_from(part.len()).map_err(|_| wrong())?);
    let number: u128 = format!("{whole}{part}").parse().map_err(|_| wrong())?;
    let bytes = number.checked_mul((*factor).into()).ok_or_else(wrong)? / scale;
    u64::try_from(bytes).map_err(|_| wrong())
}

/// Parses a duration: a number of seconds, or text such as `500ms`.
pub fn duration(value: &Value) -> Result<Duration, String> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        _ => {
            let (number, unit) = split(value.as_str().unwrap_or_default());
            let factor = TIMES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
            factor.zip(number.parse::<f64>().ok()).map(|(factor, number)| factor * number)
        }
    };
    seconds
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .ok_or_else(|| "must be a duration: seconds, or text such as 2s (ms, s, m, h)".to_owned())
}

/// Splits a number from its unit.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// Formats a size in the largest binary unit that divides it.
pub fn show_bytes(bytes: u64) -> String {
    let binary = SIZES.iter().take(5).rev();
    let fitting = binary.filter(|(_, factor)| bytes >= *factor && bytes.is_multiple_of(*factor));
    let (unit, factor) = fitting.copied().next().unwrap_or(("B", 1));
    format!("{} {unit}", bytes / factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn sizes_and_times_have_units() {
        for (text, number) in [
            ("64MiB", 64 << 20),
            ("1 GiB", 1 << 30),
            ("1G", 1 << 30),
            ("5KB", 5_000),
            ("1.5GB", 1_500_000_000),
            ("1.5k", 1_536),
            ("10m", 10 << 20),
            ("7B", 7),
            ("64", 64),
            ("2TiB", 2 << 40),
        ] {
            assert_eq!(bytes(&json!(text)), Ok(number), "{text}");
        }
        assert_eq!(bytes(&json!(1_024)), Ok(1_024));
        for wrong in ["", "MiB", "1.5", "1.5B", ".5G", "1.G", "1.5.5G", "99999999TiB", "-1", "10x"]
        {
            assert!(bytes(&json!(wrong)).is_err(), "{wrong}");
        }
        assert!(bytes(&json!(-1)).is_err());
        for (value, milliseconds) in [
            (json!("2s"), 2_000),
            (json!("500ms"), 500),
            (json!(1.5), 1_500),
            (json!("1m"), 60_000),
        ] {
            assert_eq!(duration(&value), Ok(Duration::from_millis(milliseconds)), "{value}");
        }
        for wrong in [json!("2"), json!("s"), json!("-1s"), json!(-1), json!("1e999s"), json!("1d")]
        {
            assert!(duration(&wrong).is_err(), "{wrong}");
        }
        assert_eq!(show_bytes(64 << 20), "64 MiB");
        assert_eq!(show_bytes(1_025), "1025 B");
    }
}
