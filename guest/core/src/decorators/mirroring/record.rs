//! What is kept of missed writes, as data: in the memory of a process, and as
//! the objects of a journal, which outlive it.
//!
//! Keys are spread over a fixed number of buckets, so that what is kept can be
//! walked and stays bounded: a bucket that grows too large forgets its keys and
//! counts a child as behind for every key that belongs to it.
//!
//! An object of a journal is one bucket. It never says less than is true: it is
//! written before a write begins, and again when a child missed one; that a
//! write ended well is left for the next time.

use crate::types::Error;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// How many buckets there are.
pub const BUCKETS: u32 = 256;

/// A bucket larger than this, as JSON, forgets its keys; well below the 64 KiB
/// that a shared value may have.
pub const MAX_BUCKET: usize = 32 * 1024;

/// The form of the objects of a journal that is written here.
const FORMAT: u32 = 1;

/// The state of one key, or of what a bucket no longer tells apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// Children that missed a write, counted from 0.
    pub children: BTreeSet<usize>,
    /// A write was begun and its end has not been recorded: under way, or
    /// whoever wrote vanished, and the children may differ.
    pub pending: bool,
}

impl Missed {
    /// Whether there is nothing to remember.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// What is known of some of the keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bucket {
    /// By key; clean ones are left out.
    pub keys: BTreeMap<String, Missed>,
    /// What is true of every key in the bucket.
    pub every: Missed,
}

impl Bucket {
    /// Whether there is nothing to remember.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty() && self.every.is_clean()
    }

    /// The children that are behind for this key.
    pub fn behind(&self, key: &str) -> BTreeSet<usize> {
        let own = self.keys.get(key).into_iter().flat_map(|missed| &missed.children);
        own.chain(&self.every.children).copied().collect()
    }

    /// All that is known of a key.
    pub fn of(&self, key: &str) -> Missed {
        let pending = self.every.pending || self.keys.get(key).is_some_and(|m| m.pending);
        Missed { children: self.behind(key), pending }
    }

    /// Changes what is known of a key, within the bound of the bucket.
    pub fn change(&mut self, key: &str, change: impl Fn(&mut Missed)) {
        let missed = self.keys.entry(key.to_owned()).or_default();
        change(missed);
        if missed.is_clean() {
            self.keys.remove(key);
        }
        // A character takes at most six bytes; most buckets are far from full.
        let most: usize = self.keys.keys().map(|key| key.len() * 6 + 128).sum();
        if most > MAX_BUCKET && serde_json::to_vec(self).is_ok_and(|text| text.len() > MAX_BUCKET) {
            for missed in std::mem::take(&mut self.keys).into_values() {
                self.every.children.extend(missed.children);
                self.every.pending |= missed.pending;
            }
        }
    }
}

/// A bucket as a process has it in memory.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    /// What is true now.
    pub bucket: Bucket,
    /// The object of the journal, as it was last seen; without a journal `None`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// Whether the journal says more than is true now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stale: bool,
    /// How often what another process wrote was taken over.
    #[serde(default)]
    pub taken: u64,
}

/// An object of the journal, for whoever wants to replace it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// Whether there is one.
    pub there: bool,
    /// Its etag, where the store gives one.
    pub etag: Option<String>,
    /// Its serial number; 0 when there is none.
    pub serial: u64,
}

impl Held {
    /// Takes over what another process wrote to the journal. Only what this
    /// process has under way is known better here.
    pub fn take_over(&mut self, journal: Held) {
        let own = std::mem::take(&mut self.bucket);
        self.bucket = journal.bucket;
        self.seen = journal.seen;
        self.stale = false;
        self.taken += 1;
        for (key, missed) in own.keys {
            if missed.pending {
                self.bucket.change(&key, |missed| missed.pending = true);
            }
        }
        self.bucket.every.pending |= own.every.pending;
    }
}

/// FNV-1a: spreads keys well enough, and is the same in every instance.
pub fn bucket_of(key: &str) -> u32 {
    let hash =
        key.bytes().fold(0x811c_9dc5_u32, |h, b| (h ^ u32::from(b)).wrapping_mul(0x0100_0193));
    (hash ^ (hash >> 16)) % BUCKETS
}

/// The key of a bucket's object in the journal.
pub fn image_key(mirror: &str, bucket: u32) -> String {
    format!("{mirror}/{bucket:02x}.json")
}

