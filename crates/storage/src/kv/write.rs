//! What a commit writes, whatever the backend.

use super::{Table, TableWrite, history, log_index};
use crate::{
    BlockCommit, GenesisState, HistoryWindow, RecordWrite, StorageError,
    codec::{self, META_CHAIN, META_HEAD, META_SCHEMA, SCHEMA_VERSION, StoragePath},
    error::ChainIdentity,
};
use alloy_primitives::{B256, U256};
use weir_primitives::{Account, ExecutedBlock, StateDiff};
use weir_trie::{AccountChange, HashedDiff, LeafAccount, TrieUpdates};

/// Writes genesis into empty tables; otherwise checks that they are of this program and this chain.
pub(crate) fn open_or_create(
    tables: &mut impl TableWrite,
    genesis: &GenesisState,
) -> Result<(), StorageError> {
    let genesis_hash = genesis.block.block.hash();
    let expected = ChainIdentity { chain_id: genesis.chain_id, genesis_hash };
    let Some(found) = codec::read_schema(tables)? else {
        tables.put(Table::Meta, META_SCHEMA, Some(&SCHEMA_VERSION.to_be_bytes()))?;
        tables.put(Table::Meta, META_CHAIN, Some(&codec::encode_identity(&expected)))?;
        let GenesisState { block, hashed, trie, .. } = genesis;
        history::write_oldest(tables, block.reference().number)?;
        log_index::write_start(tables, block.reference().number)?;
        return write_block(tables, &BlockCommit { block, hashed, trie, records: &[] });
    };
    if found > SCHEMA_VERSION {
        return Err(StorageError::SchemaTooNew { found, supported: SCHEMA_VERSION });
    }
    let of_chain = codec::read_identity(tables)?.ok_or(codec::malformed(Table::Meta))?;
    if of_chain != expected {
        return Err(StorageError::ForeignChain { expected, found: of_chain });
    }
    if found < SCHEMA_VERSION { upgrade(tables, found) } else { Ok(()) }
}

/// Checks the schema version, whatever the chain; `false` if nothing is stored.
pub(crate) fn open_existing(tables: &mut impl TableWrite) -> Result<bool, StorageError> {
    match codec::read_schema(tables)? {
        None => return Ok(false),
        Some(found) if SCHEMA_VERSION < found => {
            return Err(StorageError::SchemaTooNew { found, supported: SCHEMA_VERSION });
        }
        Some(found) if found < SCHEMA_VERSION => upgrade(tables, found)?,
        Some(_) => {}
    }
    Ok(true)
}

/// Schema 1 kept no history: it begins at the head. Schema 2 had no index of logs: it begins behind the head, and blocks
/// before that are looked through one by one. Schema 3 had no redo log, which is empty then.
fn upgrade(tables: &mut impl TableWrite, found: u32) -> Result<(), StorageError> {
    let head = codec::read_head(tables)?.ok_or(codec::malformed(Table::Meta))?;
    if found < 2 {
        history::write_oldest(tables, head.number)?;
    }
    if found < 3 {
        log_index::write_start(tables, head.number + 1)?;
    }
    tables.put(Table::Meta, META_SCHEMA, Some(&SCHEMA_VERSION.to_be_bytes()))
}

/// Writes the child of the head, and drops the history before the window.
pub(crate) fn write_commit(
    tables: &mut impl TableWrite,
    commit: &BlockCommit<'_>,
    window: HistoryWindow,
) -> Result<(), StorageError> {
    let head = codec::read_head(tables)?.ok_or(codec::malformed(Table::Meta))?;
    let block = commit.block.reference();
    if !block.is_child_of(&head) {
        return Err(StorageError::NotChildOfHead { head, block });
    }
    let before = history::Before::read(tables, commit.hashed)?;
    write_block(tables, commit)?;
    before.write(tables, block.number)?;
    history::prune(tables, window, block.number)
}

/// Writes records in order.
pub(crate) fn write_records(
    tables: &mut impl TableWrite,
    writes: &[RecordWrite],
) -> Result<(), StorageError> {
    for write in writes {
        let (bytes, bytes_max) = (write.key.len(), RecordWrite::KEY_BYTES_MAX);
        if bytes > bytes_max {
            return Err(StorageError::RecordKeyTooLong { bytes, bytes_max });
        }
        let key = codec::record_key(write.namespace, &write.key);
        tables.put(Table::Records, &key, write.value.as_deref())?;
    }
    Ok(())
}

