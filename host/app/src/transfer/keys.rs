//! Reads lists of keys, which replace a listing.

use super::control::Control;
use super::endpoint::Endpoint;
use super::report::{CopyError, Event, Failure};
use futures::{Stream, StreamExt};
use std::io;
use storage_contract::skipped::printable;
use storage_store::{Error, check_key};
use tokio::io::{AsyncBufRead, AsyncBufReadExt};

/// The most bytes of one key; more means that the input is not a list of keys.
const MAX_BYTES: usize = 64 * 1024;

/// A stream of raw keys.
pub trait KeyList: Stream<Item = io::Result<Vec<u8>>> + Send {}

impl<S: Stream<Item = io::Result<Vec<u8>>> + Send> KeyList for S {}

/// Reads keys terminated by newlines or, with `null`, by NULs. The last terminator may
/// be missing. Skips empty keys.
pub fn read_keys(from: impl AsyncBufRead + Send + Unpin, null: bool) -> impl KeyList {
    let end = if null { b'\0' } else { b'\n' };
    futures::stream::try_unfold(from, move |mut from| async move {
        loop {
            let Some(key) = next(&mut from, end).await? else { return Ok(None) };
            if !key.is_empty() {
                return Ok(Some((key, from)));
            }
        }
    })
}

async fn next(from: &mut (impl AsyncBufRead + Unpin), end: u8) -> io::Result<Option<Vec<u8>>> {
    let mut key = Vec::new();
    loop {
        let chunk = from.fill_buf().await?;
        if chunk.is_empty() {
            return Ok((!key.is_empty()).then_some(key));
        }
        let at = chunk.iter().position(|byte| *byte == end);
        let part = chunk.get(..at.unwrap_or(chunk.len())).unwrap_or_default();
        key.extend_from_slice(part);
        let taken = part.len() + usize::from(at.is_some());
        from.consume(taken);
        if key.len() > MAX_BYTES {
            let text = format!("{MAX_BYTES} bytes without an end are not a list of keys");
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        if at.is_some() {
            return Ok(Some(key));
        }
    }
}

/// The keys of a list that the filter includes, relative to the side's prefix, and a
/// failure for each invalid key.
pub(super) fn named(
    side: &Endpoint,
    keys: impl KeyList,
    control: &Control,
) -> impl Stream<Item = Result<Result<String, Failure>, CopyError>> {
    let (side, control) = (side.clone(), control.clone());
    keys.filter_map(move |key| {
        let key = match key {
            Err(error) => {
                Some(Err(side.fault("read the list of keys of", Error::Other(error.to_string()))))
            }
            Ok(bytes) => match parse(&side, &bytes) {
                Ok(rest) if !control.filter.keeps(&rest) => None,
                named => {
                    (control.watch)(Event::Found(None));
                    Some(Ok(named))
                }
            },
        };
        std::future::ready(key)
    })
}

fn parse(side: &Endpoint, bytes: &[u8]) -> Result<String, Failure> {
    let refused =
        |text: &str| side.failure("read", &printable(bytes), Error::InvalidKey(text.to_owned()));
    let Ok(rest) = std::str::from_utf8(bytes) else {
        return Err(refused("this line of the list is not UTF-8"));
    };
    if rest.contains('\0') {
        return Err(refused("this line of the list holds NUL; is the list one that -0 reads?"));
    }
    match check_key(&side.key(rest)) {
        Ok(()) => Ok(rest.to_owned()),
        Err(cause) => Err(side.failure("read", &side.key(rest), cause)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::TryStreamExt;

    async fn read(text: &[u8], null: bool) -> io::Result<Vec<Vec<u8>>> {
        // Read it in chunks of every small size.
        let whole: Vec<_> = read_keys(text, null).try_collect().await?;
        for size in 1..4 {
            let parts = tokio::io::BufReader::with_capacity(size, text);
            assert_eq!(read_keys(parts, null).try_collect::<Vec<_>>().await?, whole);
        }
        Ok(whole)
    }

    #[tokio::test]
    async fn keys_end_with_a_newline_or_with_nul_and_empty_ones_are_none() {
        assert_eq!(
            read(b"a\n\nb c\r\n\xff", false).await.unwrap(),
            [b"a".to_vec(), b"b c\r".to_vec(), b"\xff".to_vec()]
        );
        assert_eq!(read(b"a\nb\0\0c\0", true).await.unwrap(), [b"a\nb".to_vec(), b"c".to_vec()]);
        assert!(read(b"", false).await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_list_without_ends_is_refused_instead_of_kept() {
        let endless = tokio::io::BufReader::new(tokio::io::repeat(b'x'));
        let error = std::pin::pin!(read_keys(endless, false)).try_next().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
