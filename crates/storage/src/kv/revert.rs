//! What taking blocks off writes, whatever the backend.

use super::{
    Table, TableWrite, history, log_index,
    write::{write_nodes, write_state},
};
use crate::{
    RevertCommit, StorageError,
    codec::{self, META_HEAD},
};
use weir_primitives::BlockRef;

/// Makes an ancestor of the head the head.
pub(crate) fn write_revert(
    tables: &mut impl TableWrite,
    revert: &RevertCommit<'_>,
) -> Result<(), StorageError> {
    let head = codec::read_head(tables)?.ok_or(codec::malformed(Table::Meta))?;
    let refused = StorageError::NotAncestorOfHead { head, block: revert.to };
    if revert.to.number >= head.number {
        return Err(refused);
    }
    let ancestor = match tables.get(Table::Headers, &revert.to.number.to_be_bytes())? {
        Some(value) => codec::decode_header(&value)?,
        None => return Err(refused),
    };
    let (hash, header) = ancestor;
    if hash != revert.to.hash {
        return Err(refused);
    }
    for number in (revert.to.number + 1..=head.number).rev() {
        remove_block(tables, number)?;
    }
    if revert.to.number < codec::read_history(tables)? {
        history::write_oldest(tables, revert.to.number)?;
    }
    // What comes in their place is indexed.
    if codec::read_log_index(tables)? > revert.to.number + 1 {
        log_index::write_start(tables, revert.to.number + 1)?;
    }
    // What this removes was never part of the ancestor, so history needs no copy.
    write_state(tables, revert.hashed)?;
    write_nodes(tables, revert.trie)?;
    let reference = BlockRef {
        number: header.number,
        hash,
        parent_hash: header.parent_hash,
        timestamp: header.timestamp,
    };
    tables.put(Table::Meta, META_HEAD, Some(&codec::encode_head(&reference)))
}

/// Deletes a block and everything that points to it.
fn remove_block(tables: &mut impl TableWrite, number: u64) -> Result<(), StorageError> {
    let key = number.to_be_bytes();
    let header = tables.get(Table::Headers, &key)?;
    let hash = codec::decode_header_hash(&header.ok_or(codec::malformed(Table::Headers))?)?;
    let body = tables.get(Table::Bodies, &key)?;
    let mut transactions =
        codec::decode_transaction_hashes(&body.ok_or(codec::malformed(Table::Bodies))?)?;
    transactions.sort_unstable();
    for transaction in transactions {
        tables.put(Table::Transactions, transaction.as_slice(), None)?;
    }
    tables.put(Table::BlockNumbers, hash.as_slice(), None)?;
    log_index::remove(tables, number)?;
    for table in [Table::Headers, Table::Bodies, Table::Senders, Table::Receipts] {
        tables.put(table, &key, None)?;
    }
    history::remove(tables, number)
}
