//! Checks that all that is stored belongs together: what `weir db check` runs.

use crate::{Snapshot, StorageError, state_root_from_leaves};
use alloy_consensus::{ReceiptWithBloom, TxReceipt};
use alloy_eips::Encodable2718;
use alloy_primitives::B256;
use weir_primitives::{ExecutedBlock, Receipt, Transaction};
use weir_trie::{LeafCount, TrieError, count_leaves, ordered_root};

/// Something that does not belong together.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Finding {
    /// A block before the head is not there.
    #[error("block is missing: number={number}")]
    BlockMissing {
        /// Number of the block.
        number: u64,
    },
    /// A header has another hash than the one it is stored with, or another number.
    #[error("header does not have its hash: number={number} stored={stored} computed={computed}")]
    HeaderHash {
        /// Number of the block.
        number: u64,
        /// Hash that is stored.
        stored: B256,
        /// Hash of the header.
        computed: B256,
    },
    /// A block does not name the one before it as its parent.
    #[error("block is not the child of the one before it: number={number}")]
    Unlinked {
        /// Number of the block.
        number: u64,
    },
    /// What the header says of the body is not so.
    #[error(
        "header and body differ: number={number} field={field} header={header} computed={computed}"
    )]
    Body {
        /// Number of the block.
        number: u64,
        /// `transactionsRoot` or `receiptsRoot`.
        field: &'static str,
        /// What the header says.
        header: B256,
        /// What the body gives.
        computed: B256,
    },
    /// An index does not lead to what it should.
    #[error("index is wrong: number={number} index={index} key={key}")]
    Index {
        /// Number of the block.
        number: u64,
        /// `blockByHash` or `transactionByHash`.
        index: &'static str,
        /// The hash looked up.
        key: B256,
    },
    /// The accounts and slots do not give the head's state root.
    #[error("state root differs: number={number} header={header} computed={computed}")]
    StateRoot {
        /// Number of the head.
        number: u64,
        /// What its header says.
        header: B256,
        /// What the accounts and slots give.
        computed: B256,
    },
    /// The stored nodes are not the head's state trie.
    #[error("state trie is broken: number={number}: {error}")]
    Trie {
        /// Number of the head.
        number: u64,
        /// The first node that is wrong.
        #[source]
        error: TrieError,
    },
}

/// What was checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Audited {
    /// Blocks, genesis among them.
    pub blocks: u64,
    /// Transactions in them.
    pub transactions: u64,
    /// The state after the head.
    pub state: LeafCount,
}

/// Checks the newest `blocks_max` blocks and the state after the head, and tells `report` what is wrong.
///
/// # Errors
/// If something cannot be read at all.
pub fn audit(
    snapshot: &dyn Snapshot,
    blocks_max: u64,
    report: &mut dyn FnMut(Finding),
) -> Result<Audited, StorageError> {
    let head = snapshot.head();
    let mut audited = Audited::default();
    let mut child: Option<ExecutedBlock> = None;
    let oldest = (head.number + 1).saturating_sub(blocks_max);
    for number in (oldest..=head.number).rev() {
        let Some(block) = snapshot.block_by_number(number)? else {
            report(Finding::BlockMissing { number });
            child = None;
            continue;
        };
        if child
            .as_ref()
            .is_some_and(|child| child.block.header().parent_hash != block.block.hash())
        {
            report(Finding::Unlinked { number: number + 1 });
        }
        audit_block(snapshot, number, &block, report)?;
        audited.blocks += 1;
        audited.transactions += block.block.transactions().len() as u64;
        child = Some(block);
    }
    audited.state = audit_state(snapshot, report)?;
    Ok(audited)
}

fn audit_block(
    snapshot: &dyn Snapshot,
    number: u64,
    block: &ExecutedBlock,
    report: &mut dyn FnMut(Finding),
) -> Result<(), StorageError> {
    let (header, stored) = (block.block.header(), block.block.hash());
    let computed = header.hash_slow();
    if computed != stored || header.number != number {
        report(Finding::HeaderHash { number, stored, computed });
    }
    if snapshot.number_of(&stored)? != Some(number) {
        report(Finding::Index { number, index: "blockByHash", key: stored });
    }
    let transactions = block.block.transactions();
    for (index, transaction) in (0u64..).zip(transactions) {
        let key = *transaction.tx_hash();
        if snapshot.transaction_location(&key)? != Some((number, index)) {
            report(Finding::Index { number, index: "transactionByHash", key });
        }
    }
    let mut compare = |field, header, computed| {
        if header != computed {
            report(Finding::Body { number, field, header, computed });
        }
    };
    compare("transactionsRoot", header.transactions_root, transactions_root(transactions));
    // Receipts of the first forks hold a state root (EIP-658), which is not kept; a base fee says that they are past.
    if header.base_fee_per_gas.is_some() {
        compare("receiptsRoot", header.receipts_root, receipts_root(&block.receipts));
    }
    Ok(())
}

pub(crate) fn transactions_root(transactions: &[Transaction]) -> B256 {
    ordered_root(transactions.len(), |index, out| transactions[index].encode_2718(out))
}

pub(crate) fn receipts_root(receipts: &[Receipt]) -> B256 {
    let receipts: Vec<ReceiptWithBloom<&Receipt>> =
        receipts.iter().map(TxReceipt::with_bloom_ref).collect();
    ordered_root(receipts.len(), |index, out| receipts[index].encode_2718(out))
}

fn audit_state(
    snapshot: &dyn Snapshot,
    report: &mut dyn FnMut(Finding),
) -> Result<LeafCount, StorageError> {
    let number = snapshot.head().number;
    let Some((_, head)) = snapshot.header_by_number(number)? else {
        return Ok(LeafCount::default());
    };
    let header = head.state_root;
    let computed = state_root_from_leaves(snapshot)?;
    if computed != header {
        report(Finding::StateRoot { number, header, computed });
    }
    match count_leaves(header, snapshot) {
        Ok(count) => Ok(count),
        Err(error) => {
            report(Finding::Trie { number, error });
            Ok(LeafCount::default())
        }
    }
}
