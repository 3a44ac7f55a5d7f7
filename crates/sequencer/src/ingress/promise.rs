//! What was told of the open block, kept in the journal so that a restart seals it as it was told.

use super::{Ingress, record};
use alloy_eips::Encodable2718;
use alloy_primitives::{Address, B256};
use weir_builder::BlockBuilder;
use weir_evm::BlockAttributes;
use weir_primitives::RecoveredBlock;
use weir_storage::{JournalError, OnDurable};

/// The open block as far as others may have been told of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    /// Hash of the block that it is on top of.
    pub(crate) parent: B256,
    /// Unix time in seconds that the block carries.
    pub(crate) timestamp: u64,
    /// Receives the tips.
    pub(crate) beneficiary: Address,
    /// Value of `PREVRANDAO`.
    pub(crate) prev_randao: B256,
    /// Hashes of its first transactions, in order.
    pub(crate) transactions: Vec<B256>,
}

impl Promise {
    /// Nothing of a block is promised yet.
    fn begin(parent: B256, attributes: &BlockAttributes) -> Self {
        Self {
            parent,
            timestamp: attributes.timestamp,
            beneficiary: attributes.beneficiary,
            prev_randao: attributes.prev_randao,
            transactions: Vec::new(),
        }
    }

    /// The attributes of the promised block, given those that the driver would choose now.
    pub(crate) fn attributes(&self, chosen: BlockAttributes) -> BlockAttributes {
        BlockAttributes {
            timestamp: self.timestamp,
            beneficiary: self.beneficiary,
            prev_randao: self.prev_randao,
            ..chosen
        }
    }
}

impl Ingress {
    /// Promises what `builder` has appended since the last call. `on_durable` is called, if this answers `Ok`, once a
    /// restart would seal it so.
    pub(crate) fn promise(
        &self,
        builder: &BlockBuilder,
        on_durable: OnDurable,
    ) -> Result<(), JournalError> {
        let Some(journal) = &self.journal else {
            on_durable(Ok(()));
            return Ok(());
        };
        let parent = builder.open().header().parent_hash;
        let mut promised = self.promised.lock();
        let promise = match &mut *promised {
            Some(promise) if promise.parent == parent => promise,
            other => other.insert(Promise::begin(parent, builder.attributes())),
        };
        let first = promise.transactions.len();
        let open = builder.open();
        let new = open.transactions()[first..].iter().zip(&open.senders()[first..]);
        // Held until the step is queued: what is refused later takes the step with it.
        let unjournalled = self.unjournalled.lock();
        for (transaction, sender) in new.filter(|(one, _)| unjournalled.contains(one.tx_hash())) {
            let record = record::transaction(&transaction.encoded_2718(), *sender, None);
            journal.append(record, Box::new(|_| {}))?;
        }
        let new = open.transactions()[first..].iter();
        promise.transactions.extend(new.map(|transaction| *transaction.tx_hash()));
        let queued = journal.append(record::step(promise, first), on_durable);
        if queued.is_err() {
            promise.transactions.truncate(first);
        }
        queued
    }

    /// What is promised of the child of this block: what a restart found, unless the block is under way.
    pub(crate) fn promise_on(&self, parent: B256) -> Option<Promise> {
        self.promised.lock().clone().filter(|promise| promise.parent == parent)
    }

    /// What was promised is in this block, and durable as such.
    pub(crate) fn settle_promise(&self, block: &RecoveredBlock) {
        *self.promised.lock() = None;
        let mut unjournalled = self.unjournalled.lock();
        if !unjournalled.is_empty() {
            for transaction in block.transactions() {
                unjournalled.remove(transaction.tx_hash());
            }
        }
    }

    /// The journal answers nothing more until what this returns is dropped.
    #[cfg(test)]
    pub(crate) fn hold_journal(&self) -> std::sync::mpsc::Sender<()> {
        let (hold, held) = std::sync::mpsc::channel();
        let journal = self.journal.as_ref().expect("the test gave it a journal");
        let on_durable = Box::new(move |_| {
            // An error says that the hold is dropped.
            let _ = held.recv();
        });
        journal.append(record::sequence(0), on_durable).expect("the journal is sound");
        hold
    }

    /// As if the journal had refused a transaction's record after the open block took it.
    #[cfg(test)]
    pub(crate) fn lose_record(&self, hash: B256) {
        self.unjournalled.lock().insert(hash);
    }

    /// The open block is dropped: nothing of it holds after a restart either.
    pub(crate) fn retract_promise(&self) {
        self.bundles().begin_block();
        let Some(promise) = self.promised.lock().take() else { return };
        let Some(journal) = &self.journal else { return };
        if let Err(error) = journal.append(record::retracted(promise.parent), Box::new(|_| {})) {
            tracing::warn!(%error, "journal does not say that the open block is dropped");
        }
    }
}
