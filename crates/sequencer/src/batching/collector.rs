//! From sealed blocks to channels.

use super::{BatchConfig, BatchError, config::millis};
use alloy_primitives::B256;
use std::sync::Arc;
use weir_derivation::{
    Admission, Batch, ChannelDecoder, ChannelEncoder, EncoderConfig, SealedChannel,
    encode_payloads, limits,
};
use weir_storage::{Snapshot, Store};

/// A channel with the payloads that carry it, in order.
#[derive(Debug)]
pub(crate) struct ClosedChannel {
    pub(crate) channel: SealedChannel,
    pub(crate) payloads: Vec<Vec<u8>>,
}

/// Reads blocks in order and closes channels. Blocking: it reads the store and compresses.
pub(crate) struct Collector {
    store: Arc<dyn Store>,
    config: EncoderConfig,
    encoder: ChannelEncoder,
    /// First block of the open channel.
    first_block: u64,
    /// Hash of the block before `first_block`, if it is in a batch.
    posted: Option<B256>,
    /// Next block to add to the open channel.
    next_block: u64,
    /// Hash of the last block in the open channel, if it has one.
    last_added: Option<B256>,
}

impl std::fmt::Debug for Collector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collector").field("encoder", &self.encoder).finish_non_exhaustive()
    }
}

impl Collector {
    /// Begins with block `next_block`, the child of `posted`.
    pub(crate) fn new(
        store: Arc<dyn Store>,
        config: &BatchConfig,
        next_block: u64,
        posted: Option<B256>,
    ) -> Result<Self, BatchError> {
        let config = EncoderConfig {
            channel_bytes_max: config.batch_bytes_max,
            channel_age_ms_max: millis(config.batch_age_max),
            level: config.level,
        };
        let encoder = ChannelEncoder::new(config)?;
        let first_block = next_block;
        Ok(Self { store, config, encoder, first_block, posted, next_block, last_added: None })
    }

    /// When the open channel is due, in milliseconds of the caller's clock.
    pub(crate) fn due_at_ms(&self) -> Option<u64> {
        self.encoder.due_at_ms()
    }

    /// Takes blocks up to the head until a channel is due; what it returns has been decoded and compared.
    pub(crate) fn collect(&mut self, now_ms: u64) -> Result<Option<ClosedChannel>, BatchError> {
        let snapshot = self.store.snapshot()?;
        self.follow_reorg(&*snapshot)?;
        let Some(channel) = self.next_channel(&*snapshot, now_ms)? else { return Ok(None) };
        self.first_block = channel.last_block() + 1;
        self.posted = Some(channel.last_hash());
        self.last_added = None;
        let payloads = encode_payloads(&channel, limits::PAYLOAD_BYTES_MAX)?;
        check(&*snapshot, &channel, &payloads)?;
        Ok(Some(ClosedChannel { channel, payloads }))
    }

    /// Begins the open channel anew if a block in it has left the chain.
    fn follow_reorg(&mut self, snapshot: &dyn Snapshot) -> Result<(), BatchError> {
        let Some(last) = self.last_added else { return Ok(()) };
        let canonical = snapshot.header_by_number(self.next_block - 1)?;
        if canonical.is_none_or(|(hash, _)| hash != last) {
            tracing::info!(first = self.first_block, "open batch is collected anew after a reorg");
            self.encoder = ChannelEncoder::new(self.config)?;
            self.next_block = self.first_block;
            self.last_added = None;
        }
        Ok(())
    }

    fn next_channel(
        &mut self,
        snapshot: &dyn Snapshot,
        now_ms: u64,
    ) -> Result<Option<SealedChannel>, BatchError> {
        let head = snapshot.head().number;
        while self.next_block <= head && !self.encoder.is_full() {
            let number = self.next_block;
            let block = snapshot.block_by_number(number)?;
            let block = block.ok_or(BatchError::BlockMissing { number })?.block;
            let parent = block.header().parent_hash;
            if let Some(posted) = self.posted
                && number == self.first_block
                && parent != posted
            {
                return Err(BatchError::ChainChanged { number, parent, posted });
            }
            match self.encoder.add_block(&block, now_ms)? {
                Admission::Added => {
                    self.next_block += 1;
                    self.last_added = Some(block.hash());
                }
                Admission::Full => return Ok(self.encoder.close()?),
            }
        }
        Ok(self.encoder.step(now_ms)?)
    }
}

/// Decodes what is about to be posted, and compares it with the blocks. A codec that loses something must be found out
/// before the batch is on L1 and not after.
fn check(
    snapshot: &dyn Snapshot,
    channel: &SealedChannel,
    payloads: &[Vec<u8>],
) -> Result<(), BatchError> {
    let (id, first, last) = (channel.id(), channel.first_block(), channel.last_block());
    let unfaithful = |source| BatchError::Unfaithful { channel: id, first, last, source };
    let mut decoder = ChannelDecoder::default();
    let mut channels = Vec::new();
    for payload in payloads {
        let decoded = decoder.push_payload(payload).map_err(|error| unfaithful(Some(error)))?;
        if let Some((_, error)) = decoded.refused.into_iter().next() {
            return Err(unfaithful(Some(error)));
        }
        channels.extend(decoded.channels);
    }
    let [decoded] = channels.as_slice() else { return Err(unfaithful(None)) };
    let mut batches = decoded.batches.iter();
    for number in first..=last {
        let block = snapshot.block_by_number(number)?;
        let block = block.ok_or(BatchError::BlockMissing { number })?.block;
        if batches.next() != Some(&Batch::from_block(&block)?) {
            return Err(unfaithful(None));
        }
    }
    if batches.next().is_some() || decoded.last_hash != channel.last_hash() {
        return Err(unfaithful(None));
    }
    Ok(())
}
