//! The state of a block while it is executed: what was read, and what has changed.

mod notes;

mod peek;
pub(crate) use peek::Peek;

mod undo;
use undo::Change;
pub(crate) use undo::OverlayMark;

#[cfg(feature = "std")]
mod pretend;

use crate::{access_list::ChangeLog, accesses::Read, bytecode::CodeCache, threads::LazyLock};
use alloc::{boxed::Box, sync::Arc, vec::Vec};
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256,
    map::{AddressMap, B256HashMap, B256Set, HashMap},
};
use core::convert::Infallible;
use revm::{
    Database, DatabaseCommit,
    database_interface::DBErrorMarker,
    state::{Account as EvmAccount, AccountInfo, Bytecode},
};
use weir_primitives::{
    Account, AccountDiff, EmptyState, SlotDiff, StateDiff, StateError, StateProvider,
};

/// Code hash under which an account without code but with storage is shown to the EVM.
///
/// Creating a contract on such an account must fail (EIP-7610). The EVM decides by nonce and code hash
/// alone; the zero hash is different from that of no code, and the EVM still counts the account as codeless.
const STORAGE_WITHOUT_CODE: B256 = B256::ZERO;

/// A failed read, in the shape that the EVM carries out of its depths.
#[derive(Debug, Clone, thiserror::Error)]
#[error(transparent)]
pub(crate) struct ReadError(#[from] pub(crate) StateError);

impl DBErrorMarker for ReadError {}

/// Reads through to the parent state once a key, holds the changes of the block, and turns into a [`StateDiff`].
pub(crate) struct Overlay {
    codes: Arc<CodeCache>,
    state: Arc<dyn StateProvider>,
    /// Where in `entries` an account stands. Apart, so that finding one touches little memory and growing moves little.
    places: AddressMap<u32>,
    /// The accounts that were read or changed, in the order of their first use.
    entries: Vec<(Address, Entry)>,
    /// Codes that this block created or set.
    created_codes: B256HashMap<Bytecode>,
    /// Reads of the transaction at hand. Kept if it is committed, forgotten if it is rejected.
    pending: Vec<Read>,
    /// First reads of accounts and slots that are part of the block, since they were last asked for.
    recent: Vec<Read>,
    /// Accounts and slots that transactions have written since they were last asked for, in any order and perhaps twice.
    recent_writes: Vec<(u32, Option<U256>)>,
    /// Whether anybody asks for these.
    notes_writes: bool,
    read_codes: B256Set,
    lowest_block_hash: Option<u64>,
    /// Where each change is noted, if the block has an access list.
    changes: Option<Box<ChangeLog>>,
    /// How to come back to the marks, oldest change first; `None` if there are none.
    undo: Option<Vec<Change>>,
}

impl core::fmt::Debug for Overlay {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Overlay").field("accounts", &self.entries.len()).finish_non_exhaustive()
    }
}

#[derive(Debug, Clone, Default)]
struct Entry {
    before: Option<Account>,
    now: Option<Account>,
    /// The parent state holds storage for this account, which has neither code nor nonce (EIP-7610).
    has_orphan_storage: bool,
    /// Everything that the parent state holds in storage is gone.
    is_wiped: bool,
    /// Something that is part of the block read the account.
    is_read: bool,
    slots: HashMap<U256, Slot>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    /// The value in the parent state, `None` if it was never read.
    before: Option<U256>,
    now: U256,
    /// Something that is part of the block read it.
    is_read: bool,
}

impl Entry {
    fn load(state: &dyn StateProvider, address: &Address) -> Result<Self, StateError> {
        let before = state.account(address)?;
        let has_orphan_storage = match &before {
            Some(account) if account.nonce == 0 && !account.has_code() => {
                state.has_storage(address)?
            }
            _ => false,
        };
        Ok(Self { before, now: before, has_orphan_storage, ..Self::default() })
    }

    fn info(&self) -> Option<AccountInfo> {
        let account = self.now.as_ref()?;
        let mut info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
            account_id: None,
            code: None,
        };
        if !account.has_code() {
            info.code = Some(Bytecode::default());
            if self.has_orphan_storage && !self.is_wiped {
                info.code_hash = STORAGE_WITHOUT_CODE;
            }
        }
        Some(info)
    }

    fn wipe(&mut self) {
        // An account that did not exist has no storage to delete.
        self.is_wiped |= self.before.is_some();
        self.slots.values_mut().for_each(|slot| slot.now = U256::ZERO);
    }

    fn write(&mut self, key: U256, now: U256) {
        let before = self.before.is_none().then_some(U256::ZERO);
        let unread = Slot { before, now, is_read: false };
        self.slots.entry(key).or_insert(unread).now = now;
    }

    fn diff(
        &self,
        address: &Address,
        state: &dyn StateProvider,
    ) -> Result<Option<AccountDiff>, StateError> {
        let mut slots: HashMap<U256, SlotDiff> = HashMap::default();
        for (key, slot) in &self.slots {
            let before = match slot.before {
                Some(before) => before,
                None => state.storage(address, key)?,
            };
            if before != slot.now {
                slots.insert(*key, SlotDiff { before, after: slot.now });
            }
        }
        if self.before == self.now && slots.is_empty() && !self.is_wiped {
            return Ok(None);
        }
        Ok(Some(AccountDiff {
            before: self.before,
            after: self.now,
            is_storage_wiped: self.is_wiped,
            slots,
        }))
    }
}

