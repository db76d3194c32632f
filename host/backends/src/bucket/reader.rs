//! Reads one version of an object from start to end and checks its digest, over as
//! many connections as necessary.

use super::checksum::Check;
use super::object_metadata::{self, Found};
use super::retry::{RequestTime, pause};
use super::shared::Shared;
use async_trait::async_trait;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes;
use std::sync::Arc;
use storage_store::digest::{AsyncHasher, HashLost};
use storage_store::{ByteRange, Error, ObjectInfo, ReadOptions, Reader, Result};
use tokio::time::{Instant, sleep, timeout};

/// The largest number that every server accepts in a range.
const FAR: u64 = i64::MAX as u64;

pub(super) struct BucketReader {
    shared: Arc<Shared>,
    key: String,
    info: ObjectInfo,
    /// The server's etag, which identifies the version.
    etag: String,
    /// `None` while there is no connection.
    body: Option<ByteStream>,
    held: Bytes,
    position: u64,
    end: u64,
    check: Option<AsyncHasher<Check>>,
    failed: Option<Error>,
}

impl BucketReader {
    pub(super) async fn open(
        shared: Arc<Shared>,
        key: String,
        options: &ReadOptions,
    ) -> Result<Self> {
        let range = options.range.filter(|range| *range != ByteRange::default());
        if range.is_some_and(|range| range.length == Some(0)) {
            shared.head(&key).await?;
            return Err(Error::InvalidRange);
        }
        let answer = get(&shared, &key, range.map(header), None, options).await?;
        let length = answer.content_length().and_then(|n| u64::try_from(n).ok());
        let part = answer.content_range().and_then(content_range);
        let size = part.map_or(length, |(_, _, size)| Some(size));
        let found = object_metadata::get(&answer, size, shared.checks);
        options.check(&found.info)?;
        let Some(size) = size else {
            return Err(Error::Other(format!(
                "{}: the server does not say how long the object is",
                shared.at(&key)
            )));
        };
        let (start, end) = range.map_or(Ok((0, size)), |range| range.resolve(size))?;
        let (position, sent) = part.map_or((0, size), |(first, last, _)| (first, last + 1));
        if position > start || sent < end {
            return Err(Error::Other(format!(
                "{}: the server sent bytes {position} to {sent} instead of {start} to {end}",
                shared.at(&key)
            )));
        }
        let Found { info, etag, digest, .. } = found;
        let whole = (start, end) == (0, size);
        let check = Check::new(digest).filter(|_| whole).map(AsyncHasher::new);
        let body = Some(answer.body);
        let held = Bytes::new();
        let failed = None;
        let mut reader = Self { shared, key, info, etag, body, held, position, end, check, failed };
        // A server without ranges sends the whole object.
        while reader.position < start {
            let skip = usize::try_from(start - reader.position).unwrap_or(usize::MAX);
            reader.advance(skip).await?;
        }
        Ok(reader)
    }

    /// Reads the rest at once; `LimitExceeded` if it has more than `most` bytes.
    pub(super) async fn all(mut self, most: u64) -> Result<(ObjectInfo, Bytes)> {
        let left = self.end - self.position;
        if left > most {
            return Err(Error::LimitExceeded(format!(
                "more than {most} bytes at once; stream the object with read"
            )));
        }
        let mut data = Vec::with_capacity(usize::try_from(left).unwrap_or(0));
        loop {
            let chunk = self.next(usize::MAX).await?;
            if chunk.is_empty() {
                return Ok((self.info, data.into()));
            }
            data.extend_from_slice(&chunk);
        }
    }

    async fn advance(&mut self, max: usize) -> Result<Bytes> {
        if self.held.is_empty() {
            let left = self.end - self.position;
            if left == 0 {
                return self.finish().await;
            }
            self.held = self.receive().await?;
            // Never return more than was requested, whatever the server sends.
            let left = usize::try_from(left).unwrap_or(usize::MAX);
            self.held.truncate(left);
        }
        let chunk = self.held.split_to(max.min(self.held.len()));
        self.position += chunk.len() as u64;
        if let Some(check) = &mut self.check {
            check.add(chunk.clone()).await.map_err(|lost| self.lost(&lost))?;
        }
        Ok(chunk)
    }

    /// After the last byte.
    async fn finish(&mut self) -> Result<Bytes> {
        self.body = None;
        let Some(check) = self.check.take() else { return Ok(Bytes::new()) };
        match check.finish().await.map_err(|lost| self.lost(&lost))?.holds() {
            true => Ok(Bytes::new()),
            false => Err(self.damaged()),
        }
    }

    fn lost(&self, lost: &HashLost) -> Error {
        Error::Other(format!("{}: {lost}", self.shared.at(&self.key)))
    }

    fn damaged(&self) -> Error {
        Error::Unavailable(format!(
            "{}: the bytes that came don't have the checksum that the object has; read it again \
             (should that of the server be wrong: checksums: never)",
            self.shared.at(&self.key)
        ))
    }

