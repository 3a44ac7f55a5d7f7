//! Publishing a file, once.

use super::{NatsWhitelistUrl, link::Link, settle::settle, subjects::Subjects};
use crate::whitelist::{
    DocumentError, WhitelistApplied, WhitelistDocument, WhitelistKind, WhitelistVersion,
};
use alloy_primitives::B256;
use async_nats::Client;
use futures_util::stream::{BoxStream, SelectAll, StreamExt, select_all};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Default size of a message: half of what a NATS server accepts by default.
pub const CHUNK_BYTES: usize = 512 << 10;
/// Messages that may wait for us while we count acknowledgements.
const SUBSCRIPTION_MESSAGES: usize = 1_024;

/// Why a whitelist was not published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The file is not one that readers would accept.
    #[error("whitelist cannot be published")]
    Document(#[from] DocumentError),
    /// The server cannot be reached, or the connection broke.
    #[error("nats server failed: url={url}")]
    Nats {
        /// The server.
        url: NatsWhitelistUrl,
        /// What the client said.
        #[source]
        source: async_nats::Error,
    },
    /// Fewer consumers than wanted acknowledged in time. The whitelist is published.
    #[error("whitelist is not acknowledged: received={received} wanted={wanted} seconds={seconds}")]
    NotAcknowledged {
        /// Acknowledgements received.
        received: usize,
        /// Acknowledgements wanted.
        wanted: usize,
        /// How long was waited.
        seconds: u64,
    },
}

/// How many acknowledgements to wait for, and how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcknowledgementWait {
    /// Number of acknowledgements.
    pub count: usize,
    /// Time for all of them.
    pub timeout: Duration,
}

/// Settings of [`publish_whitelist`].
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// The NATS server, and the chain as subjects call it.
    pub url: NatsWhitelistUrl,
    /// The chain.
    pub chain_id: u64,
    /// What the file does, unless it says so itself.
    pub kind: WhitelistKind,
    /// Largest message; the server's own limit may be lower.
    pub chunk_bytes: usize,
    /// The number of the list; `None` for the time in milliseconds.
    pub snapshot_id: Option<u64>,
    /// Whether to wait until consumers have applied it.
    pub wait: Option<AcknowledgementWait>,
    /// Time to connect.
    pub connect_timeout: Duration,
}

impl PublishOptions {
    /// A full list, numbered by the time, without waiting.
    pub const fn new(url: NatsWhitelistUrl, chain_id: u64) -> Self {
        Self {
            url,
            chain_id,
            kind: WhitelistKind::Full,
            chunk_bytes: CHUNK_BYTES,
            snapshot_id: None,
            wait: None,
            connect_timeout: Duration::from_secs(5),
        }
    }

    fn failed(&self, error: impl Into<async_nats::Error>) -> PublishError {
        PublishError::Nats { url: self.url.clone(), source: error.into() }
    }
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistPublished {
    /// Its kind.
    pub kind: WhitelistKind,
    /// Its number.
    pub version: WhitelistVersion,
    /// Number of messages.
    pub chunks: usize,
    /// Number of pools that Weir can use.
    pub pools: usize,
    /// Number of rows of protocols that Weir does not follow.
    pub unsupported: usize,
    /// Digest over the rows.
    pub digest: B256,
    /// The acknowledgements, if they were waited for.
    pub applied: Vec<WhitelistApplied>,
}

/// Checks a whitelist file by the parser of its readers and publishes it, divided below the server's limit.
///
/// # Errors
/// If readers would refuse the file or a row of it, the server cannot be reached, or too few consumers acknowledge in time.
pub async fn publish_whitelist(
    options: &PublishOptions,
    json: &[u8],
) -> Result<WhitelistPublished, PublishError> {
    let snapshot_id = options.snapshot_id.unwrap_or_else(unix_millis);
    let document = WhitelistDocument::parse(json, options.chain_id, options.kind, snapshot_id)?;
    let (timeout, capacity) = (options.connect_timeout, SUBSCRIPTION_MESSAGES);
    let link = Link::connect(&options.url, timeout, capacity).await;
    let client = link.map_err(|error| options.failed(error))?.client;
    let subjects = Subjects::new(&options.url, options.chain_id);
    // Before the list is out: a consumer may be faster than we are.
    let answers = match options.wait {
        Some(_) => Some(acknowledgements(&client, &subjects, timeout).await),
        None => None,
    };
    let answers = answers.transpose().map_err(|error| options.failed(error))?;
    let messages = document.messages(options.chunk_bytes.min(client.max_payload()))?;
    let chunks = messages.len();
    let subject = subjects.publication(document.update().kind);
    send(&client, &subject, messages, timeout).await.map_err(|error| options.failed(error))?;
    let applied = match (options.wait, answers) {
        (Some(wait), Some(answers)) => {
            acknowledged(wait, answers, options.chain_id, document.version()).await?
        }
        _ => Vec::new(),
    };
    Ok(WhitelistPublished {
        kind: document.update().kind,
        version: document.version(),
        chunks,
        pools: document.update().len(),
        unsupported: document.update().rejected.len(),
        digest: document.digest(),
        applied,
    })
}

/// Sends messages in order and waits until the server has them.
pub(super) async fn send(
    client: &Client,
    subject: &str,
    messages: Vec<Vec<u8>>,
    timeout: Duration,
) -> Result<(), async_nats::Error> {
    for message in messages {
        client.publish(subject.to_owned(), message.into()).await?;
    }
    settle(client, timeout).await?;
    Ok(())
}

/// Milliseconds since 1970: what publishers number lists by.
pub(super) fn unix_millis() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

type Answers = SelectAll<BoxStream<'static, async_nats::Message>>;

async fn acknowledgements(
    client: &Client,
    subjects: &Subjects,
    timeout: Duration,
) -> Result<Answers, async_nats::Error> {
    let mut streams = Vec::new();
    for subject in subjects.applied() {
        streams.push(client.subscribe(subject).await?.boxed());
    }
    settle(client, timeout).await?;
    Ok(select_all(streams))
}

/// Collects acknowledgements of `version` or a newer one, which includes it.
async fn acknowledged(
    wait: AcknowledgementWait,
    mut answers: Answers,
    chain_id: u64,
    version: WhitelistVersion,
) -> Result<Vec<WhitelistApplied>, PublishError> {
    let mut applied = Vec::new();
    let collect = async {
        while applied.len() < wait.count {
            let Some(message) = answers.next().await else { return };
            let Ok(answer) = WhitelistApplied::from_json(&message.payload) else { continue };
            if answer.chain_id == chain_id && answer.version >= Some(version) {
                applied.push(answer);
            }
        }
    };
    let in_time = tokio::time::timeout(wait.timeout, collect).await;
    let (received, wanted, seconds) = (applied.len(), wait.count, wait.timeout.as_secs());
    if in_time.is_err() || received < wanted {
        return Err(PublishError::NotAcknowledged { received, wanted, seconds });
    }
    Ok(applied)
}
