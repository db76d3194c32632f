//! The objects of a journal: each is one bucket, as JSON.
//!
//! An object of the journal never understates: it is written before a write begins, and
//! again if a child missed the write. A successful end is recorded only the next time the
//! bucket is written.

use super::record::{Begun, Bucket, Missed, UNKNOWN};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use storage_contract::types::Error;

/// The format of journal objects. Format 1 did not record what was missed, so
/// nothing in it counts as a delete.
const FORMAT: u32 = 2;

/// The key of a bucket's journal object.
pub fn image_key(mirror: &str, bucket: u32) -> String {
    format!("{mirror}/{bucket:02x}.json")
}

/// A journal object. Children are identified by name, because their order in the
/// configuration may change between two runs.
#[derive(Serialize, Deserialize)]
struct Image {
    format: u32,
    serial: u64,
    #[serde(default, skip_serializing_if = "Entry::is_clean")]
    every: Entry,
    #[serde(default)]
    keys: BTreeMap<String, Entry>,
}

#[derive(Default, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    missed: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleting: bool,
    /// Which changes are pending. Earlier versions did not record that.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    begun: BTreeMap<String, Begun>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    deleted: bool,
}

impl Entry {
    fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    fn of(missed: &Missed, names: &[String]) -> Self {
        let name = |child: &usize| names.get(*child).cloned();
        Self {
            missed: missed.children.iter().filter_map(name).collect(),
            pending: missed.is_pending(),
            deleting: missed.is_deleting(),
            begun: missed.pending.clone(),
            // The end of a successful write is not recorded, so once a write has
            // begun, an earlier delete proves nothing to the next reader.
            deleted: missed.deleted && !missed.pending.values().any(|b| *b == Begun::Write),
        }
    }

    /// Ignores names that no child has any more.
    fn missed(&self, names: &[String]) -> Missed {
        let child = |name: &String| names.iter().position(|other| other == name);
        let mut pending = self.begun.clone();
        if self.pending && pending.is_empty() {
            let begun = if self.deleting { Begun::Delete } else { Begun::Write };
            pending.insert(UNKNOWN.to_owned(), begun);
        }
        Missed {
            children: self.missed.iter().filter_map(child).collect(),
            pending,
            deleted: self.deleted,
        }
    }
}

/// Encodes a bucket as a journal object.
pub fn encode(bucket: &Bucket, serial: u64, names: &[String]) -> Vec<u8> {
    let entry = |(key, missed): (&String, &Missed)| (key.clone(), Entry::of(missed, names));
    let image = Image {
        format: FORMAT,
        serial,
        every: Entry::of(&bucket.every, names),
        keys: bucket.keys.iter().map(entry).collect(),
    };
    // Maps of strings to plain values always have a JSON form.
    serde_json::to_vec(&image).unwrap_or_default()
}

