//! Reads all objects to their ends: those of a mirror on every child, to compare them,
//! or those of any other store.

use super::merge_listing::merge_listing;
use super::mirror::{CONCURRENCY, Mirror};
use futures::future::join_all;
use futures::{Stream, StreamExt, TryStreamExt};
use md5::{Digest, Md5};
use storage_store::checksum::{Crc64, crc64};
use storage_store::chunk_size::CHUNK;
use storage_store::objects::Objects;
use storage_store::source::Source;
use storage_store::{Error, ReadOptions, Result};

/// What a child holds under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// Nothing.
    Absent,
    /// An object that can be read to its end.
    Whole {
        /// Its bytes.
        size: u64,
        /// The MD5 of its bytes, in hex.
        md5: String,
        /// Its etag.
        etag: Option<String>,
        /// Whether they match a digest that is kept with them: an MD5 as etag, or a
        /// CRC-64/NVME.
        proven: bool,
    },
    /// An object that can't be read, with the error.
    Broken(Error),
}

/// Something wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The key.
    pub key: String,
    /// What each child holds, by its name. For a store that is no mirror, what the
    /// store itself returns.
    pub seen: Vec<(String, Seen)>,
    /// The children on record as behind for this key.
    pub behind: Vec<String>,
    /// The only child whose bytes match the digest that is kept with them, if all children
    /// have the same etag.
    pub sound: Option<String>,
}

/// Compares the size and bytes of every object over all children. Calls `hear` for each
/// key with the bytes read, and the finding if there is one.
pub async fn compare(mirror: &Mirror, mut hear: impl FnMut(u64, Option<Finding>)) -> Result<()> {
    let mut compared = merge_listing(mirror)?
        .map_ok(|(key, _)| one(mirror, key))
        .try_buffer_unordered(CONCURRENCY / 2);
    while let Some((bytes, finding)) = compared.try_next().await? {
        hear(bytes, finding);
    }
    Ok(())
}

/// Like [`compare`], for the given keys only.
pub async fn compare_keys(
    mirror: &Mirror,
    keys: impl Stream<Item = Result<String>> + Send,
    mut hear: impl FnMut(u64, Option<Finding>),
) -> Result<()> {
    let compare = |key: String| async move {
        let (bytes, finding) = one(mirror, key.clone()).await?;
        if bytes > 0 || finding.is_some() {
            return Ok::<_, Error>((bytes, finding));
        }
        // All copies are empty, or there are none.
        let seen = join_all(mirror.children.iter().map(|child| look(child, &key))).await;
        if seen.iter().any(|seen| *seen != Seen::Absent) {
            return Ok((bytes, finding));
        }
        let names = mirror.children.iter().map(|child| child.name().to_owned());
        let seen = names.zip(seen).collect();
        Ok((0, Some(Finding { key, seen, behind: Vec::new(), sound: None })))
    };
    let compared = keys.map_ok(compare).try_buffer_unordered(CONCURRENCY / 2);
    let mut compared = std::pin::pin!(compared);
    while let Some((bytes, finding)) = compared.try_next().await? {
        hear(bytes, finding);
    }
    Ok(())
}

/// Like [`read_through`], for the given keys only; a missing key is a finding.
pub async fn read_keys_through(
    objects: &Objects,
    keys: impl Stream<Item = Result<String>> + Send,
    mut hear: impl FnMut(u64, Option<Finding>),
) -> Result<()> {
    let read = keys
        .map_ok(|key| async move {
            Ok(match look(objects, &key).await {
                Seen::Whole { size, .. } => (size, None),
                seen => {
                    let seen = vec![(objects.name().to_owned(), seen)];
                    (0, Some(Finding { key, seen, behind: Vec::new(), sound: None }))
                }
            })
        })
        .try_buffer_unordered(CONCURRENCY / 2);
    let mut read = std::pin::pin!(read);
    while let Some((bytes, finding)) = read.try_next().await? {
        hear(bytes, finding);
    }
    Ok(())
}

/// Reads every object of a store to its end.
pub async fn read_through(
    objects: &Objects,
    mut hear: impl FnMut(u64, Option<Finding>),
) -> Result<()> {
    let mut read = objects
        .entries("")
        .map_ok(|entry| async move {
            let mut seen = look(objects, &entry.key).await;
            let (mut bytes, mut finding) = (0, None);
            if let (Seen::Whole { size, .. }, Some(listed)) = (&seen, entry.info.size)
                && *size != listed
            {
                // It may have been replaced since the listing.
                let again = objects.stat(&entry.key).await;
                if again.is_ok_and(|info| info.etag == entry.info.etag) {
                    let text = format!("it has {size} bytes and is listed with {listed}");
                    seen = Seen::Broken(Error::InvalidData(text));
                }
            }
            match seen {
                Seen::Whole { size, .. } => bytes = size,
                // Deleted since the listing.
                Seen::Absent => {}
                Seen::Broken(_) => {
                    let seen = vec![(objects.name().to_owned(), seen)];
                    let key = entry.key;
                    finding = Some(Finding { key, seen, behind: Vec::new(), sound: None });
                }
            }
            Ok((bytes, finding))
        })
        .try_buffer_unordered(CONCURRENCY / 2)
        .boxed();
    while let Some((bytes, finding)) = read.try_next().await? {
        hear(bytes, finding);
    }
    Ok(())
}