fn write_block(tables: &mut impl TableWrite, commit: &BlockCommit<'_>) -> Result<(), StorageError> {
    let reference = commit.block.reference();
    let number = reference.number;
    let diff = commit.block.diff.as_ref().ok_or(StorageError::DiffMissing { number })?;
    debug_assert_eq!(diff.accounts.len(), commit.hashed.accounts.len(), "hashed is of this diff");
    write_chain(tables, commit.block)?;
    write_codes(tables, diff)?;
    write_state(tables, commit.hashed)?;
    write_nodes(tables, commit.trie)?;
    write_records(tables, commit.records)?;
    tables.put(Table::Meta, META_HEAD, Some(&codec::encode_head(&reference)))
}

fn write_chain(tables: &mut impl TableWrite, executed: &ExecutedBlock) -> Result<(), StorageError> {
    let block = &executed.block;
    let number = block.header().number;
    let key = number.to_be_bytes();
    let body = alloy_rlp::encode(&block.block().body);
    let receipts = alloy_rlp::encode(&*executed.receipts);
    let header = codec::encode_header(block.hash(), block.header());
    tables.put(Table::Headers, &key, Some(&header))?;
    tables.put(Table::Bodies, &key, Some(&body))?;
    tables.put(Table::Senders, &key, Some(&codec::encode_senders(block.senders())))?;
    tables.put(Table::Receipts, &key, Some(&receipts))?;
    tables.put(Table::BlockNumbers, block.hash().as_slice(), Some(&key))?;
    let hashes = block.transactions().iter().map(|transaction| *transaction.tx_hash());
    let mut locations: Vec<(B256, usize)> =
        hashes.enumerate().map(|(index, hash)| (hash, index)).collect();
    locations.sort_unstable();
    for (hash, index) in locations {
        let location = codec::encode_location(number, index);
        tables.put(Table::Transactions, hash.as_slice(), Some(&location))?;
    }
    log_index::write(tables, number, &executed.receipts)
}

fn write_codes(tables: &mut impl TableWrite, diff: &StateDiff) -> Result<(), StorageError> {
    let mut codes: Vec<_> = diff.codes.iter().collect();
    codes.sort_unstable_by_key(|(hash, _)| **hash);
    for (hash, code) in codes {
        tables.put(Table::Codes, hash.as_slice(), Some(code))?;
    }
    Ok(())
}

/// Writes the state that a change leads to.
pub(super) fn write_state(
    tables: &mut impl TableWrite,
    hashed: &HashedDiff,
) -> Result<(), StorageError> {
    for (key, change) in &hashed.accounts {
        write_account(tables, key, change)?;
    }
    for (key, change) in &hashed.accounts {
        if change.is_storage_wiped || change.account.is_none() {
            tables.delete_prefix(Table::Storage, key.as_slice())?;
        }
        if change.account.is_some() {
            write_slot_values(tables, key, &change.slots)?;
        }
    }
    Ok(())
}

fn write_account(
    tables: &mut impl TableWrite,
    key: &B256,
    change: &AccountChange,
) -> Result<(), StorageError> {
    let account = change.account.map(|leaf| {
        let LeafAccount { nonce, balance, code_hash } = leaf;
        codec::encode_account(&Account { nonce, balance, code_hash })
    });
    tables.put(Table::Accounts, key.as_slice(), account.as_deref())
}

/// Writes the values of changed slots; those that are zero are deleted.
fn write_slot_values(
    tables: &mut impl TableWrite,
    account: &B256,
    slots: &[(B256, U256)],
) -> Result<(), StorageError> {
    for (slot, value) in slots {
        let encoded = (!value.is_zero()).then(|| codec::encode_slot(value));
        tables.put(Table::Storage, &codec::slot_key(account, slot), encoded.as_deref())?;
    }
    Ok(())
}

pub(super) fn write_nodes(
    tables: &mut impl TableWrite,
    trie: &TrieUpdates,
) -> Result<(), StorageError> {
    for account in &trie.wiped_storage {
        tables.delete_prefix(Table::StorageNodes, account.as_slice())?;
    }
    for (path, rlp) in &trie.account_nodes {
        tables.put(
            Table::AccountNodes,
            &StoragePath::of_account(path),
            rlp.as_ref().map(AsRef::as_ref),
        )?;
    }
    for (account, path, rlp) in &trie.storage_nodes {
        let key = StoragePath::of_storage(account, path);
        tables.put(Table::StorageNodes, &key, rlp.as_ref().map(AsRef::as_ref))?;
    }
    Ok(())
}
