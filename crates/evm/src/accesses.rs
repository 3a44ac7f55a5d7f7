//! What a block reads of the state before it.

use alloc::{sync::Arc, vec::Vec};
use alloy_primitives::{Address, B256, U256};
use weir_primitives::{Account, Receipt, Transaction};

/// What the calls, transactions and payments of a block read of the state before the block, candidates that did not
/// join the block left out. Sorted, each once.
///
/// What is written is read first, so it is here, too.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockAccesses {
    /// Accounts, present or absent, with the slots read of those that are present.
    pub accounts: Vec<(Address, Vec<U256>)>,
    /// Hashes of the codes read, those that the block itself created before left out.
    pub codes: Vec<B256>,
    /// The lowest block number whose hash was asked for (`BLOCKHASH`), if any was.
    pub lowest_block_hash: Option<u64>,
}

/// An account that was read, or one of its slots.
pub type StateRead = (Address, Option<U256>);

/// What a block has done since it was last asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recent {
    /// What it has read for the first time.
    pub reads: Vec<StateRead>,
    /// What it has written over, as it is now.
    pub writes: Vec<RecentWrite>,
    /// The transactions that joined it, with their receipts.
    pub executed: Vec<(Arc<Transaction>, Receipt)>,
}

/// An account that was there before the block and still is, with all its storage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecentWrite {
    /// Its address.
    pub address: Address,
    /// What it was before the block.
    pub before: Account,
    /// What it is now.
    pub now: Account,
    /// Slots that held a value before the block and hold one now.
    pub slots: Vec<RecentSlot>,
}

/// A slot that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecentSlot {
    /// Its number.
    pub slot: U256,
    /// Its value before the block; not zero.
    pub before: U256,
    /// Its value now; not zero.
    pub now: U256,
}

/// A read of a transaction whose fate is not known yet.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Read {
    /// An account, by its place among the entries of the overlay.
    Account(u32),
    /// A slot of such an account.
    Slot(u32, U256),
    Code(B256),
    BlockHash(u64),
}
