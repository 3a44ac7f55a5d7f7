//! Taking back what transactions that joined the block have done to it.

use super::{Entry, Overlay, Slot};
use crate::accesses::Read;
use alloy_primitives::{B256, U256};
use revm::state::Account as EvmAccount;
use weir_primitives::Account;

/// Where a block stood. What it has done since can be undone as long as nobody has asked for it
/// ([`Overlay::take_recent_reads`] and [`Overlay::take_recent_writes`]).
#[derive(Debug, Clone, Copy)]
pub(crate) struct OverlayMark {
    changes: usize,
    recent: usize,
    recent_writes: usize,
    lowest_block_hash: Option<u64>,
}

/// One change, with what was there before it.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Account {
        place: u32,
        now: Option<Account>,
        is_wiped: bool,
    },
    /// `None`: nobody knew the slot.
    Slot {
        place: u32,
        key: U256,
        slot: Option<Slot>,
    },
    /// Something was read for the first time.
    Read(Read),
    /// A code was created that nobody had created before.
    Code(B256),
}

impl Overlay {
    /// Notes from now on how to come back here.
    pub(crate) fn mark(&mut self) -> OverlayMark {
        let changes = self.undo.get_or_insert_default().len();
        OverlayMark {
            changes,
            recent: self.recent.len(),
            recent_writes: self.recent_writes.len(),
            lowest_block_hash: self.lowest_block_hash,
        }
    }

    /// Undoes everything since the mark. Marks set since then are void; this one and earlier ones stay.
    pub(crate) fn roll_back(&mut self, mark: &OverlayMark) {
        let mut undo = self.undo.take().unwrap_or_default();
        for change in undo.drain(mark.changes..).rev() {
            self.undo_one(change);
        }
        self.undo = Some(undo);
        self.recent.truncate(mark.recent);
        self.recent_writes.truncate(mark.recent_writes);
        self.lowest_block_hash = mark.lowest_block_hash;
    }

    /// Forgets how to come back to any mark.
    pub(crate) fn forget_marks(&mut self) {
        self.undo = None;
    }

    fn undo_one(&mut self, change: Change) {
        match change {
            Change::Account { place, now, is_wiped } => {
                let entry = self.entry_at(place);
                (entry.now, entry.is_wiped) = (now, is_wiped);
            }
            Change::Slot { place, key, slot: Some(slot) } => {
                self.entry_at(place).slots.insert(key, slot);
            }
            Change::Slot { place, key, slot: None } => {
                self.entry_at(place).slots.remove(&key);
            }
            Change::Read(Read::Account(place)) => self.entry_at(place).is_read = false,
            Change::Read(Read::Slot(place, key)) => {
                if let Some(slot) = self.entry_at(place).slots.get_mut(&key) {
                    slot.is_read = false;
                }
            }
            Change::Read(Read::Code(hash)) => {
                self.read_codes.remove(&hash);
            }
            Change::Read(Read::BlockHash(_)) => {}
            Change::Code(hash) => {
                self.created_codes.remove(&hash);
            }
        }
    }

    fn entry_at(&mut self, place: u32) -> &mut Entry {
        &mut self.entries[place as usize].1
    }

    /// Notes an account before a transaction's outcome is written over it.
    pub(super) fn note_account(&mut self, place: u32, account: &EvmAccount) {
        let Some(undo) = &mut self.undo else { return };
        let Entry { now, is_wiped, slots, .. } = &self.entries[place as usize].1;
        undo.push(Change::Account { place, now: *now, is_wiped: *is_wiped });
        if account.is_selfdestructed() || account.is_created() || account.is_empty() {
            let all = slots.iter();
            undo.extend(all.map(|(key, slot)| Change::Slot {
                place,
                key: *key,
                slot: Some(*slot),
            }));
        }
        let written = account.storage.iter().filter(|(_, slot)| slot.is_changed());
        undo.extend(written.map(|(key, _)| {
            let slot = slots.get(key).copied();
            Change::Slot { place, key: *key, slot }
        }));
    }

    /// Notes that something new is known, read or created.
    pub(super) fn note_new(&mut self, change: Change) {
        if let Some(undo) = &mut self.undo {
            undo.push(change);
        }
    }
}