    /// The next bytes of the body. Reconnects if the connection breaks.
    async fn receive(&mut self) -> Result<Bytes> {
        let shared = self.shared.clone();
        let calls = &shared.calls;
        let until = Instant::now() + calls.deadline();
        let mut attempts = 0;
        loop {
            let problem = match &mut self.body {
                None => String::new(),
                Some(body) => match timeout(calls.timeout(), body.next()).await {
                    Ok(Some(Ok(bytes))) if bytes.is_empty() => continue,
                    Ok(Some(Ok(bytes))) => return Ok(bytes),
                    Ok(Some(Err(error))) => error.to_string(),
                    Ok(None) => "it ended early".to_owned(),
                    Err(_) => format!("no bytes for {} s", calls.timeout().as_secs_f32()),
                },
            };
            if self.body.take().is_some() {
                attempts += 1;
                let pause = pause(attempts);
                if Instant::now() + pause > until {
                    return Err(Error::Unavailable(format!(
                        "{}: the connection broke at byte {} of {}: {problem} ({attempts} attempts)",
                        self.shared.at(&self.key),
                        self.position,
                        self.end
                    )));
                }
                tracing::debug!(key = self.key, self.position, problem, "reading on");
                sleep(pause).await;
            }
            self.resume().await?;
        }
    }

    /// Continues where the last connection broke.
    async fn resume(&mut self) -> Result<()> {
        let range = format!("bytes={}-{}", self.position, self.end - 1);
        let options = ReadOptions::default();
        let answer = get(&self.shared, &self.key, Some(range), Some(&self.etag), &options).await;
        let answer = match answer {
            Ok(answer)
                if object_metadata::unquoted(answer.e_tag().unwrap_or_default()) == self.etag =>
            {
                answer
            }
            Ok(_) | Err(Error::NotFound | Error::PreconditionFailed | Error::InvalidRange) => {
                return Err(Error::Unavailable(format!(
                    "{}: it was replaced or deleted while it was read; read it again",
                    self.shared.at(&self.key)
                )));
            }
            Err(error) => return Err(error),
        };
        match answer.content_range().and_then(content_range) {
            Some((first, _, _)) if first == self.position => {
                self.body = Some(answer.body);
                Ok(())
            }
            _ => Err(Error::Unavailable(format!(
                "{}: the connection broke, and the server can't send the rest alone",
                self.shared.at(&self.key)
            ))),
        }
    }
}

async fn get(
    shared: &Shared,
    key: &str,
    range: Option<String>,
    version: Option<&str>,
    options: &ReadOptions,
) -> Result<GetObjectOutput> {
    // A custom etag is unknown to the server, so those conditions are checked after
    // the answer. This one saves sending an object that did not change.
    let unchanged = options.if_none_match.as_deref().filter(|etag| !etag.contains('-'));
    let with_checksum = shared.checks.read && range.is_none();
    let answer = shared.calls.send(RequestTime::Normal, || {
        let request = shared
            .client
            .get_object()
            .bucket(&shared.bucket)
            .key(key)
            .set_range(range.clone())
            .set_if_match(version.map(object_metadata::quoted))
            .set_if_none_match(unchanged.map(object_metadata::quoted));
        // Asked for by the SDK's own means, it would check the bytes, too, but not over
        // several connections.
        let request = request.customize().mutate_request(move |request| {
            if with_checksum {
                request.headers_mut().insert("x-amz-checksum-mode", "ENABLED");
            }
        });
        request.send()
    });
    answer.await.map_err(|f| f.error(&shared.at(key)))
}

fn header(range: ByteRange) -> String {
    match (range.offset, range.length) {
        (None, length) => format!("bytes=-{}", length.unwrap_or(FAR).min(FAR)),
        (Some(start), None) => format!("bytes={}-", start.min(FAR)),
        (Some(start), Some(length)) => {
            let last = start.saturating_add(length - 1).min(FAR);
            format!("bytes={}-{last}", start.min(FAR))
        }
    }
}

/// First and last byte, and the total size, from `bytes 0-9/20`.
fn content_range(text: &str) -> Option<(u64, u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    Some((first.parse().ok()?, last.parse().ok()?, size.parse().ok()?))
}

#[async_trait]
impl Reader for BucketReader {
    fn info(&self) -> &ObjectInfo {
        &self.info
    }

    async fn next(&mut self, max: usize) -> Result<Bytes> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        let outcome = self.advance(max).await;
        // A reader that failed must not seem to be at its end.
        outcome.inspect_err(|error| self.failed = Some(error.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_written_as_servers_read_them() {
        for (range, text) in [
            (ByteRange::span(5, 10), "bytes=5-14"),
            (ByteRange::from(5), "bytes=5-"),
            (ByteRange::last(5), "bytes=-5"),
            (ByteRange::span(5, u64::MAX), "bytes=5-9223372036854775807"),
            (ByteRange::last(u64::MAX), "bytes=-9223372036854775807"),
        ] {
            assert_eq!(header(range), text);
        }
        assert_eq!(content_range("bytes 0-9/20"), Some((0, 9, 20)));
        assert_eq!(content_range("bytes 0-9/*"), None);
    }
}
