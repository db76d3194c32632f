//! Listings.

use super::retry::RequestTime;
use super::shared::{MAX_KEY_BYTES, Shared};
use super::{object_metadata, trial_key};
use aws_sdk_s3::types::{EncodingType, Object};
use futures::{StreamExt, TryStreamExt, stream};
use storage_store::{Entry, Error, ListOptions, ObjectInfo, PAGE_LIMIT, Page, Paging, Result};

/// HEAD requests in flight for the entries of one page.
const ASKED: usize = 16;

pub(super) async fn list(shared: &Shared, options: ListOptions) -> Result<Page> {
    if options.skipped {
        // A bucket holds nothing but objects, and every S3 key is valid here.
        return Ok(Page::default());
    }
    let limit = options.limit.unwrap_or(PAGE_LIMIT).clamp(1, PAGE_LIMIT);
    let limit = i32::try_from(limit).unwrap_or(i32::MAX);
    let after = options.start_after.filter(|after| !after.is_empty());
    // Servers need not understand a start that can't be a key, so cut it to one
    // that sorts before it. Drop a start that sorts before the prefix: it excludes
    // nothing, and not every server knows that.
    let asked = after.as_deref().filter(|after| *after >= options.prefix.as_str()).map(|after| {
        let end = after.find('\0').unwrap_or(after.len()).min(MAX_KEY_BYTES);
        after.get(..after.floor_char_boundary(end)).unwrap_or_default()
    });
    let mut token = None;
    let (mut paging, mut passed) = (Paging::default(), ListOptions::default());
    let (objects, more) = loop {
        let answer = shared.calls.send(RequestTime::Normal, || {
            let mut request = shared
                .client
                .list_objects_v2()
                .bucket(&shared.bucket)
                .encoding_type(EncodingType::Url)
                .max_keys(limit)
                .set_start_after(asked.filter(|after| !after.is_empty()).map(str::to_owned))
                .set_continuation_token(token.clone());
            if !options.prefix.is_empty() {
                request = request.prefix(&options.prefix);
            }
            request.send()
        });
        let answer = answer.await.map_err(|f| f.error(&shared.place))?;
        let mut keys = answer.contents().iter().filter_map(Object::key);
        let encoded = answer.encoding_type() == Some(&EncodingType::Url) && keys.all(is_encoded);
        let mut found = Vec::new();
        for object in answer.contents() {
            let key = decoded(object.key().unwrap_or_default(), encoded).map_err(|key| {
                Error::InvalidData(format!("{}: the server lists {key:?}", shared.place))
            })?;
            if !trial_key::is_key(&key)
                && key.starts_with(&options.prefix)
                && after.as_deref().is_none_or(|a| *key > *a)
            {
                found.push((key, object.clone()));
            }
        }
        let more = answer.is_truncated().unwrap_or(false);
        token = answer.next_continuation_token().map(str::to_owned);
        // A page without a key gives no point to continue from.
        if !found.is_empty() || !more || token.is_none() {
            break (found, more);
        }
        let page = Page { next: token.clone(), ..Page::default() };
        let passing = match answer.contents() {
            [] => paging.advance(&page, &mut passed),
            _ => paging.advance_through(&page, &mut passed),
        };
        passing.map_err(|error| Error::Other(format!("{}: {error}", shared.place)))?;
    };
    let next = objects.last().filter(|_| more).map(|(key, _)| key.clone());
    let entries = stream::iter(objects).map(|(key, object)| entry(shared, key, object));
    let entries: Vec<Option<Entry>> = entries.buffered(ASKED).try_collect().await?;
    Ok(Page::of(entries.into_iter().flatten().collect(), next))
}

/// Whether a key may be URL-encoded. Some servers claim to encode keys and don't.
pub(super) fn is_encoded(key: &str) -> bool {
    let escape = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    key.bytes().all(|b| b.is_ascii_graphic()) && key.split('%').skip(1).all(escape)
}

/// The decoded key, or as error the key that can't be decoded.
pub(super) fn decoded(key: &str, encoded: bool) -> Result<String, String> {
    if !encoded {
        return Ok(key.to_owned());
    }
    let plain = key.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&plain).decode_utf8();
    decoded.map(|key| key.into_owned()).map_err(|_| key.to_owned())
}

/// Completes a listed object. `None` if it was deleted meanwhile.
async fn entry(shared: &Shared, key: String, object: Object) -> Result<Option<Entry>> {
    let size = object.size().and_then(|n| u64::try_from(n).ok());
    let etag = object_metadata::unquoted(object.e_tag().unwrap_or_default());
    if etag.is_empty() || object_metadata::has_more(etag, size.unwrap_or(0)) {
        return match shared.head(&key).await {
            Ok(found) => Ok(Some(Entry { key, info: found.info })),
            Err(Error::NotFound) => Ok(None),
            Err(error) => Err(error),
        };
    }
    let info = ObjectInfo {
        size,
        etag: Some(etag.to_owned()),
        modified: object_metadata::millis(object.last_modified()),
        ..ObjectInfo::default()
    };
    Ok(Some(Entry { key, info }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_decoded_only_where_the_server_encoded_them() {
        let key = "a+b%2Bc%25d%C3%A9";
        assert_eq!(decoded(key, true).unwrap(), "a b+c%dé");
        assert_eq!(decoded(key, false).unwrap(), key);
        assert!(is_encoded("a+b%2Bc/%C3%A9") && is_encoded(""));
        assert!(!is_encoded("a b") && !is_encoded("é") && !is_encoded("100%") && !is_encoded("%4"));
        assert_eq!(decoded("%FF", true).unwrap_err(), "%FF");
    }
}
