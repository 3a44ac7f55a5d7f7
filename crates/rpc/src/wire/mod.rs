//! Blocks, transactions, receipts and logs in the JSON form that geth defines.
//!
//! Written by hand over borrowed values: a block of ten thousand transactions is serialized without copying one,
//! and fields that alloy's types leave out (`blockTimestamp: null` in the pool) are there.

mod block;
pub(crate) use block::{WireBlock, WireHeader};

mod transaction;
pub(crate) use transaction::WireTransaction;

mod receipt;
pub(crate) use receipt::{blob_gas_price, receipts};

mod log;
pub(crate) use log::{LogPlace, WireLog};

use serde::{Serialize, Serializer};

/// An integer as a quantity: minimal hex with a prefix.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Quantity(pub(crate) u128);

impl From<u64> for Quantity {
    fn from(value: u64) -> Self {
        Self(value.into())
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{:#x}", self.0))
    }
}
