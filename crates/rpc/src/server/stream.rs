//! A socket with deadlines: a peer that trickles a byte at a time, either way, is dropped alone.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::{Instant, Sleep, sleep},
};

/// Bytes a peer has to take in each write time-out while something waits to be written.
const WRITE_BYTES_MIN: u64 = 64 * 1024;

/// What is known about a connection outside its socket.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Bytes read so far.
    read_bytes: AtomicU64,
    /// Request heads that arrived so far.
    heads: AtomicU64,
    /// Whether a request is being answered; its body may take longer than a head.
    is_answering: AtomicBool,
}

impl Traffic {
    /// Bytes read from the peer so far.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read_bytes.load(Ordering::Relaxed)
    }

    /// A request's head is complete.
    pub(super) fn head_arrived(&self) {
        self.heads.fetch_add(1, Ordering::Relaxed);
        self.is_answering.store(true, Ordering::Relaxed);
    }

    /// The request is answered: the next head may come.
    pub(super) fn answered(&self) {
        self.is_answering.store(false, Ordering::Relaxed);
    }
}

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct StreamLimits {
    /// For a request's head, from its first byte.
    pub(super) head: Duration,
    /// For [`WRITE_BYTES_MIN`] of what waits to be written.
    pub(super) write: Duration,
}

/// What waits to be written, since when.
#[derive(Debug)]
struct Stall {
    window: Pin<Box<Sleep>>,
    taken: u64,
}

/// A stream that fails with `TimedOut` once the peer breaks a deadline.
#[derive(Debug)]
pub(super) struct GuardedStream<S> {
    stream: S,
    traffic: Arc<Traffic>,
    limits: StreamLimits,
    /// Runs from the first byte of a head; the number says of which.
    head: Option<(u64, Pin<Box<Sleep>>)>,
    stall: Option<Stall>,
}

impl<S> GuardedStream<S> {
    pub(super) fn new(stream: S, traffic: Arc<Traffic>, limits: StreamLimits) -> Self {
        Self { stream, traffic, limits, head: None, stall: None }
    }

    /// Whether the head that is being read took too long.
    fn is_head_late(&mut self, cx: &mut Context<'_>, count: u64) -> bool {
        let awaited = self.traffic.heads.load(Ordering::Relaxed);
        if self.traffic.is_answering.load(Ordering::Relaxed)
            || self.head.as_ref().is_some_and(|(number, _)| *number != awaited)
        {
            self.head = None;
        }
        if self.traffic.is_answering.load(Ordering::Relaxed) {
            return false;
        }
        if count > 0 && self.head.is_none() {
            self.head = Some((awaited, Box::pin(sleep(self.limits.head))));
        }
        self.head.as_mut().is_some_and(|(_, deadline)| deadline.as_mut().poll(cx).is_ready())
    }

    /// Whether the peer took too little of what waits.
    fn is_stalled(&mut self, cx: &mut Context<'_>) -> bool {
        let limit = self.limits.write;
        let stall =
            self.stall.get_or_insert_with(|| Stall { window: Box::pin(sleep(limit)), taken: 0 });
        if stall.window.as_mut().poll(cx).is_pending() {
            return false;
        }
        if stall.taken < WRITE_BYTES_MIN {
            return true;
        }
        stall.taken = 0;
        stall.window.as_mut().reset(Instant::now() + limit);
        // Polled again, so that the task wakes when this window ends.
        stall.window.as_mut().poll(cx).is_ready()
    }

    fn written(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        match &polled {
            Poll::Ready(Ok(count)) => {
                if let Some(stall) = &mut self.stall {
                    stall.taken += *count as u64;
                }
            }
            Poll::Ready(Err(_)) => {}
            Poll::Pending if self.is_stalled(cx) => {
                return Poll::Ready(Err(late("the peer does not take what is written")));
            }
            Poll::Pending => {}
        }
        polled
    }
}

fn late(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, what)
}

impl<S: AsyncRead + Unpin> AsyncRead for GuardedStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.stream).poll_read(cx, buffer);
        let count = (buffer.filled().len() - before) as u64;
        self.traffic.read_bytes.fetch_add(count, Ordering::Relaxed);
        if self.is_head_late(cx, count) && polled.is_pending() {
            return Poll::Ready(Err(late("the head of a request took too long")));
        }
        polled
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for GuardedStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.written(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.written(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Whoever writes flushes once nothing waits any more.
        self.stall = None;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
        time::{interval, timeout},
    };

    const LIMITS: StreamLimits =
        StreamLimits { head: Duration::from_millis(200), write: Duration::from_secs(2) };

    #[tokio::test]
    async fn a_head_has_a_deadline_from_its_first_byte() {
        let (mut peer, stream) = duplex(64);
        let traffic = Arc::new(Traffic::default());
        let mut stream = GuardedStream::new(stream, Arc::clone(&traffic), LIMITS);
        let mut byte = [0];
        let idle = timeout(LIMITS.head * 2, stream.read(&mut byte)).await;
        assert!(idle.is_err(), "idle, not late");
        let start = Instant::now();
        let trickling = async {
            let mut pace = interval(LIMITS.head / 20);
            loop {
                pace.tick().await;
                peer.write_all(b"x").await.unwrap();
            }
        };
        let reading = async {
            let mut read = stream.read(&mut byte).await;
            while read.is_ok() {
                read = stream.read(&mut byte).await;
            }
            read.unwrap_err()
        };
        let error = tokio::select! { error = reading => error, () = trickling => panic!() };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(start.elapsed() >= LIMITS.head);
        assert!(traffic.read_bytes() > 0);
    }

    #[tokio::test]
    async fn a_body_and_the_next_head_have_their_own_time() {
        let (mut peer, stream) = duplex(64);
        let traffic = Arc::new(Traffic::default());
        let mut stream = GuardedStream::new(stream, Arc::clone(&traffic), LIMITS);
        let mut byte = [0];
        for _ in 0..2 {
            peer.write_all(b"h").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
            traffic.head_arrived();
            let late_body = timeout(LIMITS.head * 2, stream.read(&mut byte)).await;
            assert!(late_body.is_err(), "not the head's time");
            peer.write_all(b"b").await.unwrap();
            stream.read_exact(&mut byte).await.unwrap();
            traffic.answered();
            let idle = timeout(LIMITS.head * 2, stream.read(&mut byte)).await;
            assert!(idle.is_err(), "idle, not late");
        }
    }

    async fn read_slowly(mut peer: DuplexStream, bytes: usize) {
        let mut pace = interval(Duration::from_millis(10));
        let mut buffer = vec![0; bytes];
        while peer.read_exact(&mut buffer).await.is_ok() {
            pace.tick().await;
        }
    }

    #[tokio::test]
    async fn a_peer_that_reads_a_byte_at_a_time_is_dropped_and_a_slow_one_is_not() {
        for (bytes, is_dropped) in [(1_usize, true), (16 * 1024, false)] {
            let (peer, stream) = duplex(16 * 1024);
            let mut stream = GuardedStream::new(stream, Arc::default(), LIMITS);
            let reading = tokio::spawn(read_slowly(peer, bytes));
            let written = async {
                stream.write_all(&vec![0; 1024 * 1024]).await?;
                stream.flush().await
            };
            assert_eq!(written.await.is_err(), is_dropped, "{bytes}");
            reading.abort();
        }
    }
}
