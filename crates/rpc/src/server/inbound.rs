//! What a WebSocket's peer sends, each message within its time.

use super::{outbox::Farewell, stream::Traffic};
use futures_util::{Stream, StreamExt};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, timeout_at};
use tokio_tungstenite::tungstenite::{Error, Message, protocol::frame::coding::CloseCode};

/// Bytes of a control frame around its payload, as a client sends it (RFC 6455, section 5.2).
const CONTROL_HEADER_BYTES: u64 = 6;

/// How long a peer may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct InboundLimits {
    /// Between two frames that are complete.
    pub(super) silence: Duration,
    /// For a whole message, to the accuracy of once more as long.
    pub(super) message: Duration,
}

/// The reading end.
pub(super) struct Inbound<S> {
    stream: S,
    traffic: Arc<Traffic>,
    limits: InboundLimits,
    /// Bytes read that belong to complete messages.
    complete: u64,
    /// When it was last looked whether a message is incomplete, or when one was complete.
    looked: Instant,
    /// Whether one was, then.
    is_begun: bool,
}

impl<S> Inbound<S>
where
    S: Stream<Item = Result<Message, Error>> + Unpin,
{
    pub(super) fn new(stream: S, traffic: Arc<Traffic>, limits: InboundLimits) -> Self {
        let complete = traffic.read_bytes();
        Self { stream, traffic, limits, complete, looked: Instant::now(), is_begun: false }
    }

    /// The next message, `None` at the end of the stream.
    ///
    /// # Errors
    /// A farewell for a peer that is silent or that trickles a message.
    pub(super) async fn next(&mut self) -> Result<Option<Result<Message, Error>>, Farewell> {
        let silent_at = Instant::now() + self.limits.silence;
        loop {
            // Kept over control frames, which do not make a message complete.
            let look_at = self.looked + self.limits.message;
            if let Ok(next) = timeout_at(silent_at.min(look_at), self.stream.next()).await {
                self.account(next.as_ref());
                return Ok(next);
            }
            let now = Instant::now();
            if now >= silent_at {
                return Err(Farewell::new(CloseCode::Away, "no answer to pings"));
            }
            if self.is_begun {
                return Err(Farewell::new(CloseCode::Policy, "message took too long"));
            }
            self.is_begun = self.traffic.read_bytes() > self.complete;
            self.looked = now;
        }
    }

    /// A control frame may come between the fragments of a message, which goes on being incomplete.
    fn account(&mut self, next: Option<&Result<Message, Error>>) {
        match next {
            Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => {
                self.complete += payload.len() as u64 + CONTROL_HEADER_BYTES;
            }
            _ => {
                self.complete = self.traffic.read_bytes();
                self.looked = Instant::now();
                self.is_begun = false;
            }
        }
    }
}