/// An object of the journal. Children have names here: their order in a
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
}

impl Entry {
    fn is_clean(&self) -> bool {
        *self == Self::default()
    }

    fn of(missed: &Missed, names: &[String]) -> Self {
        let name = |child: &usize| names.get(*child).cloned();
        Self { missed: missed.children.iter().filter_map(name).collect(), pending: missed.pending }
    }

    /// A name that no child has any more says nothing.
    fn missed(&self, names: &[String]) -> Missed {
        let child = |name: &String| names.iter().position(|other| other == name);
        Missed { children: self.missed.iter().filter_map(child).collect(), pending: self.pending }
    }
}

/// The text of a bucket's object.
pub fn encode(bucket: &Bucket, serial: u64, names: &[String]) -> Vec<u8> {
    let entry = |(key, missed): (&String, &Missed)| (key.clone(), Entry::of(missed, names));
    let image = Image {
        format: FORMAT,
        serial,
        every: Entry::of(&bucket.every, names),
        keys: bucket.keys.iter().map(entry).collect(),
    };
    // A map of strings to plain values can't fail to become JSON.
    serde_json::to_vec(&image).unwrap_or_default()
}

/// Reads the text of a bucket's object: the bucket and its serial number.
///
/// What is no such text may have said anything: then every key of the bucket
/// counts as being written, and the problem is given as well. A newer form is
/// an error, since overwriting it would lose what it says.
pub fn decode(text: &[u8], names: &[String]) -> Result<(Bucket, u64, Option<String>), Error> {
    #[derive(Deserialize)]
    struct Form {
        format: u32,
    }
    let unreadable = |problem: String| {
        let every = Missed { pending: true, ..Missed::default() };
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

    fn names() -> Vec<String> {
        vec!["near".to_owned(), "far".to_owned()]
    }

    #[test]
    fn a_bucket_is_written_as_text_that_people_can_read_and_read_back() {
        let mut bucket = Bucket::default();
        bucket.change("a/b", |missed| _ = missed.children.insert(1));
        bucket.change("c", |missed| missed.pending = true);
        let text = encode(&bucket, 7, &names());
        assert_eq!(
            String::from_utf8(text.clone()).unwrap(),
            r#"{"format":1,"serial":7,"keys":{"a/b":{"missed":["far"]},"c":{"pending":true}}}"#
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
        assert_eq!(read.behind("a"), BTreeSet::from([0]));
        let (read, ..) = decode(&text, &["new".to_owned()]).unwrap();
        assert!(read.is_empty(), "a child that is gone is not behind");
    }

    #[test]
    fn what_is_no_record_counts_every_key_as_being_written() {
        for text in ["", "{", "[]", "{\"format\":1}", "{\"format\":1,\"serial\":-1}", "\u{1}"] {
            let (bucket, serial, problem) = decode(text.as_bytes(), &names()).unwrap();
            assert!(bucket.every.pending && bucket.keys.is_empty(), "{text:?}");
            assert!(problem.is_some() && serial == 0, "{text:?}");
        }
        let newer = decode(br#"{"format":2,"rows":[]}"#, &names());
        assert!(matches!(newer, Err(Error::InvalidData(text)) if text.contains("newer")));
    }

    #[test]
    fn a_bucket_that_grows_too_large_forgets_keys_and_no_child() {
        let mut bucket = Bucket::default();
        for number in 0..2_000 {
            bucket.change(&format!("some-key-{number}"), |m| _ = m.children.insert(1));
        }
        assert!(serde_json::to_vec(&bucket).unwrap().len() <= MAX_BUCKET);
        assert!((0..2_000).all(|n| bucket.behind(&format!("some-key-{n}")).contains(&1)));
    }

    #[test]
    fn what_another_process_wrote_is_taken_over_and_what_is_under_way_is_kept() {
        let mut held = Held::default();
        held.bucket.change("healed", |m| _ = m.children.insert(1));
        held.bucket.change("under way", |m| m.pending = true);
        let mut journal = Held { seen: Some(Seen::default()), ..Held::default() };
        journal.bucket.change("new", |m| _ = m.children.insert(0));
        held.take_over(journal);
        let keys: Vec<_> = held.bucket.keys.keys().map(String::as_str).collect();
        assert_eq!(keys, ["new", "under way"]);
        assert!(held.bucket.keys["under way"].children.is_empty());
    }
}
