//! Keys and values as bytes on disk. Integers are big-endian, so that keys sort as numbers.
//!
//! A change of any of these formats is a new [`SCHEMA_VERSION`].

use crate::{
    RecordNamespace, StorageError,
    error::ChainIdentity,
    kv::{Table, TableRead, TableWrite},
};
use alloy_consensus::BlockBody;
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::{Decodable, Encodable};
use std::{ops::Deref, sync::Arc};
use weir_primitives::{
    Account, Block, BlockRef, ExecutedBlock, Header, KECCAK_EMPTY, Receipt, RecoveredBlock,
    Transaction,
};
use weir_trie::Nibbles;

/// Version of everything in this file and of the list of tables.
pub(crate) const SCHEMA_VERSION: u32 = 4;

/// Key of the schema version in [`Table::Meta`].
pub(crate) const META_SCHEMA: &[u8] = b"schema";
/// Key of the chain identity in [`Table::Meta`].
pub(crate) const META_CHAIN: &[u8] = b"chain";
/// Key of the head in [`Table::Meta`].
pub(crate) const META_HEAD: &[u8] = b"head";
/// Key of the oldest block whose state can be read, in [`Table::Meta`].
pub(crate) const META_HISTORY: &[u8] = b"history";

/// Key of the number of the last record of the redo log that is in the tables, in [`Table::Meta`].
pub(crate) const META_APPLIED: &[u8] = b"applied";
/// Key of the first block from which on logs are indexed, in [`Table::Meta`].
pub(crate) const META_LOG_INDEX: &[u8] = b"log_index";

pub(crate) const fn malformed(table: Table) -> StorageError {
    StorageError::Malformed { table: table.name() }
}

/// Splits a fixed number of bytes off the front.
fn take<const N: usize>(bytes: &mut &[u8], table: Table) -> Result<[u8; N], StorageError> {
    let (head, rest) = bytes.split_first_chunk::<N>().ok_or_else(|| malformed(table))?;
    *bytes = rest;
    Ok(*head)
}

pub(crate) fn read_schema(tables: &impl TableRead) -> Result<Option<u32>, StorageError> {
    let value = tables.get(Table::Meta, META_SCHEMA)?;
    let decode = |mut value: &[u8]| Ok(u32::from_be_bytes(take(&mut value, Table::Meta)?));
    value.map(|value| decode(&value)).transpose()
}

pub(crate) fn encode_identity(identity: &ChainIdentity) -> Vec<u8> {
    let mut out = identity.chain_id.to_be_bytes().to_vec();
    out.extend_from_slice(identity.genesis_hash.as_slice());
    out
}

pub(crate) fn read_identity(
    tables: &impl TableRead,
) -> Result<Option<ChainIdentity>, StorageError> {
    let value = tables.get(Table::Meta, META_CHAIN)?;
    let decode = |mut value: &[u8]| {
        let chain_id = u64::from_be_bytes(take(&mut value, Table::Meta)?);
        let genesis_hash = B256::new(take(&mut value, Table::Meta)?);
        Ok(ChainIdentity { chain_id, genesis_hash })
    };
    value.map(|value| decode(&value)).transpose()
}

pub(crate) fn encode_head(head: &BlockRef) -> Vec<u8> {
    let mut out = head.number.to_be_bytes().to_vec();
    out.extend_from_slice(head.hash.as_slice());
    out.extend_from_slice(head.parent_hash.as_slice());
    out.extend_from_slice(&head.timestamp.to_be_bytes());
    out
}

pub(crate) fn read_head(tables: &impl TableRead) -> Result<Option<BlockRef>, StorageError> {
    let value = tables.get(Table::Meta, META_HEAD)?;
    let decode = |mut value: &[u8]| {
        let number = u64::from_be_bytes(take(&mut value, Table::Meta)?);
        let hash = B256::new(take(&mut value, Table::Meta)?);
        let parent_hash = B256::new(take(&mut value, Table::Meta)?);
        let timestamp = u64::from_be_bytes(take(&mut value, Table::Meta)?);
        Ok(BlockRef { number, hash, parent_hash, timestamp })
    };
    value.map(|value| decode(&value)).transpose()
}

/// The oldest block whose state can be read.
pub(crate) fn read_history(tables: &impl TableRead) -> Result<u64, StorageError> {
    let value = tables.get(Table::Meta, META_HISTORY)?.ok_or_else(|| malformed(Table::Meta))?;
    decode_number(&value, Table::Meta)
}

/// The first block from which on logs are indexed.
pub(crate) fn read_log_index(tables: &impl TableRead) -> Result<u64, StorageError> {
    let value = tables.get(Table::Meta, META_LOG_INDEX)?.ok_or_else(|| malformed(Table::Meta))?;
    decode_number(&value, Table::Meta)
}

/// The last record of the redo log that is in the tables; zero if none ever was.
pub(crate) fn read_applied(tables: &impl TableRead) -> Result<u64, StorageError> {
    let value = tables.get(Table::Meta, META_APPLIED)?;
    value.map_or(Ok(0), |value| decode_number(&value, Table::Meta))
}

