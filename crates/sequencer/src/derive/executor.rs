//! Batches into blocks, by execution.

use super::DeriveError;
use alloy_primitives::B256;
use rayon::prelude::*;
use std::{fmt, sync::Arc};
use weir_builder::BlockBuilder;
use weir_derivation::{Batch, Channel, ChannelId};
use weir_evm::{BlockAttributes, ChainSpec, SealedHeader, recover_sender};
use weir_primitives::{BlockRef, StateProvider};
use weir_storage::{BlockCommit, Snapshot, StorageError, Store};
use weir_trie::StateTrie;

/// Memory that nodes of the state's tries may take between blocks, in bytes.
const TRIE_BYTES_MAX: usize = 512 << 20;

/// Appends blocks to a store by executing batches. Blocking.
pub struct BlockExecutor {
    spec: Arc<ChainSpec>,
    store: Arc<dyn Store>,
    trie: StateTrie,
    parent: SealedHeader,
}

impl fmt::Debug for BlockExecutor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockExecutor").field("head", &self.head()).finish_non_exhaustive()
    }
}

impl BlockExecutor {
    /// Continues at the store's head.
    ///
    /// # Errors
    /// [`DeriveError::Storage`].
    pub fn open(spec: Arc<ChainSpec>, store: Arc<dyn Store>) -> Result<Self, DeriveError> {
        let snapshot = store.snapshot()?;
        let number = snapshot.head().number;
        let (hash, header) = snapshot
            .header_by_number(number)?
            .ok_or(StorageError::Malformed { table: "headers" })?;
        let trie = StateTrie::new(header.state_root);
        Ok(Self { spec, store, trie, parent: SealedHeader::new_unchecked(header, hash) })
    }

    /// The last block of the store.
    pub fn head(&self) -> BlockRef {
        BlockRef {
            number: self.parent.number,
            hash: self.parent.hash(),
            parent_hash: self.parent.parent_hash,
            timestamp: self.parent.timestamp,
        }
    }

    /// Executes and stores all blocks of a channel that continues the head.
    ///
    /// Each block's hash is compared before it is stored: with the parent hash in the next batch, and for the last
    /// one with the hash that the channel names.
    ///
    /// # Errors
    /// Any [`DeriveError`] about blocks. The executor is of no use afterwards; the store is as after the last good block.
    pub fn execute(&mut self, channel: &Channel) -> Result<(), DeriveError> {
        let hashes = channel.batches.iter().skip(1).map(|batch| batch.parent_hash);
        let expected = hashes.chain([channel.last_hash]);
        for (batch, expected) in channel.batches.iter().zip(expected) {
            self.execute_batch(channel.id, batch, expected)?;
        }
        Ok(())
    }

    fn execute_batch(
        &mut self,
        channel: ChannelId,
        batch: &Batch,
        expected: B256,
    ) -> Result<(), DeriveError> {
        let (number, head) = (batch.number, self.head());
        if number != head.number + 1 || batch.parent_hash != head.hash {
            let parent = batch.parent_hash;
            return Err(DeriveError::Unlinked { channel, number, parent, head });
        }
        let snapshot = self.store.snapshot()?;
        let builder = self.run_transactions(batch, &snapshot)?;
        let sealed = builder
            .seal(&mut self.trie, &*snapshot)
            .map_err(|source| DeriveError::Build { number, source })?;
        let block = &sealed.executed;
        let computed = block.block.hash();
        if computed != expected {
            return Err(DeriveError::Diverged { number, expected, computed });
        }
        self.store.commit(&BlockCommit {
            block,
            hashed: &sealed.hashed,
            trie: &sealed.updates,
            records: &[],
        })?;
        self.trie.shrink_to(TRIE_BYTES_MAX);
        self.parent = SealedHeader::new_unchecked(block.block.header().clone(), computed);
        Ok(())
    }

    fn run_transactions(
        &self,
        batch: &Batch,
        snapshot: &Arc<dyn Snapshot>,
    ) -> Result<BlockBuilder, DeriveError> {
        let number = batch.number;
        let transactions =
            batch.decode_transactions().map_err(|source| DeriveError::Batch { number, source })?;
        let senders: Vec<_> = transactions.par_iter().map(recover_sender).collect();
        let state = Arc::clone(snapshot) as Arc<dyn StateProvider>;
        let failed = |source| DeriveError::Build { number, source };
        let mut builder =
            BlockBuilder::begin(Arc::clone(&self.spec), &self.parent, attributes(batch), state)
                .map_err(failed)?;
        for (index, (transaction, sender)) in transactions.into_iter().zip(senders).enumerate() {
            let sender = sender.map_err(|_| DeriveError::Sender { number, index })?;
            builder
                .append(Arc::new(transaction), sender)
                .map_err(failed)?
                .map_err(|reason| DeriveError::Rejected { number, index, reason })?;
        }
        Ok(builder)
    }
}

fn attributes(batch: &Batch) -> BlockAttributes {
    BlockAttributes {
        timestamp: batch.timestamp,
        beneficiary: batch.beneficiary,
        prev_randao: batch.prev_randao,
        gas_limit: batch.gas_limit,
        extra_data: batch.extra_data.clone(),
        parent_beacon_block_root: batch.parent_beacon_block_root,
        withdrawals: batch.withdrawals.clone(),
    }
}
