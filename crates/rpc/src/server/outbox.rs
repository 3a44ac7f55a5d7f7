//! What waits to be written to a WebSocket.

use crate::{
    budget::{Budget, Share},
    dispatch::busy,
};
use futures_util::{Sink, SinkExt};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch},
    time::Interval,
};
use tokio_tungstenite::tungstenite::{
    Bytes, Error, Message, Utf8Bytes,
    protocol::{CloseFrame, frame::coding::CloseCode},
};

/// Time a peer has to take the notice and the close frame.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// Bytes that may wait to be written to one WebSocket.
const QUEUED_BYTES_MAX: u32 = 64 * 1024 * 1024;

/// Why a session ends, as the peer is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Farewell {
    /// A last message before the close frame.
    pub(super) notice: Option<String>,
    /// The close code (RFC 6455, section 7.4).
    pub(super) code: CloseCode,
    /// The close reason, at most 123 bytes.
    pub(super) reason: &'static str,
}

impl Farewell {
    pub(super) const fn new(code: CloseCode, reason: &'static str) -> Self {
        Self { notice: None, code, reason }
    }
}

/// A message and its share of the byte budget, given back once it is written.
#[derive(Debug)]
struct Queued {
    text: Utf8Bytes,
    share: OwnedSemaphorePermit,
    held: Share,
}

/// Sends to the writer. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Outbox {
    queue: mpsc::Sender<Queued>,
    /// Bytes that may wait, whatever the number of messages.
    budget: Arc<Semaphore>,
    /// What all clients hold.
    memory: Budget,
    farewell: watch::Sender<Option<Farewell>>,
}

/// The writer's end.
#[derive(Debug)]
pub(super) struct Writer {
    queue: mpsc::Receiver<Queued>,
    farewell: watch::Receiver<Option<Farewell>>,
    ping_interval: Duration,
}

pub(super) fn outbox(capacity: usize, ping_interval: Duration, memory: Budget) -> (Outbox, Writer) {
    let (queue, queued) = mpsc::channel(capacity.max(1));
    let (farewell, said) = watch::channel(None);
    let budget = Arc::new(Semaphore::new(QUEUED_BYTES_MAX as usize));
    let writer = Writer { queue: queued, farewell: said, ping_interval };
    (Outbox { queue, budget, memory, farewell }, writer)
}

/// What a message takes of the budget; one larger than all of it takes all.
fn share_of(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX).min(QUEUED_BYTES_MAX)
}

impl Outbox {
    /// Queues an answer, waiting for room: a peer that does not read is not read from. If all clients together hold too
    /// much, the session ends.
    pub(super) async fn answer(&self, text: String) {
        let budget = Arc::clone(&self.budget);
        let Ok(share) = budget.acquire_many_owned(share_of(&text)).await else { return };
        let Some(held) = self.memory.take(text.len()) else {
            return self.close(Farewell {
                notice: Some(busy("answers")),
                code: CloseCode::Again,
                reason: "server busy",
            });
        };
        // The writer is gone when the session is; nobody wants the answer.
        let _ = self.queue.send(Queued { text: text.into(), share, held }).await;
    }

    /// Queues a notification; false if there is no room.
    pub(super) fn notify(&self, text: String) -> bool {
        let budget = Arc::clone(&self.budget);
        let Ok(share) = budget.try_acquire_many_owned(share_of(&text)) else { return false };
        let Some(held) = self.memory.take(text.len()) else { return false };
        let queued = self.queue.try_send(Queued { text: text.into(), share, held });
        !matches!(queued, Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Ends the session. The first reason stands.
    pub(super) fn close(&self, farewell: Farewell) {
        self.farewell.send_if_modified(|said| {
            let is_first = said.is_none();
            if is_first {
                *said = Some(farewell);
            }
            is_first
        });
    }

    /// Resolves once somebody ended the session, or the writer did.
    pub(super) async fn closed(&self) {
        let mut said = self.farewell.subscribe();
        tokio::select! {
            _ = said.wait_for(Option::is_some) => {}
            () = self.queue.closed() => {}
        }
    }
}

impl Writer {
    /// Writes until the session ends or the peer stops taking messages.
    pub(super) async fn run<S>(mut self, mut sink: S)
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let mut ping = tokio::time::interval(self.ping_interval);
        ping.reset();
        while let Some(next) = self.next(&mut ping).await {
            // The socket fails by itself if the peer does not take what is written.
            if self.write(&mut sink, next).await.is_err() {
                return;
            }
        }
        let farewell = self.farewell.borrow().clone();
        close(sink, farewell).await;
    }

    /// What to write next; `None` once the session ends.
    async fn next(&mut self, ping: &mut Interval) -> Option<Next> {
        tokio::select! {
            biased;
            _ = self.farewell.wait_for(Option::is_some) => None,
            _ = ping.tick() => Some(Next::Ping),
            queued = self.queue.recv() => queued.map(Next::Queued),
        }
    }

    /// Writes one message and everything queued behind it with one flush.
    async fn write<S>(&mut self, sink: &mut S, next: Next) -> Result<(), Error>
    where
        S: Sink<Message, Error = Error> + Unpin,
    {
        let mut shares = Vec::new();
        match next {
            Next::Ping => sink.feed(Message::Ping(Bytes::new())).await?,
            Next::Queued(Queued { text, share, held }) => {
                shares.push((share, held));
                sink.feed(Message::Text(text)).await?;
            }
        }
        while let Ok(Queued { text, share, held }) = self.queue.try_recv() {
            shares.push((share, held));
            sink.feed(Message::Text(text)).await?;
        }
        sink.flush().await
    }
}

/// A step of the writer.
enum Next {
    Ping,
    Queued(Queued),
}

async fn close<S>(mut sink: S, farewell: Option<Farewell>)
where
    S: Sink<Message, Error = Error> + Unpin,
{
    let last_words = async {
        let mut frame = None;
        if let Some(Farewell { notice, code, reason }) = farewell {
            if let Some(notice) = notice {
                sink.feed(Message::Text(notice.into())).await?;
            }
            frame = Some(CloseFrame { code, reason: Utf8Bytes::from_static(reason) });
        }
        sink.send(Message::Close(frame)).await
    };
    // A peer that is gone cannot be told.
    let _ = tokio::time::timeout(CLOSE_TIMEOUT, last_words).await;
}
