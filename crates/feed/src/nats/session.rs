//! One connection of a reader.

use super::{
    WhitelistSource,
    link::{Link, LinkState},
    settle::settle,
    subjects::{RESEED, kind_of},
};
use crate::whitelist::{WhitelistKind, WhitelistMessage, WhitelistUpdate};
use async_nats::{Message, StatusCode};
use bytes::Bytes;
use futures_util::stream::{BoxStream, SelectAll, StreamExt, select_all};
use std::time::Instant;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Where a message came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    /// A publisher sent it to all.
    Publication,
    /// It answers our request.
    Reply,
}

/// A connection with its subscriptions in place, and a full list asked for.
pub(super) struct Session<'a> {
    source: &'a mut WhitelistSource,
    link: Link,
    inbox: String,
    messages: SelectAll<BoxStream<'static, (Origin, Message)>>,
    /// Drops that had happened when a full list was last asked for.
    drops_at_request: u64,
    drops: u64,
    ticks: Interval,
}

impl<'a> Session<'a> {
    /// Connects, subscribes, and then asks for a full list, so that no change falls between the two.
    pub(super) async fn open(source: &'a mut WhitelistSource) -> Result<Self, async_nats::Error> {
        let link = Link::with(&source.options).await?;
        let inbox = link.client.new_inbox();
        let mut streams = Vec::new();
        for subject in source.subjects.pools() {
            let messages = link.client.subscribe(subject).await?;
            streams.push(messages.map(|message| (Origin::Publication, message)).boxed());
        }
        let replies = link.client.subscribe(inbox.clone()).await?;
        streams.push(replies.map(|message| (Origin::Reply, message)).boxed());
        let mut ticks = interval(source.options.retry_interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        ticks.reset();
        let messages = select_all(streams);
        let (drops_at_request, drops) = (0, 0);
        let mut session = Self { source, link, inbox, messages, drops_at_request, drops, ticks };
        session.source.status.send_modify(|status| status.awaits_full = true);
        session.ask().await?;
        // Who waits for `connected` and publishes then must be heard.
        settle(&session.link.client, session.source.options.connect_timeout).await?;
        session.source.status.send_modify(|status| status.connected = true);
        metrics::gauge!("weir_whitelist_connected").set(1.0);
        tracing::info!(url = %session.source.options.url, "whitelist server is connected");
        Ok(session)
    }

    /// Reads until the connection is lost. Whether nobody takes updates any more.
    ///
    /// Messages come before the news that others were dropped: a full list asked for earlier could be older than they are.
    pub(super) async fn read(&mut self) -> bool {
        loop {
            tokio::select! {
                biased;
                Some(applied) = self.source.applied.recv() => {
                    let json = applied.to_json();
                    self.publish_applied(json).await;
                }
                _ = self.ticks.tick() => self.tick().await,
                message = self.messages.next() => match message {
                    Some((origin, message)) => {
                        if self.take(origin, &message).await.is_err() {
                            return true;
                        }
                    }
                    None => return false,
                },
                () = self.source.updates.closed() => return true,
                changed = self.link.state.changed() => {
                    let state = *self.link.state.borrow_and_update();
                    if changed.is_err() || self.note(state).await {
                        return false;
                    }
                }
            }
        }
    }

    /// Takes the client's news. Whether the connection is lost.
    async fn note(&mut self, state: LinkState) -> bool {
        let dropped = state.drops - self.drops;
        if dropped > 0 {
            tracing::warn!(dropped, "whitelist messages were dropped, asking for the full list");
            metrics::counter!("weir_whitelist_slow_consumer_total").increment(dropped);
            self.drops = state.drops;
            self.source.status.send_modify(|status| {
                status.slow_consumer += dropped;
                status.awaits_full = true;
            });
            self.ask_again().await;
        }
        state.is_lost
    }

    /// Asks one publisher for its full list, and all for theirs: some know one way, some the other.
    async fn ask(&mut self) -> Result<(), async_nats::PublishError> {
        self.drops_at_request = self.link.state.borrow().drops;
        for subject in self.source.subjects.requests() {
            let inbox = self.inbox.clone();
            self.link.client.publish_with_reply(subject, inbox, Bytes::new()).await?;
        }
        self.link.client.publish(RESEED, Bytes::new()).await?;
        metrics::counter!("weir_whitelist_snapshot_requests_total").increment(1);
        self.source.status.send_modify(|status| status.requests += 1);
        Ok(())
    }

    async fn ask_again(&mut self) {
        if let Err(error) = self.ask().await {
            // The connection is going; the next one asks first of all.
            tracing::debug!(%error, "full whitelist cannot be asked for");
        }
    }

    async fn publish_applied(&mut self, json: Vec<u8>) {
        let subject = self.source.subjects.applied().next();
        let Some(subject) = subject else { return };
        if let Err(error) = self.link.client.publish(subject, json.into()).await {
            tracing::warn!(%error, "whitelist cannot be acknowledged");
        }
    }

    async fn tick(&mut self) {
        let dropped = self.source.assembler.expire_idle();
        self.count_incomplete(dropped);
        let status = *self.source.status.borrow();
        if let Some(age) = status.age(Instant::now()) {
            metrics::gauge!("weir_whitelist_age_seconds").set(age.as_secs_f64());
        }
        if status.awaits_full {
            self.ask_again().await;
        }
    }

    /// Missing chunks are missing changes: only a full list makes up for them.
    fn count_incomplete(&self, sets: u64) {
        if sets == 0 {
            return;
        }
        tracing::warn!(sets, "whitelist chunks never came");
        metrics::counter!("weir_whitelist_incomplete_total").increment(sets);
        self.source.status.send_modify(|status| {
            status.incomplete += sets;
            status.awaits_full = true;
        });
    }

    /// Takes one message. An error if nobody takes updates any more.
    async fn take(&mut self, origin: Origin, message: &Message) -> Result<(), ()> {
        let kind = match origin {
            Origin::Publication => kind_of(&message.subject),
            Origin::Reply if message.status == Some(StatusCode::NO_RESPONDERS) => return Ok(()),
            Origin::Reply => Some(WhitelistKind::Full),
        };
        // A subject of some later version of the publisher.
        let Some(kind) = kind else { return Ok(()) };
        self.source.status.send_modify(|status| status.messages += 1);
        let chain_id = self.source.options.chain_id;
        let parsed = match WhitelistMessage::parse(&message.payload, chain_id, kind) {
            Ok(parsed) => parsed,
            Err(error) => {
                self.refuse(&message.subject, &error);
                return Ok(());
            }
        };
        let name = parsed.update.kind.name();
        metrics::counter!("weir_whitelist_messages_total", "kind" => name).increment(1);
        let expired = self.source.assembler.expired();
        let assembled = self.source.assembler.push(parsed);
        let had_to_ask = self.source.status.borrow().awaits_full;
        self.count_incomplete(self.source.assembler.expired() - expired);
        match assembled {
            Ok(Some(update)) => {
                self.note_update(&update);
                self.source.updates.send(update).await.map_err(|_| ())?;
            }
            Ok(None) => self.source.status.send_modify(|status| {
                status.last_message_at = Some(Instant::now());
            }),
            Err(fault) => {
                self.refuse(&message.subject, &fault);
                self.source.status.send_modify(|status| status.awaits_full = true);
            }
        }
        if !had_to_ask && self.source.status.borrow().awaits_full {
            self.ask_again().await;
        }
        Ok(())
    }

    fn refuse(&self, subject: &str, error: &(dyn std::error::Error + 'static)) {
        tracing::warn!(error, subject, "whitelist message is refused");
        metrics::counter!("weir_whitelist_messages_refused_total").increment(1);
        self.source.status.send_modify(|status| status.refused += 1);
    }

    fn note_update(&self, update: &WhitelistUpdate) {
        let rejected = update.rejected.len() as u64;
        metrics::counter!("weir_whitelist_rejected_rows_total").increment(rejected);
        metrics::gauge!("weir_whitelist_age_seconds").set(0.0);
        let has_lost = self.link.state.borrow().drops != self.drops_at_request;
        self.source.status.send_modify(|status| {
            let now = Some(Instant::now());
            status.rejected_rows += rejected;
            status.last_message_at = now;
            let is_order_to_stop = status.last_full_at.is_some() && update.rejected.is_empty();
            if update.kind == WhitelistKind::Full && (!update.is_empty() || is_order_to_stop) {
                status.last_full_at = now;
                status.last_full = update.version;
                // What was dropped after the request may be newer than the answer.
                status.awaits_full = has_lost;
            }
        });
    }
}
