//! L1 in, blocks out.

use super::{BlockExecutor, ChannelQueue, DeriveError};
use alloy_consensus::{Transaction as _, transaction::SignerRecoverable};
use alloy_primitives::{Address, Bytes};
use futures_util::{StreamExt, stream};
use std::sync::Arc;
use weir_derivation::{Channel, ChannelDecoder};
use weir_evm::ChainSpec;
use weir_follower::{ChainClient, SealedBlock};
use weir_primitives::{BlockRef, Transaction};
use weir_storage::Store;

/// L1 blocks that are asked for ahead of the one being read.
const PREFETCH_BLOCKS: usize = 8;
/// L1 blocks between two lines of progress.
const PROGRESS_BLOCKS: u64 = 1_000;

/// What to derive from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeriveRequest {
    /// The address that batches are sent to.
    pub inbox: Address,
    /// Who sends them, or sent them before a change of the key; nobody named takes them from anyone, which is for trusted L1s only.
    pub batchers: Vec<Address>,
    /// First L1 block to read: at or before the first batch.
    pub first_l1_block: u64,
    /// Last L1 block to read; `None` is L1's head when the derivation begins.
    pub last_l1_block: Option<u64>,
}

/// What was derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeriveReport {
    /// Blocks that were executed and stored.
    pub blocks: u64,
    /// The last block of the derived chain.
    pub head: BlockRef,
    /// L1 blocks read.
    pub l1_blocks: u64,
    /// Payloads found in the inbox.
    pub payloads: u64,
    /// Channels that were executed.
    pub channels: u64,
    /// Payloads and channels that were malformed, repeated or did not fit.
    pub ignored: u64,
    /// Channels that are whole and wait for blocks which are not on L1 (yet).
    pub waiting: u64,
}

/// Rebuilds the chain of `spec` in `store` from what is on L1. A store that has blocks already is continued.
///
/// # Errors
/// Any [`DeriveError`]. Derived blocks stay in the store, and deriving again goes on from there.
pub async fn derive(
    client: &ChainClient,
    request: &DeriveRequest,
    spec: Arc<ChainSpec>,
    store: Arc<dyn Store>,
) -> Result<DeriveReport, DeriveError> {
    let last = match request.last_l1_block {
        Some(last) => last,
        None => client.head().await?.number,
    };
    let mut pipeline = Pipeline::new(request.clone(), BlockExecutor::open(spec, store)?);
    let numbers = request.first_l1_block..=last;
    let mut blocks = stream::iter(numbers)
        .map(|number| async move { (number, client.sealed_block_by_number(number).await) })
        .buffered(PREFETCH_BLOCKS);
    while let Some((number, block)) = blocks.next().await {
        let block = block?.ok_or(DeriveError::L1Missing { number })?;
        // Executing blocks takes long; requests already under way are answered meanwhile.
        pipeline = tokio::task::spawn_blocking(move || pipeline.read(&block).map(|()| pipeline))
            .await
            .map_err(|_| DeriveError::Panicked)??;
        if number.is_multiple_of(PROGRESS_BLOCKS) {
            let report = pipeline.report();
            tracing::info!(l1_block = number, of = last, head = report.head.number, "deriving");
        }
    }
    Ok(pipeline.report())
}

/// From L1 blocks to L2 blocks, one L1 block at a time.
#[derive(Debug)]
struct Pipeline {
    request: DeriveRequest,
    executor: BlockExecutor,
    decoder: ChannelDecoder,
    queue: ChannelQueue,
    l1_head: Option<BlockRef>,
    first_number: u64,
    l1_blocks: u64,
    payloads: u64,
    channels: u64,
    ignored: u64,
}

impl Pipeline {
    fn new(request: DeriveRequest, executor: BlockExecutor) -> Self {
        let first_number = executor.head().number;
        Self {
            request,
            executor,
            decoder: ChannelDecoder::default(),
            queue: ChannelQueue::default(),
            l1_head: None,
            first_number,
            l1_blocks: 0,
            payloads: 0,
            channels: 0,
            ignored: 0,
        }
    }

    fn report(&self) -> DeriveReport {
        let head = self.executor.head();
        DeriveReport {
            blocks: head.number - self.first_number,
            head,
            l1_blocks: self.l1_blocks,
            payloads: self.payloads,
            channels: self.channels,
            ignored: self.ignored,
            waiting: self.queue.waiting() as u64,
        }
    }

    fn read(&mut self, block: &SealedBlock) -> Result<(), DeriveError> {
        let header = &block.header;
        let reference = BlockRef {
            number: header.number,
            hash: block.hash(),
            parent_hash: header.parent_hash,
            timestamp: header.timestamp,
        };
        if let Some(before) = self.l1_head
            && !reference.is_child_of(&before)
        {
            let (parent, expected) = (header.parent_hash, before.hash);
            return Err(DeriveError::L1Reorged { number: header.number, parent, expected });
        }
        self.l1_head = Some(reference);
        self.l1_blocks += 1;
        for transaction in &block.body.transactions {
            if let Some(payload) = payload(&self.request, transaction) {
                self.payloads += 1;
                self.read_payload(&payload)?;
            }
        }
        Ok(())
    }

    fn read_payload(&mut self, payload: &Bytes) -> Result<(), DeriveError> {
        let decoded = match self.decoder.push_payload(payload) {
            Ok(decoded) => decoded,
            Err(error) => {
                self.ignored += 1;
                tracing::warn!(%error, "payload is ignored");
                return Ok(());
            }
        };
        for (id, error) in &decoded.refused {
            self.ignored += 1;
            tracing::warn!(channel = %id, %error, "channel is ignored");
        }
        for channel in decoded.channels {
            self.take(channel)?;
        }
        Ok(())
    }

    fn take(&mut self, channel: Channel) -> Result<(), DeriveError> {
        let id = channel.id;
        if let Err(reason) = self.queue.push(channel, self.executor.head()) {
            self.ignored += 1;
            tracing::debug!(channel = %id, ?reason, "channel is ignored");
        }
        while let Some(next) = self.queue.pop(self.executor.head()) {
            match next {
                Ok(channel) => {
                    self.executor.execute(&channel)?;
                    self.channels += 1;
                }
                Err((channel, reason)) => {
                    self.ignored += 1;
                    tracing::warn!(channel = %channel.id, ?reason, "channel is ignored");
                }
            }
        }
        Ok(())
    }
}

/// The payload of an L1 transaction, if it is one from the batcher to the inbox.
fn payload(request: &DeriveRequest, transaction: &Transaction) -> Option<Bytes> {
    if transaction.to() != Some(request.inbox) {
        return None;
    }
    // Recovery is the expensive part, so it comes last.
    let batchers = &request.batchers;
    let is_from_batcher = batchers.is_empty()
        || transaction.recover_signer().is_ok_and(|from| batchers.contains(&from));
    is_from_batcher.then(|| transaction.input().clone())
}
