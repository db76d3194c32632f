//! Writes of objects: a file in the side directory until it is complete.

use super::root::Root;
use super::staged_file::StagedFile;
use crate::blocking::{blocking, drop_elsewhere};
use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use std::sync::Arc;
use storage_store::chunk_size::piece;
use storage_store::{Error, ObjectInfo, PutOptions, Result, Trailer, Writer};

/// A streamed write.
pub(super) struct FileWriter {
    root: Arc<Root>,
    key: String,
    options: PutOptions,
    file: Written,
    /// Pieces are collected, since each trip to another thread costs time.
    held: Vec<Bytes>,
    /// The small pieces after those, joined.
    small: BytesMut,
    length: usize,
}

/// Pieces smaller than this are copied together, so that there are never many.
const SMALL: usize = 8 * 1024;

/// The file of a streamed write.
enum Written {
    /// The first trip to another thread will create the file.
    None,
    File(StagedFile),
    /// A write failed or is in progress.
    Broken,
}

impl Written {
    /// Appends the pieces, creating the file if necessary.
    fn append(self, root: &Arc<Root>, key: &str, pieces: &[Bytes]) -> Result<StagedFile> {
        let mut temp = match self {
            Self::None => StagedFile::new(root.clone(), key)?,
            Self::File(temp) => temp,
            Self::Broken => {
                return Err(Error::Other(format!("{}: this write failed before", root.shown(key))));
            }
        };
        for piece in pieces {
            temp.append(key, piece)?;
        }
        Ok(temp)
    }
}

impl FileWriter {
    pub(super) async fn start(root: Arc<Root>, key: String, options: PutOptions) -> Result<Self> {
        let (root, key, options) = match options.if_absent || options.if_match.is_some() {
            // This reads the current object, which blocks.
            true => {
                blocking(move || root.check(&key, &options).map(|()| (root, key, options))).await?
            }
            false => root.check(&key, &options).map(|()| (root, key, options))?,
        };
        let (held, small) = (Vec::new(), BytesMut::new());
        Ok(Self { root, key, options, file: Written::None, held, small, length: 0 })
    }

    /// A write that has all its bytes.
    pub(super) fn of(root: Arc<Root>, key: String, options: PutOptions, temp: StagedFile) -> Self {
        let (held, small) = (Vec::new(), BytesMut::new());
        Self { root, key, options, file: Written::File(temp), held, small, length: 0 }
    }

    fn take(&mut self) -> Vec<Bytes> {
        self.length = 0;
        self.keep_small();
        std::mem::take(&mut self.held)
    }

    fn keep_small(&mut self) {
        if !self.small.is_empty() {
            self.held.push(self.small.split().freeze());
        }
    }
}

#[async_trait]
impl Writer for FileWriter {
    async fn push(&mut self, chunk: Bytes) -> Result<()> {
        self.length += chunk.len();
        if chunk.len() < SMALL {
            self.small.extend_from_slice(&chunk);
        } else {
            self.keep_small();
            self.held.push(chunk);
        }
        if self.length < piece() {
            return Ok(());
        }
        let pieces = self.take();
        let file = std::mem::replace(&mut self.file, Written::Broken);
        let (root, key) = (self.root.clone(), self.key.clone());
        let temp = blocking(move || file.append(&root, &key, &pieces)).await?;
        self.file = Written::File(temp);
        Ok(())
    }

    async fn finish(mut self: Box<Self>, trailer: Trailer) -> Result<ObjectInfo> {
        let file = std::mem::replace(&mut self.file, Written::Broken);
        let rest = self.take();
        let mut options = std::mem::take(&mut self.options);
        options.absorb(trailer);
        let (root, key) = (self.root.clone(), self.key.clone());
        blocking(move || {
            let temp = file.append(&root, &key, &rest)?;
            root.publish(&key, temp, &options)
        })
        .await
    }
}

impl Drop for FileWriter {
    fn drop(&mut self) {
        if let Written::File(temp) = std::mem::replace(&mut self.file, Written::Broken) {
            drop_elsewhere(temp);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::root::OddKeys;
    use super::super::sidecar::{Sidecar, SidecarPlace};
    use super::*;
    use rustix::fd::AsFd;
    use rustix::fs::{Mode, OFlags};

    #[test]
    fn files_are_published_with_and_without_a_name_of_their_own() {
        for unnamed in [true, false] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("root");
            std::fs::create_dir(&path).unwrap();
            let dir = rustix::fs::open(&path, OFlags::DIRECTORY, Mode::empty()).unwrap();
            let place = SidecarPlace::of(&path, dir.as_fd()).unwrap();
            let mut sidecar = Sidecar::open(place.path(), dir.as_fd()).unwrap();
            if !unnamed {
                sidecar = sidecar.without_unnamed();
            }
            let root = Arc::new(
                Root::new(dir, "root".to_owned(), place, Ok(sidecar), true, OddKeys::Keep).unwrap(),
            );
            let put = |text: &str, if_absent: bool| {
                let mut temp = StagedFile::new(root.clone(), "a/b").unwrap();
                temp.append("a/b", text.as_bytes()).unwrap();
                let options = PutOptions { if_absent, ..PutOptions::default() };
                let done = root.publish("a/b", temp, &options);
                (done.map(drop), std::fs::read_to_string(path.join("a/b")).unwrap())
            };
            assert_eq!(put("first", true), (Ok(()), "first".to_owned()));
            assert_eq!(put("second", true), (Err(Error::AlreadyExists), "first".to_owned()));
            assert_eq!(put("third", false), (Ok(()), "third".to_owned()));
            drop(StagedFile::new(root.clone(), "a/c").unwrap());
            let own = root.sidecar().unwrap().own();
            let left = rustix::fs::Dir::read_from(own).unwrap().count();
            assert_eq!(left, 2, "only . and .. are left");
        }
    }
}
