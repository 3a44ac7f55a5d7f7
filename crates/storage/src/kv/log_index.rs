//! Which blocks hold which values in their logs.

use super::{Table, TableRead, TableWrite};
use crate::{
    LogValue, StorageError,
    codec::{self, META_LOG_INDEX},
};
use std::{collections::BTreeSet, ops::ControlFlow};
use weir_primitives::Receipt;

/// The keys of every value in the logs of a block.
fn keys_of(receipts: &[Receipt]) -> BTreeSet<[u8; 8]> {
    let mut keys = BTreeSet::new();
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        keys.insert(LogValue::Address(log.address).index_key());
        for (position, value) in (0..).zip(log.data.topics()) {
            keys.insert(LogValue::Topic { position, value: *value }.index_key());
        }
    }
    keys
}

/// Adds a block.
pub(super) fn write(
    tables: &mut impl TableWrite,
    number: u64,
    receipts: &[Receipt],
) -> Result<(), StorageError> {
    for key in keys_of(receipts) {
        tables.put(Table::LogIndex, &codec::log_index_key(&key, number), Some(&[]))?;
    }
    Ok(())
}

/// Takes a block out; call it before its receipts go.
pub(super) fn remove(tables: &mut impl TableWrite, number: u64) -> Result<(), StorageError> {
    let keys = {
        let receipts = tables.get(Table::Receipts, &number.to_be_bytes())?;
        let receipts = receipts.ok_or(codec::malformed(Table::Receipts))?;
        keys_of(&codec::decode_receipts(&receipts)?)
    };
    for key in keys {
        tables.put(Table::LogIndex, &codec::log_index_key(&key, number), None)?;
    }
    Ok(())
}

/// Sets the first block from which on every block is in the index.
pub(super) fn write_start(tables: &mut impl TableWrite, number: u64) -> Result<(), StorageError> {
    tables.put(Table::Meta, META_LOG_INDEX, Some(&number.to_be_bytes()))
}

/// The blocks from `first` to `last` that may hold a log with `value`, ascending: those that the index names, and those
/// that it does not cover.
pub(crate) fn log_blocks(
    tables: &impl TableRead,
    value: &LogValue,
    first: u64,
    last: u64,
) -> Result<Vec<u64>, StorageError> {
    let start = codec::read_log_index(tables)?;
    let mut blocks: Vec<u64> = (first..start.min(last.saturating_add(1))).collect();
    let key = value.index_key();
    let from = codec::log_index_key(&key, first.max(start));
    tables.walk(Table::LogIndex, &from, &mut |entry, _| {
        let Some(number) = entry.strip_prefix(&key) else { return Ok(ControlFlow::Break(())) };
        let number = codec::decode_number(number, Table::LogIndex)?;
        if number > last {
            return Ok(ControlFlow::Break(()));
        }
        blocks.push(number);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(blocks)
}
