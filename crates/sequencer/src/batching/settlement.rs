//! How far the blocks of a batch are on L1.

use super::{BatchState, BatchStatus};
use alloy_primitives::B256;
use std::ops::RangeInclusive;
use weir_primitives::{BlockPlace, TransactionStatus};

/// How far the batch with a block is: as far as the last of its parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Settlement {
    /// In no batch, or in one that is not signed yet.
    Unposted,
    /// Signed, and sent or about to be.
    Posted {
        /// The L1 transaction with the last part.
        l1_transaction: B256,
    },
    /// In L1 blocks: whoever reads them can derive the block.
    Safe {
        /// As above; `None` if the batch is so old that its entries are deleted.
        l1_transaction: Option<B256>,
    },
    /// In L1 blocks that have their confirmations.
    Final {
        /// As above.
        l1_transaction: Option<B256>,
    },
}

impl Settlement {
    /// The status of a transaction in such a block.
    pub(crate) const fn status(self, place: BlockPlace) -> TransactionStatus {
        match self {
            Self::Unposted => TransactionStatus::Included(place),
            Self::Posted { l1_transaction } => TransactionStatus::Batched { place, l1_transaction },
            Self::Safe { l1_transaction } => TransactionStatus::Safe { place, l1_transaction },
            Self::Final { l1_transaction } => {
                TransactionStatus::Finalized { place, l1_transaction }
            }
        }
    }

    /// Of the parts of one channel.
    fn of(parts: &[BatchStatus]) -> Self {
        let Some(last) = parts.last() else { return Self::Unposted };
        let slowest = parts.iter().map(|part| part.state).min_by_key(|state| rank(*state));
        let l1_transaction = last.transaction_hash;
        match (slowest, l1_transaction) {
            (Some(BatchState::Final), _) => Self::Final { l1_transaction },
            (Some(BatchState::Included), _) => Self::Safe { l1_transaction },
            (Some(BatchState::Sent), Some(l1_transaction)) => Self::Posted { l1_transaction },
            _ => Self::Unposted,
        }
    }
}

const fn rank(state: BatchState) -> u8 {
    match state {
        BatchState::Intended => 0,
        BatchState::Sent => 1,
        BatchState::Included => 2,
        BatchState::Final => 3,
    }
}

/// How far the batch with block `number` is, by the entries that are remembered, oldest first. Only final ones are
/// forgotten.
pub(super) fn settlement(statuses: &[BatchStatus], number: u64) -> Settlement {
    let from = statuses.partition_point(|status| status.last_block < number);
    let parts = &statuses[from..];
    let parts = &parts[..parts.partition_point(|status| status.first_block <= number)];
    match statuses.first() {
        Some(oldest) if number < oldest.first_block => Settlement::Final { l1_transaction: None },
        _ => Settlement::of(parts),
    }
}

/// Every channel that is remembered, oldest first: its blocks and how far they are.
pub(super) fn settlements(
    statuses: &[BatchStatus],
) -> impl Iterator<Item = (RangeInclusive<u64>, Settlement)> {
    statuses
        .chunk_by(|one, next| one.channel == next.channel)
        .map(|parts| (parts[0].first_block..=parts[0].last_block, Settlement::of(parts)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::FixedBytes;

    fn part(index: u64, channel: u8, blocks: (u64, u64), state: BatchState) -> BatchStatus {
        BatchStatus {
            index,
            channel: FixedBytes::repeat_byte(channel),
            first_block: blocks.0,
            last_block: blocks.1,
            frame: 0,
            frames: 1,
            state,
            transaction_hash: (state != BatchState::Intended)
                .then(|| B256::left_padding_from(&index.to_be_bytes())),
            nonce: None,
            l1_block: None,
            attempts: 1,
            bytes: 0,
            raw_bytes: 0,
            last_error: None,
        }
    }

    #[test]
    fn a_block_is_as_far_as_the_slowest_part_of_its_channel() {
        let hash = |index: u64| B256::left_padding_from(&index.to_be_bytes());
        let statuses = [
            part(7, 1, (10, 19), BatchState::Final),
            part(8, 2, (20, 29), BatchState::Included),
            part(9, 2, (20, 29), BatchState::Sent),
            part(10, 3, (30, 30), BatchState::Included),
            part(11, 4, (31, 40), BatchState::Sent),
            part(12, 4, (31, 40), BatchState::Intended),
        ];
        let known = |index| Some(hash(index));
        for (block, expected) in [
            (9, Settlement::Final { l1_transaction: None }),
            (10, Settlement::Final { l1_transaction: known(7) }),
            (19, Settlement::Final { l1_transaction: known(7) }),
            (20, Settlement::Posted { l1_transaction: hash(9) }),
            (29, Settlement::Posted { l1_transaction: hash(9) }),
            (30, Settlement::Safe { l1_transaction: known(10) }),
            (31, Settlement::Unposted),
            (41, Settlement::Unposted),
        ] {
            assert_eq!(settlement(&statuses, block), expected, "block {block}");
        }
        assert_eq!(settlement(&[], 3), Settlement::Unposted);
        let channels: Vec<_> = settlements(&statuses).collect();
        assert_eq!(channels.len(), 4);
        for (blocks, expected) in channels {
            for block in blocks {
                assert_eq!(settlement(&statuses, block), expected);
            }
        }
    }
}