/// Sets the last record of the redo log that is in the tables.
pub(crate) fn write_applied(tables: &mut impl TableWrite, number: u64) -> Result<(), StorageError> {
    tables.put(Table::Meta, META_APPLIED, Some(&number.to_be_bytes()))
}

/// Hash of a value in a log, then the block's number.
pub(crate) fn log_index_key(value: &[u8; 8], number: u64) -> [u8; 16] {
    let mut key = [0; 16];
    key[..8].copy_from_slice(value);
    key[8..].copy_from_slice(&number.to_be_bytes());
    key
}

/// A key that is one hash.
pub(crate) fn hash_key(key: &[u8], table: Table) -> Result<B256, StorageError> {
    B256::try_from(key).map_err(|_| malformed(table))
}

/// Block hash, then header RLP.
pub(crate) fn encode_header(hash: B256, header: &Header) -> Vec<u8> {
    let mut out = Vec::with_capacity(32 + header.length());
    out.extend_from_slice(hash.as_slice());
    header.encode(&mut out);
    out
}

pub(crate) fn decode_header_hash(mut value: &[u8]) -> Result<B256, StorageError> {
    Ok(B256::new(take(&mut value, Table::Headers)?))
}

pub(crate) fn decode_header(mut value: &[u8]) -> Result<(B256, Header), StorageError> {
    let hash = B256::new(take(&mut value, Table::Headers)?);
    let header = Header::decode(&mut value).map_err(|_| malformed(Table::Headers))?;
    Ok((hash, header))
}

pub(crate) fn encode_senders(senders: &[Address]) -> Vec<u8> {
    senders.iter().flat_map(|sender| sender.0.0).collect()
}

/// Puts a block together from its parts.
pub(crate) fn decode_block(
    hash: B256,
    header: Header,
    mut body: &[u8],
    senders: &[u8],
    receipts: &[u8],
) -> Result<ExecutedBlock, StorageError> {
    let body = BlockBody::<Transaction, Header>::decode(&mut body)
        .map_err(|_| malformed(Table::Bodies))?;
    let receipts = decode_receipts(receipts)?;
    let (senders, rest) = senders.as_chunks::<20>();
    if senders.len() != body.transactions.len() || !rest.is_empty() {
        return Err(malformed(Table::Senders));
    }
    let senders = senders.iter().map(Address::from).collect();
    let block = RecoveredBlock::new(Block { header, body }, hash, senders);
    Ok(ExecutedBlock { block: Arc::new(block), receipts: Arc::new(receipts), diff: None })
}

/// The hashes of a body's transactions, in order.
pub(crate) fn decode_receipts(mut receipts: &[u8]) -> Result<Vec<Receipt>, StorageError> {
    Vec::<Receipt>::decode(&mut receipts).map_err(|_| malformed(Table::Receipts))
}

pub(crate) fn decode_transaction_hashes(mut body: &[u8]) -> Result<Vec<B256>, StorageError> {
    let body = BlockBody::<Transaction, Header>::decode(&mut body)
        .map_err(|_| malformed(Table::Bodies))?;
    Ok(body.transactions.iter().map(|transaction| *transaction.tx_hash()).collect())
}

pub(crate) fn decode_number(mut value: &[u8], table: Table) -> Result<u64, StorageError> {
    Ok(u64::from_be_bytes(take(&mut value, table)?))
}

/// Block number (8 bytes) and index (4 bytes) of a transaction.
pub(crate) fn encode_location(number: u64, index: usize) -> [u8; 12] {
    let index = u32::try_from(index).expect("a block's gas bounds its transactions far below 2^32");
    let mut out = [0; 12];
    out[..8].copy_from_slice(&number.to_be_bytes());
    out[8..].copy_from_slice(&index.to_be_bytes());
    out
}

pub(crate) fn decode_location(mut value: &[u8]) -> Result<(u64, u64), StorageError> {
    let number = u64::from_be_bytes(take(&mut value, Table::Transactions)?);
    let index = u32::from_be_bytes(take(&mut value, Table::Transactions)?);
    Ok((number, u64::from(index)))
}

/// Bit of an account's first byte that says that a code hash follows the nonce.
const HAS_CODE: u8 = 0x80;

/// Length of the nonce (and [`HAS_CODE`]), nonce, code hash if any, balance; integers without leading zeros.
pub(crate) fn encode_account(account: &Account) -> Vec<u8> {
    let nonce = account.nonce.to_be_bytes();
    let nonce = &nonce[account.nonce.leading_zeros() as usize / 8..];
    let mut out = Vec::with_capacity(1 + nonce.len() + 32 + 32);
    let flag = if account.has_code() { HAS_CODE } else { 0 };
    out.push(nonce.len() as u8 | flag);
    out.extend_from_slice(nonce);
    if account.has_code() {
        out.extend_from_slice(account.code_hash.as_slice());
    }
    out.extend_from_slice(&account.balance.to_be_bytes_trimmed_vec());
    out
}

