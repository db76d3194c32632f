//! Checks of request dates that the library omits or answers unlike S3.
//!
//! The library ignores the date of version 2 signatures in headers, so anyone
//! who saw such a request could replay it forever.

use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};
use time::{Duration, OffsetDateTime};

/// The largest clock skew of a client, as in S3.
const MAX_SKEW: Duration = Duration::minutes(15);

/// Checks the date of a request with a version 2 signature in its headers.
pub fn check(headers: &HeaderMap) -> S3Result<()> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let Some(signature) = text(AUTHORIZATION.as_str()).and_then(|text| text.strip_prefix("AWS "))
    else {
        return Ok(());
    };
    if !signature.contains(':') {
        return Err(s3_error!(InvalidArgument, "the header Authorization is malformed"));
    }
    let date = text("x-amz-date").or(text(DATE.as_str())).unwrap_or_default();
    let date = Timestamp::parse(TimestampFormat::HttpDate, date).ok().map(OffsetDateTime::from);
    let Some(date) = date.filter(|date| *date >= OffsetDateTime::UNIX_EPOCH) else {
        return Err(s3_error!(AccessDenied, "a signed request needs a valid date"));
    };
    if (OffsetDateTime::now_utc() - date).abs() > MAX_SKEW {
        return Err(s3_error!(RequestTimeTooSkewed));
    }
    Ok(())
}

/// Converts a `Date` header to the SigV4 format.
pub fn basic(date: &str) -> Option<String> {
    // Some clients write the time zone as a number.
    let gmt = [" -0000", " +0000"].iter().find_map(|zone| date.strip_suffix(zone));
    let date = gmt.map_or_else(|| date.to_owned(), |date| format!("{date} GMT"));
    let date = Timestamp::parse(TimestampFormat::HttpDate, &date).ok().map(OffsetDateTime::from)?;
    let (day, time) = (date.date(), date.time());
    Some(format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z",
        day.year(),
        u8::from(day.month()),
        day.day(),
        time.hour(),
        time.minute(),
        time.second()
    ))
}

/// The longest validity of a presigned URL: a week, in seconds.
const MAX_EXPIRY: i64 = 7 * 24 * 3600;

/// Checks the validity period of a presigned URL.
pub fn check_expiry(query: &str) -> S3Result<()> {
    let expires = query.split('&').find_map(|pair| pair.strip_prefix("X-Amz-Expires="));
    let Some(seconds) = expires.and_then(|text| text.parse::<i64>().ok()) else { return Ok(()) };
    match (1..=MAX_EXPIRY).contains(&seconds) {
        true => Ok(()),
        false => Err(s3_error!(AccessDenied, "X-Amz-Expires is 1 to {MAX_EXPIRY} seconds")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_presigned_url_holds_for_a_week_at_most() {
        for (query, fine) in [
            ("", true),
            ("X-Amz-Expires=1&a", true),
            ("a=b&X-Amz-Expires=604800", true),
            ("X-Amz-Expires=604801", false),
            ("a&X-Amz-Expires=0", false),
            ("X-Amz-Expires=-7", false),
        ] {
            assert_eq!(check_expiry(query).is_ok(), fine, "{query}");
        }
    }

    #[test]
    fn old_and_odd_dates_are_refused() {
        let mut headers = HeaderMap::new();
        assert!(check(&headers).is_ok(), "unsigned requests have none");
        headers.insert(AUTHORIZATION, "AWS KEY:c2ln".parse().unwrap());
        for (date, code) in [
            ("", "AccessDenied"),
            ("yesterday", "AccessDenied"),
            ("Tue, 07 Jul 1953 21:53:04 GMT", "AccessDenied"),
            ("Tue, 07 Jul 2009 21:53:04 GMT", "RequestTimeTooSkewed"),
        ] {
            headers.insert(DATE, date.parse().unwrap());
            assert_eq!(check(&headers).unwrap_err().code().as_str(), code, "{date:?}");
        }
    }
}
