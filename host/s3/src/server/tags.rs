//! Tags, in the forms in which they are given, stored and shown.

use http::HeaderName;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use s3s::dto::*;
use s3s::xml::{Deserialize, Deserializer};
use s3s::{S3Result, s3_error};

/// The metadata key of an object's tags, in the form of `x-amz-tagging`.
pub const TAGGING: &str = ":tagging";

/// The header with an object's tags; the tags of a form become this header.
pub const HEADER: HeaderName = HeaderName::from_static("x-amz-tagging");

/// The S3 limits: tags per object and per bucket, characters in a name and in a
/// value.
pub const MAX_OBJECT_TAGS: usize = 10;
pub const MAX_BUCKET_TAGS: usize = 50;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

const FORM: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

pub type Tags = Vec<(String, String)>;

fn check(tags: &Tags, most: usize) -> S3Result<()> {
    if tags.len() > most {
        return Err(s3_error!(InvalidTag, "there are more than {most} tags"));
    }
    for (index, (name, value)) in tags.iter().enumerate() {
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(s3_error!(InvalidTag, "the name of a tag has 1 to {MAX_NAME} characters"));
        }
        if value.chars().count() > MAX_VALUE {
            return Err(s3_error!(InvalidTag, "a tag's value has at most {MAX_VALUE} characters"));
        }
        if tags.iter().take(index).any(|(other, _)| other == name) {
            return Err(s3_error!(InvalidTag, "the tag {name:?} is there twice"));
        }
    }
    Ok(())
}

/// Parses tags in the form of `x-amz-tagging`.
pub fn parse(text: &str) -> S3Result<Tags> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded(name), decoded(value)) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(s3_error!(InvalidArgument, "the tags are not UTF-8")),
        }
    });
    pairs.collect()
}

/// Formats tags sorted by name, the order in which S3 returns them.
pub fn write(tags: &Tags) -> Option<String> {
    let mut tags = tags.clone();
    tags.sort();
    let encoded = |text: &str| utf8_percent_encode(text, FORM).to_string();
    let pairs: Vec<String> =
        tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// Checks the tags of a header and returns their stored form.
pub fn checked(header: Option<String>) -> S3Result<Option<String>> {
    let Some(header) = header else { return Ok(None) };
    let tags = parse(&header)?;
    check(&tags, MAX_OBJECT_TAGS)?;
    Ok(write(&tags))
}

/// Converts the tags of a form, an XML document, to the header's form.
pub fn of_form(xml: &str) -> S3Result<Option<String>> {
    let mut reader = Deserializer::new(xml.as_bytes());
    let tagging = Tagging::deserialize(&mut reader);
    let tagging = tagging.map_err(|error| s3_error!(MalformedXML, "the form's tags: {error}"))?;
    Ok(write(&from_xml(tagging, MAX_OBJECT_TAGS)?))
}

/// The number of stored tags; `None` if there are none.
pub fn count(kept: Option<&String>) -> Option<i32> {
    let count = parse(kept?).ok()?.len();
    i32::try_from(count).ok().filter(|count| *count > 0)
}

pub fn from_xml(tagging: Tagging, most: usize) -> S3Result<Tags> {
    let tag = |tag: Tag| (tag.key.unwrap_or_default(), tag.value.unwrap_or_default());
    let tags = tagging.tag_set.into_iter().map(tag).collect();
    check(&tags, most)?;
    Ok(tags)
}

pub fn to_xml(tags: Tags) -> TagSet {
    tags.into_iter().map(|(name, value)| Tag { key: Some(name), value: Some(value) }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_header_are_kept_as_they_were_meant() {
        let kept = checked(Some("d&b+c=%C3%A4%26&a=1".to_owned())).unwrap().unwrap();
        assert_eq!(kept, "a=1&b%20c=%C3%A4%26&d=");
        assert_eq!(count(Some(&kept)), Some(3));
        assert_eq!(checked(Some(String::new())).unwrap(), None);
    }

    #[test]
    fn tags_of_a_form_are_those_of_its_document() {
        let xml = "<Tagging><TagSet><Tag><Key>b c</Key><Value>&amp;</Value></Tag>\
                   <Tag><Key>a</Key><Value>1</Value></Tag></TagSet></Tagging>";
        assert_eq!(of_form(xml).unwrap().unwrap(), "a=1&b%20c=%26");
        assert_eq!(of_form("<Tagging>").unwrap_err().code().as_str(), "MalformedXML");
    }

    #[test]
    fn tags_beyond_the_limits_are_refused() {
        let many: Vec<_> = (0..11).map(|n| format!("{n}=x")).collect();
        for wrong in
            ["a=1&a=2", "=x", &many.join("&"), &"n".repeat(129), &format!("a={}", "v".repeat(257))]
        {
            let error = checked(Some(wrong.to_owned())).unwrap_err();
            assert_eq!(error.code().as_str(), "InvalidTag", "{wrong}");
        }
    }
}
