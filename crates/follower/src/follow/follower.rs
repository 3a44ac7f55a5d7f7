//! The loop between the node and the consumer.

use super::{
    FollowConfig, FollowError, Followed, FollowedBlock, FollowerStatus, StartAt,
    metrics::FollowMetrics,
    walk::{Path, walk},
    window::Window,
};
use crate::{Backoff, ChainClient, ClientError, announced::HeadSubscription, linked::LinkedHeader};
use alloy_eips::BlockNumberOrTag;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::VecDeque;
use tokio::{
    sync::{mpsc, watch},
    time::Instant,
};
use weir_primitives::{BlockRef, Severity};

/// Follows the canonical chain of one node.
///
/// The truth is what hangs together by parent hashes below the node's head; announcements only say when to look. A node
/// that answers from several machines which are not equally far looks like a chain that shrinks and grows again, and is
/// followed as such.
#[derive(Debug)]
pub struct ChainFollower {
    client: ChainClient,
    /// The same client without further attempts: the first failure tells that the node is out of reach.
    probe: ChainClient,
    config: FollowConfig,
    chain_id: u64,
    anchor: BlockRef,
    window: Window,
    announcements: Announcements,
    /// Whether the node may have something that we do not.
    is_due: bool,
    /// Not to look before.
    pause_until: Option<Instant>,
    backoff: Backoff,
    /// Failures of a node within reach since the last update.
    failures: u32,
    status: watch::Sender<FollowerStatus>,
    metrics: FollowMetrics,
}

/// How we learn that there may be a new head.
#[derive(Debug)]
enum Announcements {
    /// By asking: the transport is HTTP, or the node has no subscriptions.
    Absent,
    /// Not yet, or not any more.
    Unsubscribed,
    /// By these.
    Subscribed(HeadSubscription),
}

impl ChainFollower {
    /// Connects to `http://…` or `ws://…` and finds the start. What follows the start comes from [`next`](Self::next).
    ///
    /// # Errors
    /// [`FollowError::StartAhead`], [`FollowError::StartUnlinked`], or why the node cannot be read.
    pub async fn connect(
        url: &str,
        config: FollowConfig,
        start: StartAt,
    ) -> Result<Self, FollowError> {
        let client = ChainClient::connect_with(url, config.client).await?;
        let chain_id = client.chain_id().await?;
        let blocks = start.resolve(&client).await?;
        let window = Window::new(blocks, config.remembered_blocks);
        let tip = window.tip();
        let now = Instant::now().into_std();
        let status = FollowerStatus {
            connected: true,
            head: tip,
            tip,
            lag_blocks: 0,
            last_head_at: now,
            last_answer_at: now,
            reconnects: 0,
        };
        let announcements = if client.connection().is_websocket() {
            Announcements::Unsubscribed
        } else {
            Announcements::Absent
        };
        Ok(Self {
            probe: client.without_retries(),
            client,
            config,
            chain_id,
            anchor: tip,
            window,
            announcements,
            is_due: true,
            pause_until: None,
            backoff: Backoff::new(config.client.backoff_base, config.client.backoff_max),
            failures: 0,
            status: watch::channel(status).0,
            metrics: FollowMetrics::new(chain_id),
        })
    }

    /// The block that the first update follows.
    pub const fn anchor(&self) -> BlockRef {
        self.anchor
    }

    /// The newest block handed out; the anchor if there is none yet.
    pub fn tip(&self) -> BlockRef {
        self.window.tip()
    }

    /// The node's chain id.
    pub const fn chain_id(&self) -> u64 {
        self.chain_id
    }

    /// Reads of the same node; it shares the connection.
    pub const fn client(&self) -> &ChainClient {
        &self.client
    }

    /// The state, now and as it changes.
    pub fn status(&self) -> watch::Receiver<FollowerStatus> {
        self.status.subscribe()
    }

    /// Waits for the node's chain to change, and returns the next step of it.
    ///
    /// Cancel-safe: nothing is lost, but requests under way are made again. A node out of reach is waited for without end.
    ///
    /// # Errors
    /// A node that does not serve what is needed or contradicts itself, `attempts_max` times in a row. Calling again goes on.
    pub async fn next(&mut self) -> Result<Followed, FollowError> {
        loop {
            self.wake().await;
            match self.look().await {
                Ok(Some(followed)) => {
                    self.commit(&followed);
                    return Ok(followed);
                }
                Ok(None) => self.caught_up(),
                Err(error) => self.failed(error)?,
            }
        }
    }