async fn one(mirror: &Mirror, key: String) -> Result<(u64, Option<Finding>)> {
    let seen = join_all(mirror.children.iter().map(|child| look(child, &key))).await;
    let read = |seen: &Seen| if let Seen::Whole { size, .. } = seen { *size } else { 0 };
    let bytes = seen.iter().map(read).sum();
    if equal(&seen) {
        return Ok((bytes, None));
    }
    // A write may be in progress: report only differences that last.
    let again = join_all(mirror.children.iter().map(|child| look(child, &key))).await;
    if equal(&again) || (again != seen && again.iter().all(|seen| !matches!(seen, Seen::Broken(_))))
    {
        let third = join_all(mirror.children.iter().map(|child| look(child, &key))).await;
        if equal(&third) || third != again {
            return Ok((bytes, None));
        }
    }
    let noted = mirror.journal.of(&key).await?;
    let behind =
        noted.recorded.behind().iter().map(|child| mirror.child(*child).to_owned()).collect();
    let sound = sound(&again).map(|child| mirror.child(child).to_owned());
    let names = mirror.children.iter().map(|child| child.name().to_owned());
    Ok((bytes, Some(Finding { key, seen: names.zip(again).collect(), behind, sound })))
}

fn equal(seen: &[Seen]) -> bool {
    let bytes = |seen: &Seen| match seen {
        Seen::Whole { md5, size, .. } => Some((*size, md5.clone())),
        _ => None,
    };
    let broken = seen.iter().any(|seen| matches!(seen, Seen::Broken(_)));
    let mut all = seen.iter().map(bytes);
    let first = all.next().flatten();
    !broken && all.all(|other| other == first)
}

/// The only child whose bytes match their digest, where all children agree on the etag.
fn sound(seen: &[Seen]) -> Option<usize> {
    let mut etags = seen.iter().filter_map(|seen| match seen {
        Seen::Whole { etag, .. } => etag.clone(),
        _ => None,
    });
    let etag = etags.next()?;
    let others: Vec<_> = etags.collect();
    let fits = |seen: &Seen| matches!(seen, Seen::Whole { proven: true, .. });
    let mut fitting = (0..).zip(seen).filter(|(_, seen)| fits(seen));
    let (child, _) = fitting.next()?;
    let one = fitting.next().is_none() && !others.is_empty();
    (one && others.iter().all(|other| *other == etag)).then_some(child)
}

/// Reads an object to its end.
async fn look(objects: &Objects, key: &str) -> Seen {
    let whole = async {
        let reader = objects.store().read(key, ReadOptions::default()).await?;
        let mut source = Source::new(reader, None);
        let (mut digest, mut crc) = (Md5::new(), Crc64::default());
        loop {
            let chunk = source.next(CHUNK).await?;
            if chunk.is_empty() {
                break;
            }
            digest.update(&chunk);
            crc.update(&chunk);
        }
        let md5 = hex::encode(digest.finalize());
        let info = source.info();
        let proven = info.etag.as_ref() == Some(&md5) || crc64(info) == Some(&crc.value());
        let etag = info.etag.clone();
        Ok(Seen::Whole { size: source.end().await?.length(), md5, etag, proven })
    };
    match whole.await {
        Ok(seen) => seen,
        Err(Error::NotFound) => Seen::Absent,
        Err(error) => Seen::Broken(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(md5: &str, etag: &str) -> Seen {
        let (proven, md5, etag) = (md5 == etag, md5.to_owned(), Some(etag.to_owned()));
        Seen::Whole { size: 3, md5, etag, proven }
    }

    #[test]
    fn copies_are_equal_by_their_bytes() {
        assert!(equal(&[whole("a", "x"), whole("a", "y")]));
        assert!(equal(&[Seen::Absent, Seen::Absent]));
        assert!(!equal(&[whole("a", "x"), whole("b", "x")]));
        assert!(!equal(&[whole("a", "x"), Seen::Absent]));
        let broken = || Seen::Broken(Error::InvalidData(String::new()));
        assert!(!equal(&[broken(), broken()]));
    }

    #[test]
    fn a_copy_is_sound_when_its_md5_is_the_etag_of_all() {
        assert_eq!(sound(&[whole("b", "a"), whole("a", "a")]), Some(1));
        assert_eq!(sound(&[whole("a", "a"), whole("b", "c")]), None, "two versions");
        assert_eq!(sound(&[whole("b", "x"), whole("a", "x")]), None, "no digest");
        assert_eq!(sound(&[whole("a", "a"), Seen::Absent]), None, "nothing to tell it from");
    }
}
