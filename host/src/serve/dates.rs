//! The date of a request that is signed in the second version: the library
//! does not look at it, so that whoever saw such a request once could send it
//! again for ever.

use http::HeaderMap;
use http::header::{AUTHORIZATION, DATE};
use s3s::dto::{Timestamp, TimestampFormat};
use s3s::{S3Result, s3_error};
use time::{Duration, OffsetDateTime};

/// How far a client's clock may be off, as S3 has it.
const MAX_SKEW: Duration = Duration::minutes(15);

/// Checks the date of a request that is signed so in its headers.
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

#[cfg(test)]
mod tests {
    use super::*;

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
