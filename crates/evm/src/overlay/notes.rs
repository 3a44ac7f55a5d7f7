//! What is noted while a block is executed: what it reads, and, for its access list, what each transaction changes.

use super::{Change, Overlay, Slot};
use crate::accesses::{BlockAccesses, Read, RecentSlot, RecentWrite, StateRead};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{Address, B256, U256};
use revm::state::{Account as EvmAccount, Bytecode};

impl Overlay {
    /// Counts the reads of the transaction at hand as the block's.
    pub(super) fn keep_reads(&mut self) {
        let mut pending = core::mem::take(&mut self.pending);
        for read in pending.drain(..) {
            if self.is_first(read) {
                self.note_new(Change::Read(read));
            }
        }
        self.pending = pending;
    }

    /// Counts a read, and answers whether nothing in the block has read the same before.
    fn is_first(&mut self, read: Read) -> bool {
        match read {
            Read::Account(place) => {
                let entry = &mut self.entries[place as usize].1;
                let is_first = !core::mem::replace(&mut entry.is_read, true);
                if is_first {
                    self.recent.push(read);
                }
                is_first
            }
            Read::Slot(place, key) => {
                let entry = &mut self.entries[place as usize].1;
                let Some(slot) = entry.slots.get_mut(&key) else { return false };
                let is_first = !core::mem::replace(&mut slot.is_read, true);
                if is_first && entry.before.is_some() {
                    self.recent.push(read);
                }
                is_first
            }
            Read::Code(hash) => self.read_codes.insert(hash),
            Read::BlockHash(number) => {
                let lowest = self.lowest_block_hash.unwrap_or(number);
                self.lowest_block_hash = Some(lowest.min(number));
                false
            }
        }
    }

    /// Forgets the reads of a transaction that does not join the block.
    pub(crate) fn forget_reads(&mut self) {
        self.pending.clear();
    }

    /// What the block has read for the first time since the last call.
    pub(crate) fn take_recent_reads(&mut self) -> Vec<StateRead> {
        let read = |read| match read {
            Read::Account(place) => Some((self.entries[place as usize].0, None)),
            Read::Slot(place, key) => Some((self.entries[place as usize].0, Some(key))),
            Read::Code(_) | Read::BlockHash(_) => None,
        };
        let reads = self.recent.iter().copied().filter_map(read).collect();
        self.recent.clear();
        reads
    }

    /// Notes what is written from now on, for [`Self::take_recent_writes`].
    pub(crate) const fn note_writes(&mut self) {
        self.notes_writes = true;
    }

    /// What transactions have written over since the last call. What they made or deleted is left out: it may yet be undone.
    pub(crate) fn take_recent_writes(&mut self) -> Vec<RecentWrite> {
        let mut written = core::mem::take(&mut self.recent_writes);
        written.sort_unstable();
        written.dedup();
        let accounts = written.chunk_by(|left, right| left.0 == right.0);
        let write = |places: &[(u32, Option<U256>)]| {
            let (address, entry) = &self.entries[places[0].0 as usize];
            let (before, now) = entry.before.zip(entry.now).filter(|_| !entry.is_wiped)?;
            let slots = places.iter().filter_map(|(_, slot)| {
                let slot = (*slot)?;
                let Slot { before, now, .. } = *entry.slots.get(&slot)?;
                let before = before.filter(|before| !before.is_zero() && !now.is_zero())?;
                Some(RecentSlot { slot, before, now })
            });
            Some(RecentWrite { address: *address, before, now, slots: slots.collect() })
        };
        accounts.filter_map(write).collect()
    }

    /// What the block has read so far.
    pub(crate) fn accesses(&self) -> BlockAccesses {
        let mut accounts: Vec<(Address, Vec<U256>)> = Vec::with_capacity(self.entries.len());
        for (address, entry) in self.entries.iter().filter(|(_, entry)| entry.is_read) {
            let mut slots = Vec::new();
            if entry.before.is_some() {
                let read = entry.slots.iter().filter(|(_, slot)| slot.is_read);
                slots.extend(read.map(|(key, _)| *key));
                slots.sort_unstable();
            }
            accounts.push((*address, slots));
        }
        accounts.sort_unstable_by_key(|(address, _)| *address);
        let mut codes: Vec<B256> = self.read_codes.iter().copied().collect();
        codes.sort_unstable();
        BlockAccesses { accounts, codes, lowest_block_hash: self.lowest_block_hash }
    }

    /// Notes changes from now on, at the index of the calls before the transactions.
    pub(crate) fn log_changes(&mut self) {
        self.changes = Some(Box::default());
    }

    /// What changes from now on happens at this index of the block's access list.
    pub(crate) fn begin_changes(&mut self, index: u64) {
        if let Some(changes) = &mut self.changes {
            changes.begin(index);
        }
    }

    /// The hash of the block's access list, if changes are noted (EIP-7928).
    pub(crate) fn access_list_hash(&mut self) -> Option<B256> {
        let changes = self.changes.take()?;
        let reads = self.entries.iter().filter(|(_, entry)| entry.is_read);
        Some(changes.hash(reads.map(|(address, entry)| {
            let slots = entry.slots.iter().filter(|(_, slot)| slot.is_read);
            (*address, slots.map(|(key, _)| *key).collect())
        })))
    }

    /// [`Self::commit_account`] for a block with an access list.
    pub(super) fn commit_and_note(&mut self, address: Address, account: EvmAccount) {
        let now = |overlay: &Self| {
            let place = overlay.places.get(&address).map(|place| *place as usize);
            place.and_then(|place| overlay.entries[place].1.now)
        };
        let before = now(self);
        let is_kept = account.is_touched() && !account.is_selfdestructed();
        let slots = account.storage.iter().filter(|(_, slot)| is_kept && slot.is_changed());
        let slots: Vec<(U256, U256)> =
            slots.map(|(key, slot)| (*key, slot.present_value)).collect();
        self.commit_account(address, account);
        let after = now(self);
        let Some(changes) = &mut self.changes else { return };
        let codes = &self.created_codes;
        changes.note(address, (before, after), |hash| {
            codes.get(&hash).map(Bytecode::original_bytes).unwrap_or_default()
        });
        slots.into_iter().for_each(|(slot, value)| changes.note_slot(address, slot, value));
    }
}
