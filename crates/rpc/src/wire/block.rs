//! Blocks and headers.

use super::{Quantity, WireTransaction};
use crate::api::Located;
use alloy_eips::eip4895::Withdrawals;
use alloy_primitives::B256;
use alloy_rlp::Encodable;
use serde::{Serialize, Serializer, ser::SerializeSeq};
use weir_primitives::{ExecutedBlock, Header};

/// A header with its hash, as `newHeads` sends it.
#[derive(Debug, Serialize)]
pub(crate) struct WireHeader<'a> {
    pub(crate) hash: B256,
    #[serde(flatten)]
    pub(crate) header: &'a Header,
}

/// A block with hashes or whole transactions.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WireBlock<'a> {
    /// Of the open block, the hash it would have as it stands: reth and anvil give one, and alloy's clients refuse a
    /// block without.
    hash: B256,
    #[serde(flatten)]
    header: &'a Header,
    size: Quantity,
    transactions: Transactions<'a>,
    uncles: Vec<B256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    withdrawals: Option<&'a Withdrawals>,
}

impl<'a> WireBlock<'a> {
    pub(crate) fn new(located: &'a Located, is_full: bool) -> Self {
        let is_pending = located.is_pending();
        let executed = located.block();
        let block = executed.block.block();
        Self {
            hash: executed.block.hash(),
            header: &block.header,
            size: Quantity(block.length() as u128),
            transactions: Transactions { block: executed, is_pending, is_full },
            uncles: block.body.ommers.iter().map(Header::hash_slow).collect(),
            withdrawals: block.body.withdrawals.as_ref(),
        }
    }
}

#[derive(Debug)]
struct Transactions<'a> {
    block: &'a ExecutedBlock,
    is_pending: bool,
    is_full: bool,
}

impl Serialize for Transactions<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let transactions = self.block.block.transactions();
        let mut list = to.serialize_seq(Some(transactions.len()))?;
        for (index, transaction) in transactions.iter().enumerate() {
            if self.is_full {
                list.serialize_element(&WireTransaction::of(self.block, index, self.is_pending))?;
            } else {
                list.serialize_element(transaction.tx_hash())?;
            }
        }
        list.end()
    }
}
