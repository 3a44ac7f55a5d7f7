//! The read side.

use crate::{
    LogValue, RecordNamespace, StorageError,
    codec::{self, StoragePath},
    kv::{Table, TableRead, change_of, log_blocks},
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

/// Takes accounts by hashed address with what they were before a block.
pub type ChangedAccountVisitor<'a> = dyn FnMut(B256, Option<Account>) + 'a;

/// Takes slots by hashed address and hashed slot with their values before a block.
pub type ChangedSlotVisitor<'a> = dyn FnMut(B256, B256, U256) + 'a;

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

    /// The blocks from `first` to `last` that may hold a log with `value`, ascending. They hold one but for a collision in
    /// 2^64; blocks of a version of this program without the index are all among them.
    fn log_blocks(&self, value: &LogValue, first: u64, last: u64)
    -> Result<Vec<u64>, StorageError>;

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

    /// The oldest block whose state can be read; changes since then are kept.
    fn history_oldest(&self) -> Result<u64, StorageError>;

    /// The account, given by Keccak-256 of its address, after block `number`, which is none before the oldest.
    fn account_at(&self, number: u64, account: &B256) -> Result<Option<Account>, StorageError>;

    /// The value of a slot, given by hashed address and hashed slot, after block `number`, which is none before the
    /// oldest.
    fn slot_at(&self, number: u64, account: &B256, slot: &B256) -> Result<U256, StorageError>;

    /// Visits what block `number`, which is after the oldest, changed: every account with what it was before, then every
    /// slot with its value before. Slots that a wipe removed are among them.
    fn visit_changes(
        &self,
        number: u64,
        accounts: &mut ChangedAccountVisitor<'_>,
        slots: &mut ChangedSlotVisitor<'_>,
    ) -> Result<(), StorageError>;
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

    fn account_by_key(&self, account: &B256) -> Result<Option<Account>, StorageError> {
        let value = self.tables.get(Table::Accounts, account.as_slice())?;
        value.map(|value| codec::decode_account(&value)).transpose()
    }

    /// The first block from that of `from` on that changed what `from` names.
    fn next_change(&self, table: Table, from: &[u8]) -> Result<Option<u64>, StorageError> {
        let (name, _) = from.split_at(from.len() - 8);
        match self.tables.first_from(table, from)? {
            Some((key, _)) if key.starts_with(name) => {
                codec::decode_number(&key[name.len()..], table).map(Some)
            }
            _ => Ok(None),
        }
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

    fn log_blocks(
        &self,
        value: &LogValue,
        first: u64,
        last: u64,
    ) -> Result<Vec<u64>, StorageError> {
        log_blocks(&self.tables, value, first, last)
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

    fn history_oldest(&self) -> Result<u64, StorageError> {
        codec::read_history(&self.tables)
    }

    fn account_at(&self, number: u64, account: &B256) -> Result<Option<Account>, StorageError> {
        let from = codec::account_history_key(account, number.saturating_add(1));
        match self.next_change(Table::AccountHistory, &from)? {
            Some(changed) => {
                let key = codec::account_change_key(changed, account);
                let value = self.tables.get(Table::AccountChanges, &key)?;
                let value = value.ok_or_else(|| codec::malformed(Table::AccountChanges))?;
                codec::decode_account_before(&value)
            }
            None => self.account_by_key(account),
        }
    }

    fn slot_at(&self, number: u64, account: &B256, slot: &B256) -> Result<U256, StorageError> {
        let from = codec::slot_history_key(account, slot, number.saturating_add(1));
        let (table, value) = match self.next_change(Table::StorageHistory, &from)? {
            Some(changed) => {
                let key = codec::slot_change_key(changed, account, slot);
                let value = self.tables.get(Table::StorageChanges, &key)?;
                let value = value.ok_or_else(|| codec::malformed(Table::StorageChanges))?;
                (Table::StorageChanges, Some(value))
            }
            None => {
                (Table::Storage, self.tables.get(Table::Storage, &codec::slot_key(account, slot))?)
            }
        };
        value.map_or(Ok(U256::ZERO), |value| codec::decode_slot(&value, table))
    }

    fn visit_changes(
        &self,
        number: u64,
        accounts: &mut ChangedAccountVisitor<'_>,
        slots: &mut ChangedSlotVisitor<'_>,
    ) -> Result<(), StorageError> {
        let prefix = number.to_be_bytes();
        self.tables.scan(Table::AccountChanges, &prefix, &mut |key, value| {
            let account = codec::hash_key(&key[8..], Table::AccountChanges)?;
            accounts(account, codec::decode_account_before(value)?);
            Ok(ControlFlow::Continue(()))
        })?;
        self.tables.scan(Table::StorageChanges, &prefix, &mut |key, value| {
            let (account, slot) = change_of(key)?;
            slots(account, slot, codec::decode_slot(value, Table::StorageChanges)?);
            Ok(ControlFlow::Continue(()))
        })
    }
}

impl<R: TableRead + Send + Sync> StateProvider for TableSnapshot<R> {
    fn account(&self, address: &Address) -> Result<Option<Account>, StateError> {
        Ok(self.account_by_key(&keccak256(address))?)
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