pub(crate) fn decode_account(value: &[u8]) -> Result<Account, StorageError> {
    let malformed = || malformed(Table::Accounts);
    let (flag, rest) = value.split_first().ok_or_else(malformed)?;
    let (nonce, mut rest) =
        rest.split_at_checked(usize::from(flag & !HAS_CODE)).ok_or_else(malformed)?;
    let nonce = U256::try_from_be_slice(nonce).ok_or_else(malformed)?;
    let nonce = u64::try_from(nonce).map_err(|_| malformed())?;
    let code_hash = if flag & HAS_CODE == 0 {
        KECCAK_EMPTY
    } else {
        B256::new(take(&mut rest, Table::Accounts)?)
    };
    let balance = U256::try_from_be_slice(rest).ok_or_else(malformed)?;
    Ok(Account { nonce, balance, code_hash })
}

/// A slot's value without leading zeros.
pub(crate) fn encode_slot(value: &U256) -> Vec<u8> {
    value.to_be_bytes_trimmed_vec()
}

pub(crate) fn decode_slot(value: &[u8], table: Table) -> Result<U256, StorageError> {
    U256::try_from_be_slice(value).ok_or_else(|| malformed(table))
}

/// Hashed address, then hashed slot.
pub(crate) fn slot_key(account: &B256, slot: &B256) -> [u8; 64] {
    let mut key = [0; 64];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(slot.as_slice());
    key
}

/// Block number, hashed address.
pub(crate) fn account_change_key(number: u64, account: &B256) -> [u8; 40] {
    let mut key = [0; 40];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..].copy_from_slice(account.as_slice());
    key
}

/// Block number, hashed address, hashed slot.
pub(crate) fn slot_change_key(number: u64, account: &B256, slot: &B256) -> [u8; 72] {
    let mut key = [0; 72];
    key[..8].copy_from_slice(&number.to_be_bytes());
    key[8..40].copy_from_slice(account.as_slice());
    key[40..].copy_from_slice(slot.as_slice());
    key
}

/// Hashed address, number of a block that changed the account.
pub(crate) fn account_history_key(account: &B256, number: u64) -> [u8; 40] {
    let mut key = [0; 40];
    key[..32].copy_from_slice(account.as_slice());
    key[32..].copy_from_slice(&number.to_be_bytes());
    key
}

/// Hashed address, hashed slot, number of a block that changed the slot.
pub(crate) fn slot_history_key(account: &B256, slot: &B256, number: u64) -> [u8; 72] {
    let mut key = [0; 72];
    key[..32].copy_from_slice(account.as_slice());
    key[32..64].copy_from_slice(slot.as_slice());
    key[64..].copy_from_slice(&number.to_be_bytes());
    key
}

/// An account before a change; nothing if it did not exist.
pub(crate) fn decode_account_before(value: &[u8]) -> Result<Option<Account>, StorageError> {
    if value.is_empty() { Ok(None) } else { decode_account(value).map(Some) }
}

pub(crate) fn record_key(namespace: RecordNamespace, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(namespace as u8);
    out.extend_from_slice(key);
    out
}

/// The key of a trie node: hashed address (storage tries only), the path two nibbles a byte, the number of nibbles.
///
/// A node and its children differ only at the end of the key, so a walk down the trie stays on few pages.
#[derive(Clone, Copy)]
pub(crate) struct StoragePath {
    bytes: [u8; 32 + 32 + 1],
    len: usize,
}

impl StoragePath {
    pub(crate) fn of_account(path: &Nibbles) -> Self {
        Self { bytes: [0; 65], len: 0 }.with(path)
    }

    pub(crate) fn of_storage(account: &B256, path: &Nibbles) -> Self {
        let mut key = Self { bytes: [0; 65], len: 32 };
        key.bytes[..32].copy_from_slice(account.as_slice());
        key.with(path)
    }

    fn with(mut self, path: &Nibbles) -> Self {
        let packed = path.byte_len();
        path.pack_to(&mut self.bytes[self.len..self.len + packed]);
        self.bytes[self.len + packed] = path.len() as u8;
        self.len += packed + 1;
        self
    }
}

impl Deref for StoragePath {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn account_round_trips(nonce: u64, balance: [u8; 32], shift in 0usize..256, code: Option<[u8; 32]>) {
            let account = Account {
                nonce,
                balance: U256::from_be_bytes(balance) >> shift,
                code_hash: code.map_or(KECCAK_EMPTY, B256::new),
            };
            prop_assert_eq!(decode_account(&encode_account(&account)).unwrap(), account);
        }

        #[test]
        fn arbitrary_values_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = decode_account(&bytes);
            let _ = decode_location(&bytes);
            let _ = decode_header(&bytes);
            let _ = decode_slot(&bytes, Table::Storage);
        }

        #[test]
        fn node_keys_are_unique(left in proptest::collection::vec(0u8..16, 0..=64), right in proptest::collection::vec(0u8..16, 0..=64)) {
            let (a, b) = (Nibbles::from_nibbles(&left), Nibbles::from_nibbles(&right));
            prop_assert_eq!(*StoragePath::of_account(&a) == *StoragePath::of_account(&b), left == right);
        }
    }
}
