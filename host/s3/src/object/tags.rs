//! Tags, in the forms in which they are given, stored and shown.

use crate::protocol::encoding::encoded;
use crate::protocol::error::{Result, error};
use crate::protocol::xml::read::{Element, read};
use crate::protocol::xml::write::{Writer, document};
use percent_encoding::percent_decode_str;

/// The metadata key of an object's tags, in the form of `x-amz-tagging`.
pub const TAGGING: &str = ":tagging";

/// The S3 limits: tags per object and per bucket, characters in a name and in a
/// value.
pub const MAX_OBJECT_TAGS: usize = 10;
pub const MAX_BUCKET_TAGS: usize = 50;
const MAX_NAME: usize = 128;
const MAX_VALUE: usize = 256;

/// Names and values.
pub type Tags = Vec<(String, String)>;

fn check(tags: &Tags, most: usize) -> Result<()> {
    if tags.len() > most {
        return Err(error!(InvalidTag, "there are more than {most} tags"));
    }
    for (index, (name, value)) in tags.iter().enumerate() {
        if name.is_empty() || name.chars().count() > MAX_NAME {
            return Err(error!(InvalidTag, "the name of a tag has 1 to {MAX_NAME} characters"));
        }
        if value.chars().count() > MAX_VALUE {
            return Err(error!(InvalidTag, "a tag's value has at most {MAX_VALUE} characters"));
        }
        if tags.iter().take(index).any(|(other, _)| other == name) {
            return Err(error!(InvalidTag, "the tag {name:?} is there twice"));
        }
    }
    Ok(())
}

/// Parses tags in the form of `x-amz-tagging`.
pub fn parse(text: &str) -> Result<Tags> {
    let decoded = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(std::borrow::Cow::into_owned)
    };
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match (decoded(name), decoded(value)) {
            (Ok(name), Ok(value)) => Ok((name, value)),
            _ => Err(error!(InvalidArgument, "the tags are not UTF-8")),
        }
    });
    pairs.collect()
}

/// Formats tags sorted by name, the order in which S3 returns them.
pub fn write(tags: &Tags) -> Option<String> {
    let mut tags = tags.clone();
    tags.sort();
    let pairs: Vec<String> =
        tags.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    (!pairs.is_empty()).then(|| pairs.join("&"))
}

/// Checks the tags of a header and returns their stored form.
pub fn checked(header: Option<&str>) -> Result<Option<String>> {
    let Some(header) = header else { return Ok(None) };
    let tags = parse(header)?;
    check(&tags, MAX_OBJECT_TAGS)?;
    Ok(write(&tags))
}

/// The number of stored tags; `None` if there are none.
pub fn count(kept: Option<&str>) -> Option<usize> {
    Some(parse(kept?).ok()?.len()).filter(|count| *count > 0)
}

/// Reads the document of tags; there are at most `most`.
pub fn of_document(text: &[u8], most: usize) -> Result<Tags> {
    of_element(&read(text, "Tagging")?, "TagSet", most)
}

/// Reads the tags in the child `set` of an element.
pub fn of_element(element: &Element, set: &str, most: usize) -> Result<Tags> {
    let mut tags = Tags::new();
    for tag in element.required(set)?.all("Tag") {
        let name = tag.required("Key")?.text().to_owned();
        tags.push((name, tag.text_of("Value")?.unwrap_or_default().to_owned()));
    }
    check(&tags, most)?;
    Ok(tags)
}

/// The document of tags.
pub fn to_document(tags: &Tags) -> String {
    document("Tagging", |tagging| {
        tagging.element("TagSet", |set| tags.iter().for_each(|tag| write_tag(set, tag)));
    })
}

fn write_tag(set: &mut Writer, (name, value): &(String, String)) {
    set.element("Tag", |tag| {
        tag.text("Key", name);
        tag.text("Value", value);
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_a_header_are_kept_as_they_were_meant() {
        let kept = checked(Some("d&b+c=%C3%A4%26&a=1")).unwrap().unwrap();
        assert_eq!(kept, "a=1&b%20c=%C3%A4%26&d=");
        assert_eq!(count(Some(&kept)), Some(3));
        assert_eq!(checked(Some("")).unwrap(), None);
    }

    #[test]
    fn tags_of_a_document_are_read_as_they_are_written() {
        let tags = vec![("b c".to_owned(), "&".to_owned()), ("a".to_owned(), String::new())];
        assert_eq!(of_document(to_document(&tags).as_bytes(), 2).unwrap(), tags);
        for wrong in ["<Tagging>", "<Tagging/>", "<Tagging><TagSet><Tag/></TagSet></Tagging>"] {
            let error = of_document(wrong.as_bytes(), 2).unwrap_err();
            assert_eq!(error.code().name(), "MalformedXML", "{wrong}");
        }
        let many = of_document(to_document(&tags).as_bytes(), 1);
        assert_eq!(many.unwrap_err().code().name(), "InvalidTag");
    }

    #[test]
    fn tags_beyond_the_limits_are_refused() {
        let many: Vec<_> = (0..11).map(|n| format!("{n}=x")).collect();
        for wrong in
            ["a=1&a=2", "=x", &many.join("&"), &"n".repeat(129), &format!("a={}", "v".repeat(257))]
        {
            let error = checked(Some(wrong)).unwrap_err();
            assert_eq!(error.code().name(), "InvalidTag", "{wrong}");
        }
    }
}
