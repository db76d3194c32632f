//! Read-ahead: a thread reads the next piece of an object while the caller works on
//! the current one.

use super::blocking::Begun;
use bytes::Bytes;
use storage_store::chunk_size::CHUNK;
use storage_store::{Error, Result};

/// Callers ask for smaller pieces than this when many streams are open. Those
/// streams are not read ahead, so that idle ones hold no memory.
const LEAST: usize = 64 * 1024;

/// A blocking source of bytes.
pub(super) trait Pieces: Send + 'static {
    /// The number of bytes left.
    fn left(&self) -> u64;
    /// The next bytes: at least one and at most `max`, which is neither 0 nor more
    /// than are left.
    fn next(&mut self, max: usize) -> Result<Bytes>;
}

/// Reads from a [`Pieces`] ahead of its caller.
pub(super) struct Ahead<P> {
    /// `None` while a read is in flight, and after an error.
    pieces: Option<P>,
    coming: Option<Begun<(P, Bytes)>>,
    /// Bytes that were read and not yet returned.
    held: Bytes,
    /// Whether there is nothing else.
    done: bool,
}

impl<P: Pieces> Ahead<P> {
    pub(super) fn new(pieces: P) -> Self {
        Self { pieces: Some(pieces), coming: None, held: Bytes::new(), done: false }
    }

    /// Reads everything now if at most `little` bytes are left.
    pub(super) fn filled(mut pieces: P, little: u64) -> Result<Self> {
        let left = pieces.left();
        let held = if (1..=little).contains(&left) {
            pieces.next(usize::try_from(left).unwrap_or(CHUNK))?
        } else {
            Bytes::new()
        };
        Ok(Self { held, ..Self::new(pieces) })
    }

    /// Bytes that are all there.
    pub(super) fn done(held: Bytes) -> Self {
        Self { pieces: None, coming: None, held, done: true }
    }

    /// As [`Reader::next`](storage_store::Reader::next).
    pub(super) async fn next(&mut self, max: usize) -> Result<Bytes> {
        if self.held.is_empty() {
            let Some(coming) = self.coming.take().or_else(|| self.begin(max)) else {
                return match self.done || self.pieces.is_some() {
                    true => Ok(Bytes::new()),
                    false => Err(Error::Other("this read failed before".to_owned())),
                };
            };
            // Keeps the read in flight if this call is cancelled.
            let read = self.coming.insert(coming).await;
            self.coming = None;
            let (pieces, piece) = read?;
            (self.pieces, self.held) = (Some(pieces), piece);
            if max >= LEAST {
                self.coming = self.begin(max);
            }
        }
        Ok(self.held.split_to(max.min(self.held.len())))
    }

    /// Starts a read; `None` at the end.
    fn begin(&mut self, max: usize) -> Option<Begun<(P, Bytes)>> {
        let mut pieces = self.pieces.take_if(|pieces| pieces.left() > 0)?;
        let left = usize::try_from(pieces.left()).unwrap_or(usize::MAX);
        let max = max.min(CHUNK).min(left);
        Some(Begun::new(move || pieces.next(max).map(|piece| (pieces, piece))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;

    /// Bytes that count up. Reports each piece, then waits for permission to return
    /// it.
    struct Counting {
        at: u8,
        end: u8,
        asked: mpsc::Sender<usize>,
        leave: mpsc::Receiver<()>,
    }

    impl Pieces for Counting {
        fn left(&self) -> u64 {
            u64::from(self.end - self.at)
        }

        fn next(&mut self, max: usize) -> Result<Bytes> {
            self.asked.send(max).unwrap();
            if self.leave.recv().is_err() {
                return Err(Error::Unavailable("the disk is gone".to_owned()));
            }
            self.at += 1;
            Ok(Bytes::copy_from_slice(&[self.at]))
        }
    }

    fn counting(end: u8) -> (Ahead<Counting>, mpsc::Receiver<usize>, mpsc::Sender<()>) {
        let (asked, was_asked) = mpsc::channel();
        let (give_leave, leave) = mpsc::channel();
        (Ahead::new(Counting { at: 0, end, asked, leave }), was_asked, give_leave)
    }

    #[tokio::test]
    async fn the_next_piece_is_read_before_it_is_asked_for() {
        let (mut ahead, asked, leave) = counting(2);
        leave.send(()).unwrap();
        assert_eq!(ahead.next(LEAST).await.unwrap().as_ref(), [1]);
        assert_eq!((asked.recv(), asked.recv()), (Ok(2), Ok(1)));
        leave.send(()).unwrap();
        assert_eq!(ahead.next(LEAST).await.unwrap().as_ref(), [2]);
        for _ in 0..2 {
            assert!(ahead.next(LEAST).await.unwrap().is_empty());
        }
        assert!(asked.try_recv().is_err());
    }

    #[tokio::test]
    async fn where_pieces_are_small_none_is_held_for_a_caller_who_does_not_wait() {
        let (mut ahead, asked, leave) = counting(2);
        for piece in 1..=2 {
            leave.send(()).unwrap();
            assert_eq!(ahead.next(LEAST - 1).await.unwrap().as_ref(), [piece]);
            asked.recv().unwrap();
            assert!(asked.recv_timeout(Duration::from_millis(20)).is_err());
        }
    }

    #[tokio::test]
    async fn a_call_that_is_given_up_loses_no_bytes() {
        let (mut ahead, asked, leave) = counting(2);
        for piece in 1..=2 {
            let given_up = tokio::time::timeout(Duration::from_millis(5), ahead.next(1)).await;
            assert!(given_up.is_err());
            asked.recv().unwrap();
            leave.send(()).unwrap();
            assert_eq!(ahead.next(1).await.unwrap().as_ref(), [piece]);
        }
    }

    #[tokio::test]
    async fn a_read_that_failed_does_not_seem_to_end() {
        let (mut ahead, _asked, leave) = counting(2);
        leave.send(()).unwrap();
        drop(leave);
        assert_eq!(ahead.next(LEAST).await.unwrap().as_ref(), [1]);
        for problem in ["the disk is gone", "failed before", "failed before"] {
            let error = ahead.next(LEAST).await.unwrap_err();
            assert!(error.to_string().contains(problem), "{error}");
        }
    }
}
