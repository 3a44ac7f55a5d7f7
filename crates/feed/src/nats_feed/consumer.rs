//! The consuming end.

use super::{NatsFeedAssembler, NatsFeedError, NatsFeedHead, NatsFeedOptions, nats_feed_subject};
use crate::{FeedEvent, Position, nats::settle};
use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;
use std::collections::VecDeque;

/// Connects once; later losses are the client's to repair.
pub(super) async fn connect(options: &NatsFeedOptions) -> Result<Client, NatsFeedError> {
    ConnectOptions::new()
        .name("weir")
        .connection_timeout(options.connect_timeout)
        .connect(&options.server)
        .await
        .map_err(NatsFeedError::Connect)
}

/// Reads a chain's feed from NATS and hands out checked events.
///
/// What is lost on the way, be it by the network, a restart of the server, or reading too slowly, is a
/// [`FeedEvent::Gap`]: state is stale then until it is read elsewhere at some block.
#[derive(Debug)]
pub struct NatsFeedConsumer {
    subscriber: Subscriber,
    assembler: NatsFeedAssembler,
    ready: VecDeque<FeedEvent>,
}

impl NatsFeedConsumer {
    /// Connects and subscribes. The stream begins with the next message.
    ///
    /// # Errors
    /// If the server cannot be reached or refuses.
    pub async fn connect(chain_id: u64, options: &NatsFeedOptions) -> Result<Self, NatsFeedError> {
        let client = connect(options).await?;
        let subscriber = client.subscribe(nats_feed_subject(chain_id)).await;
        let subscriber = subscriber.map_err(NatsFeedError::Subscribe)?;
        settle(&client, options.connect_timeout).await?;
        let assembler = NatsFeedAssembler::new(chain_id);
        Ok(Self { subscriber, assembler, ready: VecDeque::new() })
    }

    /// What is wanted next; `None` before the first message.
    pub fn position(&self) -> Option<Position> {
        self.assembler.position()
    }

    /// The next event. Cancel-safe.
    ///
    /// # Errors
    /// [`NatsFeedError::Message`] for a message that is not a part of the feed, after which reading goes on;
    /// [`NatsFeedError::Closed`] at the end.
    pub async fn next(&mut self) -> Result<FeedEvent, NatsFeedError> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Ok(event);
            }
            let message = self.subscriber.next().await.ok_or(NatsFeedError::Closed)?;
            let mut events = Vec::new();
            let taken = NatsFeedHead::read(message.headers.as_ref())
                .and_then(|head| self.assembler.push(head, &message.payload, &mut events));
            self.ready.extend(events);
            taken.map_err(NatsFeedError::Message)?;
        }
    }
}
