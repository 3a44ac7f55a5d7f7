//! Where a transaction is in its life.

use alloc::{string::String, vec::Vec};
use alloy_primitives::B256;

/// A place in a sealed block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BlockPlace {
    /// Block number.
    pub block: u64,
    /// Block hash.
    pub hash: B256,
    /// Index in the block.
    pub index: u64,
}

/// The answer to "what became of my transaction".
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TransactionStatus {
    /// In the pool, and not yet as durable as the node promises.
    Received,
    /// Accepted and executable next, or behind such.
    Pending,
    /// Accepted; its fee cap does not cover the base fee of the next block.
    Parked {
        /// That base fee in wei per gas.
        base_fee: u64,
    },
    /// Accepted, waiting for a transaction with a lower nonce.
    Queued {
        /// The nonce that is missing.
        missing_nonce: u64,
    },
    /// Executed in the open block; may still be retracted.
    Preconfirmed {
        /// Number of the open block.
        block: u64,
        /// Index in that block.
        index: u64,
        /// What executing it gave, as [`result_hash`](crate::result_hash) names it.
        result: B256,
    },
    /// In a sealed block.
    Included(BlockPlace),
    /// In a sealed block, and the batch with the block is signed and sent to L1.
    Batched {
        /// Where it is.
        place: BlockPlace,
        /// The L1 transaction with the last part of the batch.
        l1_transaction: B256,
    },
    /// In a block that can be derived from L1.
    Safe {
        /// Where it is.
        place: BlockPlace,
        /// The L1 transaction with the last part of the batch, where the node knows it.
        l1_transaction: Option<B256>,
    },
    /// In a block that can be derived from L1 blocks which have their confirmations.
    Finalized {
        /// Where it is.
        place: BlockPlace,
        /// The L1 transaction with the last part of the batch, where the node knows it.
        l1_transaction: Option<B256>,
    },
    /// The block that held it left the chain, or the open block was dropped. What comes next follows.
    Retracted {
        /// Number of the block.
        block: u64,
        /// Its hash; `None` if it was the open block.
        hash: Option<B256>,
    },
    /// Another transaction of the sender took its nonce in the pool.
    Replaced {
        /// Hash of that transaction.
        by: B256,
    },
    /// Left the pool without being included.
    Dropped {
        /// Why, for programs.
        code: DropCode,
        /// Why, in words a user can act on.
        reason: String,
    },
}

impl TransactionStatus {
    /// Whether nothing follows, unless somebody sends the transaction again.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::Finalized { .. } | Self::Replaced { .. } | Self::Dropped { .. })
    }

    /// Whether it is accepted and in no block, open or sealed.
    pub const fn is_waiting(&self) -> bool {
        matches!(self, Self::Received | Self::Pending | Self::Parked { .. } | Self::Queued { .. })
    }
}

/// Why a transaction left the pool without being included. The numbers are on disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum DropCode {
    /// The pool was full and others paid more.
    Evicted = 1,
    /// Its nonce was used by another transaction or by an EIP-7702 authorization.
    Overtaken = 2,
    /// It waited longer than the pool keeps transactions.
    Expired = 3,
    /// It can never be executed.
    Invalid = 4,
    /// A block with it did not pass the check before publishing.
    Quarantined = 5,
    /// Its block left the chain, and it could not or should not come back.
    Reorged = 6,
    /// The pool did not take it back at a restart.
    NotRestored = 7,
    /// A condition that it was sent with (ERC-7796) does not hold.
    ConditionFailed = 8,
    /// The operator removed it.
    Removed = 9,
    /// It could not be made durable, and was not acknowledged.
    NotDurable = 10,
    /// Its sender's balance fell below what it may cost.
    Unfunded = 11,
}

impl DropCode {
    const ALL: [(Self, &'static str); 11] = [
        (Self::Evicted, "evicted"),
        (Self::Overtaken, "overtaken"),
        (Self::Expired, "expired"),
        (Self::Invalid, "invalid"),
        (Self::Quarantined, "quarantined"),
        (Self::Reorged, "reorged"),
        (Self::NotRestored, "notRestored"),
        (Self::ConditionFailed, "conditionFailed"),
        (Self::Removed, "removed"),
        (Self::NotDurable, "notDurable"),
        (Self::Unfunded, "unfunded"),
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        let named = Self::ALL.iter().find(|(code, _)| *code == self);
        named.map_or("", |(_, name)| name)
    }

    /// The code with this number on disk.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.iter().map(|(code, _)| *code).find(|code| *code as u8 == number)
    }
}

/// How a transaction ended that no block includes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    /// As [`TransactionStatus::Replaced`].
    Replaced {
        /// Hash of the transaction that has its nonce.
        by: B256,
    },
    /// As [`TransactionStatus::Dropped`].
    Dropped {
        /// Why, for programs.
        code: DropCode,
        /// Why, in words a user can act on.
        reason: String,
    },
}

impl Fate {
    /// A transaction that left the pool.
    pub fn dropped(code: DropCode, reason: impl Into<String>) -> Self {
        Self::Dropped { code, reason: reason.into() }
    }
}

impl From<Fate> for TransactionStatus {
    fn from(fate: Fate) -> Self {
        match fate {
            Fate::Replaced { by } => Self::Replaced { by },
            Fate::Dropped { code, reason } => Self::Dropped { code, reason },
        }
    }
}

/// A transaction whose status changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TransactionEvent {
    /// Hash of the transaction.
    pub hash: B256,
    /// Its status from now on.
    pub status: TransactionStatus,
}

/// Changes of statuses that came together, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatusUpdate {
    /// The changes.
    pub events: Vec<TransactionEvent>,
    /// Whether the chain moved: what waits in the pool may have changed without an event of its own.
    pub is_chain_moved: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_a_name_and_a_number_each() {
        for (code, name) in DropCode::ALL {
            assert_eq!(DropCode::from_number(code as u8), Some(code));
            assert_eq!(code.as_str(), name);
            let same = DropCode::ALL.iter().filter(|(_, other)| *other == name);
            assert_eq!(same.count(), 1, "{name}");
        }
        assert_eq!(DropCode::from_number(0), None);
    }
}
