//! Idle and minimum-rate timeouts for slow clients.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use storage_store::chunk_size::piece;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// The bytes per second that earn a client further waiting. Slower clients are
/// cut off once they have used up [`Patience::idle`]. A modem manages four
/// times as much.
const RATE: u64 = 1_024;

/// Measures only the time spent waiting for a client.
#[derive(Debug)]
pub struct Patience {
    /// The longest gap without any bytes.
    idle: Duration,
    waited: Duration,
    moved: u64,
    since: Option<Instant>,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    pub fn new(idle: Duration) -> Self {
        Self { idle, waited: Duration::ZERO, moved: 0, since: None, alarm: None }
    }

    /// Records that bytes moved, which ends the current wait.
    pub fn moved(&mut self, bytes: usize) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
        self.moved = self.moved.saturating_add(bytes as u64);
    }

    /// Waits for the client; ready once the client has used up its time.
    pub fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.since.is_none() {
            let now = Instant::now();
            self.since = Some(now);
            let earned = self.idle + Duration::from_secs(self.moved / RATE);
            let until = now + self.idle.min(earned.saturating_sub(self.waited));
            match &mut self.alarm {
                Some(alarm) => alarm.as_mut().reset(until),
                None => self.alarm = Some(Box::pin(tokio::time::sleep_until(until))),
            }
        }
        match &mut self.alarm {
            Some(alarm) => alarm.as_mut().poll(cx),
            None => Poll::Pending,
        }
    }
}

/// A connection that fails when its peer does not accept what is sent, since
/// unsent bytes occupy memory.
pub struct Patient<S> {
    stream: S,
    patience: Patience,
}

impl<S> Patient<S> {
    pub fn new(stream: S, idle: Duration) -> Self {
        Self { stream, patience: Patience::new(idle) }
    }

    fn sent(
        &mut self,
        cx: &mut Context<'_>,
        done: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match done {
            Poll::Ready(Ok(count)) => {
                self.patience.moved(count);
                Poll::Ready(Ok(count))
            }
            Poll::Ready(error) => Poll::Ready(error),
            Poll::Pending => {
                ready!(self.patience.poll_end(cx));
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // The HTTP reader doubles its buffer after each full read.
        let most = piece() / 2;
        if buf.remaining() <= most {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let mut part = ReadBuf::new(buf.initialize_unfilled_to(most));
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut part))?;
        let read = part.filled().len();
        buf.advance(read);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write(cx, data);
        self.sent(cx, done)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let done = Pin::new(&mut self.stream).poll_write_vectored(cx, data);
        self.sent(cx, done)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn end(patience: &mut Patience) {
        std::future::poll_fn(|cx| patience.poll_end(cx)).await;
    }

    #[tokio::test]
    async fn silence_ends_however_much_was_sent_before() {
        let mut patience = Patience::new(Duration::from_millis(50));
        patience.moved(1 << 30);
        end(&mut patience).await;
    }

    #[tokio::test]
    async fn trickling_ends_though_no_gap_is_long() {
        let mut patience = Patience::new(Duration::from_millis(200));
        for _ in 0..100 {
            tokio::select! {
                biased;
                () = end(&mut patience) => return,
                () = tokio::time::sleep(Duration::from_millis(50)) => {}
            }
            patience.moved(1);
        }
        panic!("a client that trickles was waited for");
    }
}
