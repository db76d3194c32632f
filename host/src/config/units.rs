//! Sizes and times with their units: `64MiB`, `2s`.

use serde_json::Value;
use std::time::Duration;

const SIZES: &[(&str, u64)] = &[
    ("B", 1),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
];

const TIMES: &[(&str, f64)] = &[("ms", 0.001), ("s", 1.0), ("m", 60.0), ("h", 3_600.0)];

/// A number of bytes: a whole number, or text such as `64MiB`.
pub fn bytes(value: &Value) -> Result<u64, String> {
    let wrong = || "is a number of bytes, or a size such as 64MiB (B, KiB, MiB, GiB, KB, …)";
    if let Some(bytes) = value.as_u64() {
        return Ok(bytes);
    }
    let (number, unit) = split(value.as_str().unwrap_or_default());
    let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| factor);
    let bytes = factor.zip(number.parse::<u64>().ok()).and_then(|(f, n)| n.checked_mul(*f));
    bytes.ok_or_else(|| wrong().to_owned())
}

/// A length of time: a number of seconds, or text such as `500ms`.
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
        .ok_or_else(|| "is a number of seconds, or a time such as 2s (ms, s, m, h)".to_owned())
}

/// The number, and the unit behind it.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// A size as people write it, in the largest unit that divides it.
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
        for (text, number) in
            [("64MiB", 64 << 20), ("1 GiB", 1 << 30), ("5KB", 5_000), ("7B", 7), ("2TiB", 2 << 40)]
        {
            assert_eq!(bytes(&json!(text)), Ok(number), "{text}");
        }
        assert_eq!(bytes(&json!(1_024)), Ok(1_024));
        for wrong in [json!("64"), json!("MiB"), json!("1.5MiB"), json!("99999999TiB"), json!(-1)] {
            assert!(bytes(&wrong).is_err(), "{wrong}");
        }
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
