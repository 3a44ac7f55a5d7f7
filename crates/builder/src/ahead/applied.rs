//! What of an open block is in the trie already, and what is left at its end.

use alloy_primitives::{U256, map::AddressMap};
use weir_evm::{BodyRoots, Recent, RecentWrite, StateRead};
use weir_primitives::{AccountDiff, SlotDiff, StateDiff};
use weir_storage::KeyHashes;
use weir_trie::{HashedDiff, NodeSource, StateTrie, TrieError};

/// What of a block is done before its end: the roots of its body so far, and in the trie the changes of leaves that were
/// there before the block, which leave the trie's form as it is. Leaves that the block makes or deletes wait for its end,
/// because what is undone again would visit nodes that the block as a whole does not need.
#[derive(Debug, Default)]
pub(crate) struct Applied {
    accounts: AddressMap<AccountDiff>,
    keys: KeyHashes,
    body: BodyRoots,
    /// What was read in steps that nobody came to.
    unread: Vec<StateRead>,
}

impl Applied {
    /// Hashes what joined the body, walks to what was read, so that it is in memory and a witness shows it, and applies
    /// what was written.
    pub(super) fn advance(
        &mut self,
        recent: &Recent,
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        let Recent { reads, writes, executed } = recent;
        self.body.extend(executed.iter().map(|(tx, receipt)| (&**tx, receipt)));
        let written = writes.iter().map(|write| write.address);
        let addresses = reads.iter().map(|(address, _)| *address).chain(written);
        let slots = writes.iter().flat_map(|write| &write.slots).map(|one| one.slot);
        self.keys.learn(addresses, reads.iter().filter_map(|(_, slot)| *slot).chain(slots));
        let mut step = StateDiff::default();
        for RecentWrite { address, before, now, slots } in writes {
            let slots =
                slots.iter().map(|one| (one.slot, SlotDiff { before: one.before, after: one.now }));
            let change = AccountDiff {
                before: Some(*before),
                after: Some(*now),
                is_storage_wiped: false,
                slots: slots.collect(),
            };
            let applied = self.accounts.entry(*address).or_default();
            applied.slots.extend(&change.slots);
            (applied.before, applied.after) = (change.before, change.after);
            step.accounts.insert(*address, change);
        }
        self.read(reads, &step, trie, nodes)?;
        if step.accounts.is_empty() {
            Ok(())
        } else {
            trie.apply(&self.keys.hash_diff(&step), nodes)
        }
    }

    /// Leaves reads to [`Self::complete`].
    pub(super) fn leave(&mut self, reads: Vec<StateRead>) {
        self.unread.extend(reads);
    }

    /// Walks the trie to what was read and is not written by `diff`, which is applied next and walks there, too.
    fn read(
        &self,
        reads: &[StateRead],
        diff: &StateDiff,
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        for (address, slot) in reads {
            let change = diff.accounts.get(address);
            match slot {
                None if change.is_none() => {
                    trie.account(self.keys.address(address), nodes)?;
                }
                Some(slot) if !change.is_some_and(|change| writes_slot(change, slot)) => {
                    trie.slot(self.keys.address(address), self.keys.slot(slot), nodes)?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Takes the trie to the state after `diff`, the whole block's; `reads` are those after the last step. Answers the diff
    /// with hashed keys.
    pub(crate) fn complete(
        &self,
        diff: &StateDiff,
        reads: &[StateRead],
        trie: &mut StateTrie,
        nodes: &dyn NodeSource,
    ) -> Result<HashedDiff, TrieError> {
        if trie.is_witnessed() {
            self.read(&self.unread, diff, trie, nodes)?;
            self.read(reads, diff, trie, nodes)?;
        }
        let hashed = self.keys.hash_diff(diff);
        match self.rest(diff) {
            None => trie.apply(&hashed, nodes)?,
            Some(rest) => trie.apply(&self.keys.hash_diff(&rest), nodes)?,
        }
        Ok(hashed)
    }

    /// Roots of the transactions and receipts so far.
    pub(crate) fn take_body(&mut self) -> BodyRoots {
        std::mem::take(&mut self.body)
    }

    /// What is left to apply so that the trie is that of the state after `diff`; `None` if all of it is.
    fn rest(&self, diff: &StateDiff) -> Option<StateDiff> {
        if self.accounts.is_empty() {
            return None;
        }
        let mut rest = StateDiff::default();
        for (address, change) in &diff.accounts {
            let left = match self.accounts.get(address) {
                Some(applied) => left(applied, change),
                None => Some(change.clone()),
            };
            rest.accounts.extend(left.map(|left| (*address, left)));
        }
        for (address, applied) in &self.accounts {
            if !diff.accounts.contains_key(address) {
                rest.accounts.insert(*address, undone(applied));
            }
        }
        Some(rest)
    }
}

/// What is left of an account's change.
fn left(applied: &AccountDiff, change: &AccountDiff) -> Option<AccountDiff> {
    if change.is_storage_wiped || change.after.is_none() {
        return Some(change.clone());
    }
    let mut left = AccountDiff { slots: Default::default(), ..change.clone() };
    for (slot, change) in &change.slots {
        if applied.slots.get(slot).is_none_or(|applied| applied.after != change.after) {
            left.slots.insert(*slot, *change);
        }
    }
    let unchanged = applied.slots.iter().filter(|(slot, _)| !change.slots.contains_key(*slot));
    left.slots.extend(unchanged.map(|(slot, applied)| (*slot, inverse(*applied))));
    (!left.slots.is_empty() || applied.after != change.after).then_some(left)
}

/// The way back of an account that is as it was before the block.
fn undone(applied: &AccountDiff) -> AccountDiff {
    AccountDiff {
        before: applied.after,
        after: applied.before,
        is_storage_wiped: false,
        slots: applied.slots.iter().map(|(slot, applied)| (*slot, inverse(*applied))).collect(),
    }
}

const fn inverse(change: SlotDiff) -> SlotDiff {
    SlotDiff { before: change.after, after: change.before }
}

/// Whether the change of an account writes this slot where it is, and does not do away with it together with others.
fn writes_slot(change: &AccountDiff, slot: &U256) -> bool {
    change.after.is_some() && !change.is_storage_wiped && change.slots.contains_key(slot)
}
