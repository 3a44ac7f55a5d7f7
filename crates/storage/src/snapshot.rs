//! The read side.

use crate::{
    RecordNamespace, StorageError,
    codec::{self, StoragePath},
    kv::{Table, TableRead},
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use std::ops::ControlFlow;
use weir_primitives::{
    Account, BlockRef, ExecutedBlock, Header, KECCAK_EMPTY, StateError, StateProvider,
};
use weir_trie::{Nibbles, NodeSource, TrieError};

/// Takes accounts by hashed address, in order; may end the walk.
pub type LeafVisitor<'a> = dyn FnMut(B256, Account) -> ControlFlow<()> + 'a;

/// Takes slots by hashed slot, in order; may end the walk.
pub type SlotVisitor<'a> = dyn FnMut(B256, U256) -> ControlFlow<()> + 'a;

/// Records as `(key, value)`, by key.
pub type Records = Vec<(Vec<u8>, Vec<u8>)>;

/// The chain and the state at one head. Immutable, and safe to read from several threads.
pub trait Snapshot: StateProvider + NodeSource {
    /// The newest block of this view.
    fn head(&self) -> BlockRef;

    /// A canonical block with its senders and receipts; its diff is not kept.
    fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, StorageError>;

    /// The header of a canonical block, with its hash.
    fn header_by_number(&self, number: u64) -> Result<Option<(B256, Header)>, StorageError>;

    /// The number of the canonical block with this hash.
    fn number_of(&self, hash: &B256) -> Result<Option<u64>, StorageError>;

    /// Block number and index of a transaction.
    fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, u64)>, StorageError>;

    /// A record.
    fn record(
        &self,
        namespace: RecordNamespace,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StorageError>;

    /// All records of a namespace, by key.
    fn records(&self, namespace: RecordNamespace) -> Result<Records, StorageError>;

    /// Visits every account.
    fn visit_accounts(&self, visit: &mut LeafVisitor<'_>) -> Result<(), StorageError>;

    /// Visits the storage of an account, given by Keccak-256 of its address.
    fn visit_storage(
        &self,
        account: &B256,
        visit: &mut SlotVisitor<'_>,
    ) -> Result<(), StorageError>;

    /// Visits the slots that block `number` wiped of an account, given by Keccak-256 of its address, with their values
    /// before that block.
    fn visit_wiped_slots(
        &self,
        number: u64,
        account: &B256,
        visit: &mut SlotVisitor<'_>,
    ) -> Result<(), StorageError>;

    /// The value a slot had before block `number` wiped the account's storage; zero if it wiped none there.
    fn wiped_slot(&self, number: u64, account: &B256, slot: &B256) -> Result<U256, StorageError>;
}

/// A snapshot over any tables.
#[derive(Debug)]
pub(crate) struct TableSnapshot<R> {
    tables: R,
    head: BlockRef,
}

impl<R: TableRead> TableSnapshot<R> {
    /// The snapshot that `tables` show.
    pub(crate) fn new(tables: R) -> Result<Self, StorageError> {
        let head = codec::read_head(&tables)?.ok_or(codec::malformed(Table::Meta))?;
        Ok(Self { tables, head })
    }

    fn numbered(&self, table: Table, number: u64) -> Result<Option<Vec<u8>>, StorageError> {
        let value = self.tables.get(table, &number.to_be_bytes())?;
        Ok(value.map(std::borrow::Cow::into_owned))
    }
}

impl<R: TableRead + Send + Sync> Snapshot for TableSnapshot<R> {
    fn head(&self) -> BlockRef {
        self.head
    }

    fn block_by_number(&self, number: u64) -> Result<Option<ExecutedBlock>, StorageError> {
        let Some((hash, header)) = self.header_by_number(number)? else { return Ok(None) };
        let part = |table| self.numbered(table, number)?.ok_or_else(|| codec::malformed(table));
        codec::decode_block(
            hash,
            header,
            &part(Table::Bodies)?,
            &part(Table::Senders)?,
            &part(Table::Receipts)?,
        )
        .map(Some)
    }

    fn header_by_number(&self, number: u64) -> Result<Option<(B256, Header)>, StorageError> {
        let value = self.tables.get(Table::Headers, &number.to_be_bytes())?;
        value.map(|value| codec::decode_header(&value)).transpose()
    }

    fn number_of(&self, hash: &B256) -> Result<Option<u64>, StorageError> {
        let value = self.tables.get(Table::BlockNumbers, hash.as_slice())?;
        value.map(|value| codec::decode_number(&value, Table::BlockNumbers)).transpose()
    }

    fn transaction_location(&self, hash: &B256) -> Result<Option<(u64, u64)>, StorageError> {
        let value = self.tables.get(Table::Transactions, hash.as_slice())?;
        value.map(|value| codec::decode_location(&value)).transpose()
    }

    fn record(
        &self,
        namespace: RecordNamespace,
        key: &[u8],
    ) -> Result<Option<Vec<u8>>, StorageError> {
        let value = self.tables.get(Table::Records, &codec::record_key(namespace, key))?;
        Ok(value.map(std::borrow::Cow::into_owned))
    }

    fn records(&self, namespace: RecordNamespace) -> Result<Records, StorageError> {
        let mut records = Vec::new();
        self.tables.scan(Table::Records, &[namespace as u8], &mut |key, value| {
            records.push((key[1..].to_vec(), value.to_vec()));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(records)
    }

    fn visit_accounts(&self, visit: &mut LeafVisitor<'_>) -> Result<(), StorageError> {
        self.tables.scan(Table::Accounts, &[], &mut |key, value| {
            let account = codec::decode_account(value)?;
            Ok(visit(codec::hash_key(key, Table::Accounts)?, account))
        })
    }

    fn visit_storage(
        &self,
        account: &B256,
        visit: &mut SlotVisitor<'_>,
    ) -> Result<(), StorageError> {
        self.tables.scan(Table::Storage, account.as_slice(), &mut |key, value| {
            let slot = codec::hash_key(&key[32..], Table::Storage)?;
            Ok(visit(slot, codec::decode_slot(value, Table::Storage)?))
        })
    }

    fn visit_wiped_slots(
        &self,
        number: u64,
        account: &B256,
        visit: &mut SlotVisitor<'_>,
    ) -> Result<(), StorageError> {
        let prefix = codec::wiped_key(number, account, &[]);
        self.tables.scan(Table::WipedSlots, &prefix, &mut |key, value| {
            let slot = codec::hash_key(&key[prefix.len()..], Table::WipedSlots)?;
            Ok(visit(slot, codec::decode_slot(value, Table::WipedSlots)?))
        })
    }

    fn wiped_slot(&self, number: u64, account: &B256, slot: &B256) -> Result<U256, StorageError> {
        let key = codec::wiped_key(number, account, slot.as_slice());
        match self.tables.get(Table::WipedSlots, &key)? {
            Some(value) => codec::decode_slot(&value, Table::WipedSlots),
            None => Ok(U256::ZERO),
        }
    }
}

impl<R: TableRead + Send + Sync> StateProvider for TableSnapshot<R> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        let value = self.tables.get(Table::Accounts, keccak256(address).as_slice())?;
        Ok(value.map(|value| codec::decode_account(&value)).transpose()?)
    }

    fn storage(&self, address: &Address, slot: &U256) -> Result<U256, StateError> {
        let key = codec::slot_key(&keccak256(address), &keccak256(B256::from(*slot)));
        match self.tables.get(Table::Storage, &key)? {
            Some(value) => Ok(codec::decode_slot(&value, Table::Storage)?),
            None => Ok(U256::ZERO),
        }
    }

    fn has_storage(&self, address: &Address) -> Result<bool, StateError> {
        let mut has_any = false;
        self.visit_storage(&keccak256(address), &mut |_, _| {
            has_any = true;
            ControlFlow::Break(())
        })?;
        Ok(has_any)
    }

    fn code(&self, code_hash: &B256) -> Result<Option<Bytes>, StateError> {
        if *code_hash == KECCAK_EMPTY {
            return Ok(Some(Bytes::new()));
        }
        let value = self.tables.get(Table::Codes, code_hash.as_slice())?;
        Ok(value.map(|value| Bytes::from(value.into_owned())))
    }

    fn block_hash(&self, number: u64) -> Result<Option<B256>, StateError> {
        if number == self.head.number {
            return Ok(Some(self.head.hash));
        }
        let value = self.tables.get(Table::Headers, &number.to_be_bytes())?;
        Ok(value.map(|value| codec::decode_header_hash(&value)).transpose()?)
    }
}

impl<R: TableRead + Send + Sync> NodeSource for TableSnapshot<R> {
    fn account_node(&self, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        let value = self.tables.get(Table::AccountNodes, &StoragePath::of_account(path))?;
        Ok(value.map(|value| Bytes::from(value.into_owned())))
    }

    fn storage_node(&self, account: &B256, path: &Nibbles) -> Result<Option<Bytes>, TrieError> {
        let value =
            self.tables.get(Table::StorageNodes, &StoragePath::of_storage(account, path))?;
        Ok(value.map(|value| Bytes::from(value.into_owned())))
    }
}