impl Overlay {
    /// The state before a block. `codes` may be shared by all who believe the same store.
    pub(crate) fn new(codes: Arc<CodeCache>, state: Arc<dyn StateProvider>) -> Self {
        Self {
            codes,
            state,
            places: AddressMap::default(),
            entries: Vec::new(),
            created_codes: B256HashMap::default(),
            pending: Vec::new(),
            recent: Vec::new(),
            recent_writes: Vec::new(),
            notes_writes: false,
            read_codes: B256Set::default(),
            lowest_block_hash: None,
            changes: None,
            undo: None,
        }
    }

    /// What stands in the place of an overlay that was taken.
    pub(crate) fn vacant() -> Self {
        // Shared, because an overlay is taken after every transaction.
        static NOTHING: LazyLock<(Arc<CodeCache>, Arc<EmptyState>)> =
            LazyLock::new(Default::default);
        let (codes, state) = &*NOTHING;
        Self::new(Arc::clone(codes), Arc::<EmptyState>::clone(state))
    }

    /// The place of an account's entry, which is made from the state if there is none yet.
    fn place(&mut self, address: Address) -> Result<u32, ReadError> {
        let state = self.state.as_ref();
        Self::place_or(&mut self.places, &mut self.entries, address, || {
            Entry::load(state, &address)
        })
        .map_err(ReadError)
    }

    /// The entry of an account that the block itself reads, outside any transaction.
    fn entry(&mut self, address: Address) -> Result<&mut Entry, ReadError> {
        let place = self.place(address)?;
        let entry = &mut self.entries[place as usize].1;
        if !core::mem::replace(&mut entry.is_read, true) {
            self.recent.push(Read::Account(place));
        }
        Ok(entry)
    }

    /// The place of an account's entry, made if there is none yet.
    fn place_or<E>(
        places: &mut AddressMap<u32>,
        entries: &mut Vec<(Address, Entry)>,
        address: Address,
        make: impl FnOnce() -> Result<Entry, E>,
    ) -> Result<u32, E> {
        use alloy_primitives::map::Entry as MapEntry;
        Ok(match places.entry(address) {
            MapEntry::Occupied(place) => *place.get(),
            MapEntry::Vacant(vacant) => {
                let entry = make()?;
                let place = u32::try_from(entries.len());
                entries.push((address, entry));
                *vacant.insert(
                    place.expect("a block touches fewer than 2^32 accounts: gas ends long before"),
                )
            }
        })
    }

    /// The account as it is now.
    pub(crate) fn account(&mut self, address: Address) -> Result<Option<Account>, ReadError> {
        Ok(self.entry(address)?.now)
    }

    /// Adds wei to a balance outside any transaction: withdrawals and rewards.
    ///
    /// An account that is empty afterwards does not exist (EIP-161), unless `keeps_empty`.
    pub(crate) fn add_balance(
        &mut self,
        address: Address,
        wei: U256,
        keeps_empty: bool,
    ) -> Result<(), ReadError> {
        let entry = self.entry(address)?;
        let before = entry.now;
        let mut account = entry.now.unwrap_or_default();
        account.balance = account.balance.saturating_add(wei);
        if account.is_empty() && !keeps_empty {
            if entry.now.is_some() {
                entry.wipe();
            }
            entry.now = None;
        } else {
            entry.now = Some(account);
        }
        let after = entry.now;
        if let Some(changes) = &mut self.changes {
            changes.note(address, (before, after), |_| Bytes::new());
        }
        Ok(())
    }

    /// Takes the whole balance of an account, which stays (the DAO fork).
    pub(crate) fn drain_balance(&mut self, address: Address) -> Result<U256, ReadError> {
        let entry = self.entry(address)?;
        Ok(entry.now.as_mut().map_or(U256::ZERO, |account| core::mem::take(&mut account.balance)))
    }

    /// The slots of an account that were read.
    #[cfg(feature = "fault-injection")]
    pub(crate) fn slots_of(&self, address: &Address) -> Vec<U256> {
        let place = self.places.get(address).map(|place| *place as usize);
        place.map_or_else(Vec::new, |place| self.entries[place].1.slots.keys().copied().collect())
    }