    /// Hands every update to `updates`, and waits while that is full, until its receiver is gone.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn run(mut self, updates: mpsc::Sender<Followed>) -> Result<(), FollowError> {
        loop {
            let followed = tokio::select! {
                biased;
                () = updates.closed() => return Ok(()),
                followed = self.next() => followed?,
            };
            if updates.send(followed).await.is_err() {
                return Ok(());
            }
        }
    }

    /// Waits until there is reason to look.
    async fn wake(&mut self) {
        if let Some(until) = self.pause_until {
            tokio::time::sleep_until(until).await;
            self.pause_until = None;
        }
        if self.is_due {
            return;
        }
        let Announcements::Subscribed(heads) = &mut self.announcements else {
            tokio::time::sleep(self.config.poll_interval).await;
            self.is_due = true;
            return;
        };
        let announced = tokio::time::timeout(self.config.silence_max, heads.announced()).await;
        self.is_due = true;
        if matches!(announced, Ok(Err(_))) {
            self.lost();
        }
    }

    /// Asks the node for its head and reads the next step towards it, if any.
    async fn look(&mut self) -> Result<Option<Followed>, FollowError> {
        self.subscribe().await?;
        let head = self.probe.linked_head().await?;
        self.answered(head.reference).await?;
        let (head_ref, tip) = (head.reference, self.window.tip());
        if head_ref.hash == tip.hash {
            return Ok(None);
        }
        let most = self.config.update_blocks_max.max(1);
        let target = self.target(head, tip, most).await?;
        let step = match walk(&self.client, &self.window, target, most).await? {
            Path::Apart => Followed {
                old: Vec::new(),
                new: Vec::new(),
                reset: Some(head_ref),
                head: head_ref,
                lag_blocks: 0,
            },
            Path::Joined { ancestor, blocks } => {
                let newest = blocks.back().map_or(ancestor, |block| block.reference.number);
                Followed {
                    old: self.window.above(ancestor),
                    new: self.read_logs(blocks).await?,
                    reset: None,
                    head: head_ref,
                    lag_blocks: head_ref.number.saturating_sub(newest),
                }
            }
        };
        Ok(Some(step))
    }

    /// The head, or a block on the way to it if it is far.
    async fn target(
        &self,
        head: LinkedHeader,
        tip: BlockRef,
        most: usize,
    ) -> Result<LinkedHeader, FollowError> {
        let reach = tip.number.saturating_add(u64::try_from(most).unwrap_or(u64::MAX));
        if head.reference.number <= reach {
            return Ok(head);
        }
        let target = self.client.linked_header_at(BlockNumberOrTag::Number(reach)).await?;
        target.ok_or(FollowError::Missing { block: reach })?.expect_number(reach)
    }

    async fn read_logs(
        &self,
        blocks: VecDeque<LinkedHeader>,
    ) -> Result<Vec<FollowedBlock>, FollowError> {
        let read = |header| async {
            let (block, proof) = self.client.with_logs(header).await?;
            Ok::<_, FollowError>(FollowedBlock { block, proof })
        };
        let in_flight = self.config.blocks_in_flight.max(1);
        stream::iter(blocks).map(read).buffered(in_flight).try_collect().await
    }

    async fn subscribe(&mut self) -> Result<(), FollowError> {
        if !matches!(self.announcements, Announcements::Unsubscribed) {
            return Ok(());
        }
        self.announcements = match self.client.subscribe_heads().await {
            Ok(Some(heads)) => Announcements::Subscribed(heads),
            Ok(None) => Announcements::Absent,
            Err(error @ ClientError::Refused { .. }) if error.severity() != Severity::Retry => {
                tracing::info!(%error, "node announces no heads, it is asked for them");
                Announcements::Absent
            }
            Err(error) => return Err(error.into()),
        };
        Ok(())
    }

    /// The node has answered with its head.
    async fn answered(&mut self, head: BlockRef) -> Result<(), FollowError> {
        let was_connected = self.status.borrow().connected;
        if !was_connected {
            let found = self.client.chain_id().await?;
            if found != self.chain_id {
                return Err(FollowError::OtherChain { expected: self.chain_id, found });
            }
            self.metrics.reconnected();
            tracing::info!(chain = self.chain_id, head = head.number, "node is back");
        }
        let now = Instant::now().into_std();
        self.update_status(|status| {
            if status.head.hash != head.hash {
                status.last_head_at = now;
            }
            status.head = head;
            status.last_answer_at = now;
            status.reconnects += u64::from(!was_connected);
            status.connected = true;
        });
        Ok(())
    }

    const fn caught_up(&mut self) {
        self.is_due = false;
        self.failures = 0;
        self.backoff.reset();
    }

    fn commit(&mut self, followed: &Followed) {
        match followed.reset {
            Some(anchor) => {
                tracing::warn!(
                    chain = self.chain_id,
                    anchor = anchor.number,
                    remembered = self.window.first().number,
                    "chain changed below all that is remembered"
                );
                self.window.reset(anchor);
            }
            None => {
                let new = followed.new.iter().map(|block| block.block.reference);
                self.window.replace(followed.old.len(), new);
            }
        }
        self.failures = 0;
        self.backoff.reset();
        self.metrics.followed(followed);
        let tip = self.window.tip();
        self.update_status(|status| status.tip = tip);
    }

    /// Decides between another attempt and giving the error out.
    fn failed(&mut self, error: FollowError) -> Result<(), FollowError> {
        let is_moved = matches!(error, FollowError::Missing { .. } | FollowError::NoHead)
            || matches!(&error, FollowError::Client(error) if error.severity() == Severity::Reset);
        if error.is_final() {
            return Err(error);
        }
        if error.is_out_of_reach() {
            self.lost();
        } else {
            self.failures += 1;
            if is_moved {
                self.metrics.restarted();
            } else {
                self.metrics.contradicted();
            }
            if self.failures >= self.config.attempts_max {
                self.failures = 0;
                return Err(error);
            }
        }
        let wait = self.backoff.next_wait();
        // Most often the node has changed its chain while we read it, and the next walk finds it at rest.
        let is_first_move = is_moved && self.failures == 1;
        self.pause_until = (!is_first_move).then(|| Instant::now() + wait);
        tracing::debug!(%error, cause = ?std::error::Error::source(&error), "walk begins anew");
        Ok(())
    }

    fn lost(&mut self) {
        if !matches!(self.announcements, Announcements::Absent) {
            self.announcements = Announcements::Unsubscribed;
        }
        if self.status.borrow().connected {
            tracing::warn!(chain = self.chain_id, "node is out of reach");
            self.update_status(|status| status.connected = false);
        }
    }

    fn update_status(&self, change: impl FnOnce(&mut FollowerStatus)) {
        self.status.send_modify(|status| {
            change(status);
            status.lag_blocks = status.head.number.saturating_sub(status.tip.number);
        });
        self.metrics.status(&self.status.borrow());
    }
}