/// Decodes a journal object: its bucket and its serial number.
///
/// Text that can't be decoded may have recorded anything. Every key of the bucket
/// then counts as being written, and the problem is returned as well. A newer
/// format is an error, since overwriting it would lose information.
pub fn decode(text: &[u8], names: &[String]) -> Result<(Bucket, u64, Option<String>), Error> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let unreadable = |problem: String| {
        let mut every = Missed::default();
        every.begin(UNKNOWN, false);
        (Bucket { every, ..Bucket::default() }, 0, Some(problem))
    };
    match serde_json::from_slice::<Form>(text) {
        Ok(Form { format }) if format > FORMAT => {
            return Err(Error::InvalidData(format!(
                "it has form {format}, of a newer version; this one knows form {FORMAT}"
            )));
        }
        Ok(_) => {}
        Err(error) => return Ok(unreadable(error.to_string())),
    }
    Ok(match serde_json::from_slice::<Image>(text) {
        Err(error) => unreadable(error.to_string()),
        Ok(image) => {
            let mut bucket = Bucket { every: image.every.missed(names), ..Bucket::default() };
            for (key, entry) in &image.keys {
                let known = entry.missed(names);
                bucket.change(key, |missed| missed.clone_from(&known));
            }
            (bucket, image.serial, None)
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decorators::mirroring::record::Absence;
    use std::collections::BTreeSet;

    fn names() -> Vec<String> {
        vec!["near".to_owned(), "far".to_owned()]
    }

    #[test]
    fn a_bucket_is_written_as_text_that_people_can_read_and_read_back() {
        let mut bucket = Bucket::default();
        bucket.change("a/b", |missed| _ = missed.children.insert(1));
        bucket.change("b", |missed| missed.end("1", &[0], &[1], true));
        bucket.change("c", |missed| missed.begin("1", false));
        bucket.change("d", |missed| missed.begin("1", true));
        let text = encode(&bucket, 7, &names());
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            concat!(
                r#"{"format":2,"serial":7,"keys":{"a/b":{"missed":["far"]},"#,
                r#""b":{"missed":["far"],"deleted":true},"c":{"pending":true,"begun":{"1":"write"}},"#,
                r#""d":{"pending":true,"deleting":true,"begun":{"1":"delete"}}}}"#
            )
        );
        assert_eq!(decode(&text, &names()).unwrap(), (bucket, 7, None));
    }

    #[test]
    fn children_keep_their_names_when_their_order_changes() {
        let mut bucket = Bucket::default();
        bucket.change("a", |missed| _ = missed.children.insert(1));
        let text = encode(&bucket, 1, &names());
        let other = vec!["far".to_owned(), "new".to_owned()];
        let (read, ..) = decode(&text, &other).unwrap();
        assert_eq!(read.of("a").behind(), &BTreeSet::from([0]));
        let (read, ..) = decode(&text, &["new".to_owned()]).unwrap();
        assert!(read.is_empty(), "a child that is gone is not behind");
    }

    #[test]
    fn a_record_of_an_earlier_version_never_says_that_an_object_was_deleted() {
        let text =
            br#"{"format":1,"serial":7,"keys":{"a":{"missed":["far"]},"b":{"pending":true}}}"#;
        let (read, serial, problem) = decode(text, &names()).unwrap();
        assert_eq!((serial, problem), (7, None));
        assert_eq!(read.of("a").behind(), &BTreeSet::from([1]));
        assert_eq!(read.of("a").absence(), Absence::Lost);
        assert!(read.of("b").own.is_pending() && read.of("b").absence() == Absence::Certain);
    }

    #[test]
    fn a_write_that_vanished_before_a_delete_takes_nothing_from_it() {
        let mut bucket = Bucket::default();
        bucket.change("a", |missed| missed.begin("1", false));
        bucket.change("a", |missed| missed.begin("2", true));
        bucket.change("a", |missed| missed.end("2", &[0], &[1], true));
        let read = |bucket: &Bucket| decode(&encode(bucket, 1, &names()), &names()).unwrap().0;
        assert_eq!(read(&bucket).of("a").absence(), Absence::Certain);
        bucket.change("a", |missed| missed.begin("3", false));
        assert_eq!(read(&bucket).of("a").absence(), Absence::Lost);
    }

    #[test]
    fn a_journal_that_names_no_changes_has_one_that_only_healing_ends() {
        let text = br#"{"format":2,"serial":7,"keys":{"a":{"pending":true,"deleting":true}}}"#;
        let (mut bucket, ..) = decode(text, &names()).unwrap();
        assert!(bucket.of("a").own.is_deleted());
        bucket.change("a", |missed| missed.begin("1", false));
        bucket.change("a", |missed| missed.end("1", &[0, 1], &[], false));
        assert!(bucket.of("a").own.is_pending() && !bucket.of("a").own.is_deleted());
        let text = encode(&bucket, 8, &names());
        assert_eq!(decode(&text, &names()).unwrap(), (bucket, 8, None));
    }

    #[test]
    fn a_write_that_was_begun_after_a_delete_voids_it_for_the_next_process() {
        let mut bucket = Bucket::default();
        bucket.change("a", |missed| missed.end("1", &[0], &[1], true));
        bucket.change("a", |missed| missed.begin("1", false));
        assert_eq!(bucket.of("a").absence(), Absence::Certain, "this one hears of its end");
        let (read, ..) = decode(&encode(&bucket, 1, &names()), &names()).unwrap();
        assert_eq!(read.of("a").absence(), Absence::Lost);
    }

    #[test]
    fn what_is_no_record_counts_every_key_as_being_written() {
        for text in ["", "{", "[]", "{\"format\":1}", "{\"format\":1,\"serial\":-1}", "\u{1}"] {
            let (bucket, serial, problem) = decode(text.as_bytes(), &names()).unwrap();
            assert!(bucket.every.is_pending() && bucket.keys.is_empty(), "{text:?}");
            assert!(problem.is_some() && serial == 0, "{text:?}");
        }
        let newer = decode(br#"{"format":3,"rows":[]}"#, &names());
        assert!(matches!(newer, Err(Error::InvalidData(text)) if text.contains("newer")));
    }
}