    /// What has changed since the parent state.
    pub(crate) fn diff(&self) -> Result<StateDiff, StateError> {
        let mut diff = StateDiff::default();
        // Most of what a block touches it changes, and a map that grows moves all it holds each time.
        diff.accounts.reserve(self.entries.len());
        for (address, entry) in &self.entries {
            let Some(account) = entry.diff(address, self.state.as_ref())? else { continue };
            if let Some(after) = &account.after
                && account.before.is_none_or(|before| before.code_hash != after.code_hash)
                && let Some(code) = self.created_codes.get(&after.code_hash)
            {
                diff.codes.insert(after.code_hash, code.original_bytes());
            }
            diff.accounts.insert(*address, account);
        }
        Ok(diff)
    }

    /// The state on which the block stands.
    pub(crate) fn parent_state(&self) -> &Arc<dyn StateProvider> {
        &self.state
    }

    fn commit_account(&mut self, address: Address, account: EvmAccount) {
        if !account.is_touched() {
            return;
        }
        let Ok(place) = Self::place_or(&mut self.places, &mut self.entries, address, || {
            Ok::<_, Infallible>(Entry::default())
        });
        self.note_account(place, &account);
        let entry = &mut self.entries[place as usize].1;
        if account.is_selfdestructed() {
            entry.now = None;
            entry.wipe();
            return;
        }
        // The journal has already spared empty accounts where the fork keeps them (before EIP-161).
        if account.is_empty() && !account.is_created() {
            if entry.now.is_some() {
                entry.wipe();
            }
            entry.now = None;
            return;
        }
        if account.is_created() {
            entry.wipe();
        }
        let code_hash = match account.info.code_hash {
            STORAGE_WITHOUT_CODE => KECCAK256_EMPTY,
            hash => hash,
        };
        if code_hash != KECCAK256_EMPTY
            && entry.now.is_none_or(|now| now.code_hash != code_hash)
            && let Some(code) = account.info.code
        {
            let is_new = self.created_codes.insert(code_hash, code).is_none();
            if is_new && let Some(undo) = &mut self.undo {
                undo.push(Change::Code(code_hash));
            }
        }
        entry.now =
            Some(Account { nonce: account.info.nonce, balance: account.info.balance, code_hash });
        let mut written = self.notes_writes.then_some(&mut self.recent_writes);
        if let Some(written) = &mut written {
            written.push((place, None));
        }
        for (key, slot) in account.storage {
            if slot.is_changed() {
                entry.write(key, slot.present_value);
                if let Some(written) = &mut written {
                    written.push((place, Some(key)));
                }
            }
        }
    }
}

impl Database for Overlay {
    type Error = ReadError;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, ReadError> {
        let place = self.place(address)?;
        let entry = &self.entries[place as usize].1;
        if !entry.is_read {
            self.pending.push(Read::Account(place));
        }
        Ok(entry.info())
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, ReadError> {
        if code_hash == STORAGE_WITHOUT_CODE || code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.created_codes.get(&code_hash) {
            return Ok(code.clone());
        }
        self.pending.push(Read::Code(code_hash));
        if let Some(code) = self.codes.code(&code_hash) {
            return Ok(code);
        }
        let raw = self.state.code(&code_hash)?.ok_or(StateError::Missing { hash: code_hash })?;
        // Code that looks like a broken delegation can only be older than EIP-3541: ordinary code.
        let code =
            Bytecode::new_raw_checked(raw.clone()).unwrap_or_else(|_| Bytecode::new_legacy(raw));
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, ReadError> {
        let place = self.place(address)?;
        let entry = &mut self.entries[place as usize].1;
        if let Some(slot) = entry.slots.get(&key) {
            if !slot.is_read {
                self.pending.push(Read::Slot(place, key));
            }
            return Ok(slot.now);
        }
        let before =
            if entry.before.is_none() { U256::ZERO } else { self.state.storage(&address, &key)? };
        let now = if entry.is_wiped { U256::ZERO } else { before };
        entry.slots.insert(key, Slot { before: Some(before), now, is_read: false });
        self.note_new(Change::Slot { place, key, slot: None });
        self.pending.push(Read::Slot(place, key));
        Ok(now)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, ReadError> {
        self.pending.push(Read::BlockHash(number));
        Ok(self.state.block_hash(number)?.unwrap_or_default())
    }
}

impl DatabaseCommit for Overlay {
    fn commit(&mut self, changes: AddressMap<EvmAccount>) {
        for (address, account) in changes {
            if self.changes.is_some() {
                self.commit_and_note(address, account);
            } else {
                self.commit_account(address, account);
            }
        }
        self.keep_reads();
    }
}
