//! One connection to a NATS server, and what the client says about it.

use super::{NatsWhitelistUrl, WhitelistOptions};
use async_nats::{Client, ConnectError, ConnectOptions, Event};
use std::{sync::Arc, time::Duration};
use tokio::sync::watch;

/// What has happened to a connection.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct LinkState {
    /// It is lost. The owner makes a new one, so that nothing half done is carried over.
    pub(super) is_lost: bool,
    /// Times that the client dropped messages because we did not take them.
    pub(super) drops: u64,
}

/// A connection and its state.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) client: Client,
    pub(super) state: watch::Receiver<LinkState>,
}

impl Link {
    /// Connects once.
    pub(super) async fn connect(
        url: &NatsWhitelistUrl,
        timeout: Duration,
        subscription_messages: usize,
    ) -> Result<Self, ConnectError> {
        let (sender, state) = watch::channel(LinkState::default());
        let sender = Arc::new(sender);
        let client = ConnectOptions::new()
            .name("weir")
            .connection_timeout(timeout)
            .subscription_capacity(subscription_messages)
            // One attempt keeps the client from trying for ever behind our back.
            .max_reconnects(1)
            .event_callback(move |event| {
                note(&sender, &event);
                std::future::ready(())
            })
            .connect(url.server())
            .await?;
        Ok(Self { client, state })
    }

    /// Connects with the options of a reader or server.
    pub(super) async fn with(options: &WhitelistOptions) -> Result<Self, ConnectError> {
        Self::connect(&options.url, options.connect_timeout, options.subscription_messages).await
    }
}

fn note(state: &watch::Sender<LinkState>, event: &Event) {
    match event {
        Event::Disconnected | Event::Closed | Event::ClientError(_) => {
            state.send_modify(|state| state.is_lost = true);
        }
        Event::SlowConsumer(_) => state.send_modify(|state| state.drops += 1),
        Event::ServerError(error) => tracing::warn!(%error, "nats server reports an error"),
        Event::Connected | Event::LameDuckMode | Event::Draining => {}
    }
}
