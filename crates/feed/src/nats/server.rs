//! A whitelist file as a service: published at start and on request.

use super::{
    WhitelistOptions,
    link::Link,
    publish::{CHUNK_BYTES, send},
    settle::settle,
    source::Attempts,
    subjects::{RESEED, Subjects},
};
use crate::whitelist::{DocumentError, WhitelistDocument, WhitelistKind};
use async_nats::{Client, Message, Subject};
use futures_util::FutureExt;
use futures_util::stream::{BoxStream, FusedStream, SelectAll, StreamExt, select_all};
use std::sync::Arc;
use tokio::sync::watch;
use weir_runtime::Shutdown;

/// Publishes a list at start and whenever it changes, answers requests for it, and publishes it again when a consumer
/// asks all publishers to.
#[derive(Debug)]
pub struct WhitelistServer {
    options: WhitelistOptions,
    subjects: Subjects,
    document: watch::Receiver<Arc<WhitelistDocument>>,
}

type Requests = SelectAll<BoxStream<'static, Message>>;

impl WhitelistServer {
    /// A server of the list in `document`, which its owner may replace by one with a higher number.
    pub fn new(
        options: WhitelistOptions,
        document: watch::Receiver<Arc<WhitelistDocument>>,
    ) -> Self {
        let subjects = Subjects::new(&options.url, options.chain_id);
        Self { options, subjects, document }
    }

    /// Serves until the shutdown. A lost connection is made again, after ever longer waits.
    ///
    /// # Errors
    /// If the list is not a full one, or does not fit the server's messages.
    pub async fn run(mut self, shutdown: Shutdown) -> Result<(), DocumentError> {
        let mut attempts = Attempts::new(&self.options);
        loop {
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                () = attempts.wait() => {}
            }
            tokio::select! {
                biased;
                () = shutdown.cancelled() => return Ok(()),
                served = self.attend(&mut attempts) => served?,
            }
        }
    }

    /// One connection, until it is lost.
    async fn attend(&mut self, attempts: &mut Attempts) -> Result<(), DocumentError> {
        let url = self.options.url.clone();
        let (mut link, mut requests) = match self.open().await {
            Ok(opened) => opened,
            Err(error) => {
                tracing::warn!(%error, %url, "whitelist server cannot be reached");
                return Ok(());
            }
        };
        attempts.succeed();
        tracing::info!(%url, "whitelist is served");
        let served = self.serve(&mut link, &mut requests).await;
        match served {
            Err(ServeError::Document(error)) => Err(error),
            Err(ServeError::Nats(error)) => {
                tracing::warn!(%error, %url, "whitelist server is lost");
                Ok(())
            }
            Ok(()) => {
                tracing::warn!(%url, "whitelist server is lost");
                Ok(())
            }
        }
    }

    async fn open(&self) -> Result<(Link, Requests), async_nats::Error> {
        let link = Link::with(&self.options).await?;
        let mut streams = vec![link.client.subscribe(RESEED).await?.boxed()];
        for subject in self.subjects.requests() {
            streams.push(link.client.subscribe(subject).await?.boxed());
        }
        settle(&link.client, self.options.connect_timeout).await?;
        Ok((link, select_all(streams)))
    }

    async fn serve(&mut self, link: &mut Link, requests: &mut Requests) -> Result<(), ServeError> {
        self.publish(&link.client, None).await?;
        // Whether the owner may still replace the list.
        let mut has_owner = true;
        loop {
            tokio::select! {
                biased;
                request = requests.next() => {
                    let Some(request) = request else { return Ok(()) };
                    self.answer(&link.client, request, requests).await?;
                }
                changed = self.document.changed(), if has_owner => {
                    has_owner = changed.is_ok();
                    if has_owner {
                        self.publish(&link.client, None).await?;
                    }
                }
                changed = link.state.changed() => {
                    if changed.is_err() || link.state.borrow_and_update().is_lost {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// Answers all requests that wait. Many that ask everybody get one publication.
    async fn answer(
        &mut self,
        client: &Client,
        first: Message,
        requests: &mut Requests,
    ) -> Result<(), ServeError> {
        let (mut next, mut to_all) = (Some(first), false);
        while let Some(request) = next {
            match request.reply {
                Some(reply) if request.subject.as_str() != RESEED => {
                    self.publish(client, Some(reply)).await?;
                }
                _ => to_all = true,
            }
            let waiting =
                if requests.is_terminated() { None } else { requests.next().now_or_never() };
            next = waiting.flatten();
        }
        if to_all {
            self.publish(client, None).await?;
        }
        Ok(())
    }

    async fn publish(&mut self, client: &Client, reply: Option<Subject>) -> Result<(), ServeError> {
        let document = Arc::clone(&self.document.borrow_and_update());
        let kind = document.update().kind;
        if kind != WhitelistKind::Full {
            return Err(ServeError::Document(DocumentError::NotFull { kind }));
        }
        let messages = document.messages(CHUNK_BYTES.min(client.max_payload()));
        let messages = messages.map_err(ServeError::Document)?;
        let subject =
            reply.map_or_else(|| self.subjects.publication(kind), |reply| reply.to_string());
        let timeout = self.options.connect_timeout;
        send(client, &subject, messages, timeout).await.map_err(ServeError::Nats)
    }
}

enum ServeError {
    Document(DocumentError),
    Nats(async_nats::Error),
}
