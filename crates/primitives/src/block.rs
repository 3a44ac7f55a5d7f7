//! Blocks on their way from execution to the consumers.

use crate::StateDiff;
use alloc::{sync::Arc, vec::Vec};
use alloy_consensus::{
    EthereumReceipt, EthereumTxEnvelope, TxEip4844, transaction::SignerRecoverable,
};
use alloy_primitives::{Address, B256};

/// An Ethereum block header.
pub type Header = alloy_consensus::Header;

/// A signed transaction of any type (0 to 4), blobs without their sidecar, as it stands in a block.
pub type Transaction = EthereumTxEnvelope<TxEip4844>;

/// An Ethereum block with signed transactions.
pub type Block = alloy_consensus::Block<Transaction>;

/// A receipt as consensus knows it: type, status, cumulative gas, logs.
pub type Receipt = EthereumReceipt;

/// What identifies a block and links it to its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct BlockRef {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Hash of the parent block.
    pub parent_hash: B256,
    /// Unix time in seconds.
    pub timestamp: u64,
}

impl BlockRef {
    /// Whether this block is the direct child of `parent`.
    pub fn is_child_of(&self, parent: &Self) -> bool {
        self.number == parent.number + 1 && self.parent_hash == parent.hash
    }
}

/// A transaction whose signature does not recover to an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("sender cannot be recovered: transaction={index}")]
pub struct SenderError {
    /// Index of the transaction in the block.
    pub index: usize,
}

/// A sealed block: its hash is computed and its transactions' senders are recovered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecoveredBlock {
    hash: B256,
    block: Block,
    senders: Vec<Address>,
}

impl RecoveredBlock {
    /// Takes a block with the hash and senders that the caller has already computed.
    ///
    /// # Panics
    /// If there is not exactly one sender a transaction.
    pub fn new(block: Block, hash: B256, senders: Vec<Address>) -> Self {
        assert_eq!(block.body.transactions.len(), senders.len(), "one sender a transaction");
        debug_assert_eq!(block.header.hash_slow(), hash, "the hash is the header's");
        Self { hash, block, senders }
    }

    /// Hashes the header and recovers every sender; low-s is required (EIP-2).
    pub fn recover(block: Block) -> Result<Self, SenderError> {
        let senders = block
            .body
            .transactions
            .iter()
            .enumerate()
            .map(|(index, tx)| tx.recover_signer().map_err(|_| SenderError { index }))
            .collect::<Result<_, _>>()?;
        let hash = block.header.hash_slow();
        Ok(Self { hash, block, senders })
    }

    /// The block hash.
    pub const fn hash(&self) -> B256 {
        self.hash
    }

    /// The header.
    pub const fn header(&self) -> &Header {
        &self.block.header
    }

    /// The whole block.
    pub const fn block(&self) -> &Block {
        &self.block
    }

    /// The transactions in order.
    pub fn transactions(&self) -> &[Transaction] {
        &self.block.body.transactions
    }

    /// The senders, one a transaction, in order.
    pub fn senders(&self) -> &[Address] {
        &self.senders
    }

    /// The reference to this block.
    pub const fn reference(&self) -> BlockRef {
        BlockRef {
            number: self.block.header.number,
            hash: self.hash,
            parent_hash: self.block.header.parent_hash,
            timestamp: self.block.header.timestamp,
        }
    }
}

/// A block with what executing it produced. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecutedBlock {
    /// The block.
    pub block: Arc<RecoveredBlock>,
    /// One receipt a transaction, in order.
    pub receipts: Arc<Vec<Receipt>>,
    /// What the block changed, where the source knows it (an RPC follower does not).
    pub diff: Option<Arc<StateDiff>>,
}

impl ExecutedBlock {
    /// The reference to this block.
    pub fn reference(&self) -> BlockRef {
        self.block.reference()
    }
}
