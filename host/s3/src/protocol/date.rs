//! Dates in the forms of HTTP, of S3's documents and of signatures.

use std::time::{Duration, SystemTime, UNIX_EPOCH};
use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// Reads a date of HTTP in any of its three forms (RFC 9110, section 5.6.7). Some clients
/// write another name of the time zone, or its distance in hours and minutes.
pub fn http(text: &str) -> Option<SystemTime> {
    let text = text.trim();
    if let Some(at) = on_any_day(text) {
        return Some(at);
    }
    let (date, zone) = text.rsplit_once(' ')?;
    let at = on_any_day(&format!("{date} GMT"))?;
    if matches!(zone, "UTC" | "UT" | "Z") {
        return Some(at);
    }
    let (sign, distance) = zone.split_at_checked(1)?;
    let minutes = digits(distance).filter(|_| distance.len() == 4)?;
    let away = Duration::from_secs((minutes / 100 * 60 + minutes % 100) * 60);
    match sign {
        "+" => at.checked_sub(away),
        "-" => at.checked_add(away),
        _ => None,
    }
}

/// Reads a date whose name of the day may be wrong, as that of hand-written ones is.
fn on_any_day(text: &str) -> Option<SystemTime> {
    let parsed = httpdate::parse_http_date(text).ok();
    parsed.or_else(|| {
        let rest = text.split_once(", ").filter(|(day, _)| day.len() == 3)?.1;
        let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
        days.iter().find_map(|day| httpdate::parse_http_date(&format!("{day}, {rest}")).ok())
    })
}

/// Writes a date of HTTP, in whole seconds.
pub fn to_http(time: SystemTime) -> String {
    // Before 1970 or after 9999, there is no date of HTTP.
    httpdate::fmt_http_date(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST))
}

/// From 1970 to the end of 9999.
const LAST: Duration = Duration::from_secs(253_402_300_799);

/// The time so many milliseconds after 1970, as stores and what is kept in them have it.
pub fn from_millis(millis: u64) -> SystemTime {
    let end = UNIX_EPOCH + LAST;
    UNIX_EPOCH.checked_add(Duration::from_millis(millis)).map_or(end, |at| at.min(end))
}

/// The time now, in milliseconds after 1970.
pub fn now_in_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

/// Writes a date as S3's documents have it (ISO 8601). They have whole seconds, as HTTP:
/// clients compare both.
pub fn to_iso(time: SystemTime) -> String {
    let at = OffsetDateTime::from(time.clamp(UNIX_EPOCH, UNIX_EPOCH + LAST));
    let (month, day) = (u8::from(at.month()), at.day());
    let (year, hour, minute, second) = (at.year(), at.hour(), at.minute(), at.second());
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.000Z")
}

/// Reads a date as policies and documents have it: `2030-01-31T12:00:00Z`, with or without
/// fractions of a second.
pub fn iso(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z')?;
    let (date, clock) = text.split_once('T')?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    let mut date = date.split('-');
    let mut clock = clock.split(':');
    let at = moment(
        [date.next()?, date.next()?, date.next()?],
        [clock.next()?, clock.next()?, clock.next()?],
    )?;
    if date.next().is_some() || clock.next().is_some() {
        return None;
    }
    Some(at + Duration::from_nanos(digits(&nanos)?))
}

/// Reads a date of a signature: `20300131T120000Z`.
pub fn basic(text: &str) -> Option<SystemTime> {
    let text = text.strip_suffix('Z').filter(|text| text.is_ascii() && text.len() == 15)?;
    let (date, clock) = text.split_once('T')?;
    let part = |text: &'_ str, from: usize, to: usize| text.get(from..to).map(str::to_owned);
    let date = [part(date, 0, 4)?, part(date, 4, 6)?, part(date, 6, 8)?];
    let clock = [part(clock, 0, 2)?, part(clock, 2, 4)?, part(clock, 4, 6)?];
    moment(date.each_ref().map(String::as_str), clock.each_ref().map(String::as_str))
}

/// Writes a date of a signature.
pub fn to_basic(time: SystemTime) -> String {
    to_iso(time).replace(['-', ':'], "").replace(".000", "")
}

fn moment([year, month, day]: [&str; 3], [hour, minute, second]: [&str; 3]) -> Option<SystemTime> {
    let small = |text: &str| u8::try_from(digits(text).filter(|_| text.len() == 2)?).ok();
    let year = i32::try_from(digits(year).filter(|_| year.len() == 4)?).ok()?;
    let month = Month::try_from(small(month)?).ok()?;
    let date = Date::from_calendar_date(year, month, small(day)?).ok()?;
    let clock = Time::from_hms(small(hour)?, small(minute)?, small(second)?).ok()?;
    let at = PrimitiveDateTime::new(date, clock).assume_utc();
    (at >= OffsetDateTime::UNIX_EPOCH).then(|| at.into())
}

/// A number in digits alone, without a sign.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn all_forms_of_a_date_are_read() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
            " Sun, 06 Nov 1994 08:49:37 +0000 ",
            "Sun, 06 Nov 1994 08:49:37 -0000",
            "Sun, 06 Nov 1994 08:49:37 UTC",
            "Sun, 06 Nov 1994 10:49:37 +0200",
            "Sun, 06 Nov 1994 05:19:37 -0330",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http(text), Some(at(784_111_777)), "{text}");
        }
        assert_eq!(iso("1994-11-06T08:49:37Z"), Some(at(784_111_777)));
        let half = Some(at(784_111_777) + Duration::from_millis(500));
        assert_eq!(iso("1994-11-06T08:49:37.5Z"), half);
        assert_eq!(basic("19941106T084937Z"), Some(at(784_111_777)));
    }

    #[test]
    fn dates_are_written_in_whole_seconds() {
        let time = at(784_111_777) + Duration::from_millis(999);
        assert_eq!(to_http(time), "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(to_iso(time), "1994-11-06T08:49:37.000Z");
        assert_eq!(to_basic(time), "19941106T084937Z");
        // No clock makes this fail.
        for odd in [UNIX_EPOCH - Duration::from_secs(9), at(1 << 62)] {
            assert!(to_http(odd).ends_with("GMT") && to_iso(odd).len() == 24);
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "",
            "yesterday",
            "1994-11-06",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 06 Nov 1994 08:49:37 é200",
            "Sun, 06 Nov 1994 08:49:37 +2",
        ] {
            assert_eq!(http(text), None, "{text}");
        }
        for text in [
            "1994-11-06",
            "1994-11-06T08:49:37",
            "1994-13-06T08:49:37Z",
            "1994-11-31T08:49:37Z",
            "1994-11-06T24:49:37Z",
            "1994-11-06T08:49Z",
            "1994-11-06T08:49:37:1Z",
            "1994-11-6T08:49:37Z",
            "1994-11-06T08:49:+7Z",
            "1994-11-06T08:49:37.xZ",
            "0000-00-00T00:00:00Z",
            "é994-11-06T08:49:37Z",
        ] {
            assert_eq!(iso(text), None, "{text}");
        }
        for text in ["", "19941106T084937", "1994110T6084937Z", "é9941106T08493Z", "Z"] {
            assert_eq!(basic(text), None, "{text}");
        }
    }
}
