//! A block that is executed but has no state root yet.

use crate::{BlockAccesses, StateRead, execution::Finished, roots::BodyRoots, threads};
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::proofs::calculate_withdrawals_root;
use alloy_eips::{eip4895::Withdrawal, eip7685::Requests};
use alloy_primitives::{Address, B256};
use weir_primitives::{
    Block, ExecutedBlock, Header, Receipt, RecoveredBlock, StateDiff, Transaction,
};

/// An executed block whose header lacks only the state root.
///
/// The caller computes that root from [`Self::diff`] and calls [`Self::seal`].
#[derive(Debug, Clone)]
pub struct UnsealedBlock {
    header: Header,
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    withdrawals: Option<Vec<Withdrawal>>,
    receipts: Arc<Vec<Receipt>>,
    diff: Arc<StateDiff>,
    accesses: Arc<BlockAccesses>,
    requests: Requests,
}

impl UnsealedBlock {
    /// Computes the roots of the body as far as they are not in `ahead`, and beside them, on another thread if one is free, what `beside` makes of the diff
    /// and of the reads that nobody has asked for yet.
    pub(crate) fn assemble<R: Send>(
        mut header: Header,
        transactions: Vec<Arc<Transaction>>,
        senders: Vec<Address>,
        withdrawals: Option<Vec<Withdrawal>>,
        finished: Finished,
        ahead: BodyRoots,
        beside: impl FnOnce(&StateDiff, &[StateRead]) -> R + Send,
    ) -> (Self, R) {
        let receipts = &finished.receipts;
        let body = || {
            let transactions: Vec<_> = transactions.into_iter().map(Arc::unwrap_or_clone).collect();
            let roots = ahead.of(&transactions, receipts);
            (transactions, roots)
        };
        let (by_caller, (transactions, (transactions_root, receipts_root, bloom))) =
            threads::join(|| beside(&finished.diff, &finished.recent_reads), body);
        header.transactions_root = transactions_root;
        header.receipts_root = receipts_root;
        header.logs_bloom = bloom;
        header.gas_used = finished.gas_used;
        header.withdrawals_root = withdrawals.as_deref().map(calculate_withdrawals_root);
        header.blob_gas_used = header.blob_gas_used.map(|_| finished.blob_gas_used);
        header.requests_hash = header.requests_hash.map(|_| finished.requests.requests_hash());
        let unsealed = Self {
            header,
            transactions,
            senders,
            withdrawals,
            receipts: Arc::new(finished.receipts),
            diff: Arc::new(finished.diff),
            accesses: Arc::new(finished.accesses),
            requests: finished.requests,
        };
        (unsealed, by_caller)
    }

    /// The header, complete but for the state root, which is zero.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The transactions in order.
    pub fn transactions(&self) -> &[Transaction] {
        &self.transactions
    }

    /// The receipts, one a transaction.
    pub const fn receipts(&self) -> &Arc<Vec<Receipt>> {
        &self.receipts
    }

    /// What the block changed.
    pub const fn diff(&self) -> &Arc<StateDiff> {
        &self.diff
    }

    /// What the block read of the state before it.
    pub const fn accesses(&self) -> &Arc<BlockAccesses> {
        &self.accesses
    }

    /// Requests to the consensus layer (EIP-7685).
    pub const fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Fixes the state root, and with it the hash.
    pub fn seal(self, state_root: B256) -> ExecutedBlock {
        let header = Header { state_root, ..self.header };
        let hash = header.hash_slow();
        let body = alloy_consensus::BlockBody {
            transactions: self.transactions,
            ommers: Vec::new(),
            withdrawals: self.withdrawals.map(Into::into),
        };
        ExecutedBlock {
            block: Arc::new(RecoveredBlock::new(Block { header, body }, hash, self.senders)),
            receipts: self.receipts,
            diff: Some(self.diff),
        }
    }
}
