//! Knowing that a server has done what it was asked.

use async_nats::{Client, PublishError, SubscribeError};
use bytes::Bytes;
use futures_util::StreamExt;
use std::time::Duration;

/// Why a server is not known to have done what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SettleError {
    /// It does not take the subscription.
    #[error("nats server refuses a subscription")]
    Subscribe(#[source] SubscribeError),
    /// It does not take the message.
    #[error("nats server refuses a message")]
    Publish(#[source] PublishError),
    /// The connection ended before the answer.
    #[error("nats connection ended")]
    Closed,
    /// The answer did not come in time.
    #[error("nats server does not answer in time: seconds={}", .0.as_secs())]
    Late(Duration),
}

/// Waits until the server has done everything asked of it so far, by a message to oneself: it takes a connection's commands
/// in order, and a flush says only that they were sent.
pub(crate) async fn settle(client: &Client, timeout: Duration) -> Result<(), SettleError> {
    let settled = tokio::time::timeout(timeout, echo(client)).await;
    settled.unwrap_or(Err(SettleError::Late(timeout)))
}

async fn echo(client: &Client) -> Result<(), SettleError> {
    let inbox = client.new_inbox();
    let mut echo = client.subscribe(inbox.clone()).await.map_err(SettleError::Subscribe)?;
    client.publish(inbox, Bytes::new()).await.map_err(SettleError::Publish)?;
    echo.next().await.map(drop).ok_or(SettleError::Closed)
}
