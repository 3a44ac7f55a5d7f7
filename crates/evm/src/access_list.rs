//! The access list of a block (EIP-7928): what it read, and what each transaction changed.

use alloc::{collections::BTreeMap, vec::Vec};
use alloy_eips::eip7928::{
    AccountChanges, BalanceChange, BlockAccessIndex, CodeChange, NonceChange, SlotChanges,
    StorageChange, compute_block_access_list_hash,
};
use alloy_primitives::{Address, B256, Bytes, U256, map::AddressMap};
use weir_primitives::{Account, KECCAK_EMPTY};

/// What happened to the accounts of a block, in order. The calls before the transactions are at index 0, transaction
/// `n` at `n + 1`, and what comes after them at the next.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog {
    index: u64,
    accounts: AddressMap<AccountLog>,
}

#[derive(Debug, Default)]
struct AccountLog {
    slots: BTreeMap<U256, Vec<StorageChange>>,
    balances: Vec<BalanceChange>,
    nonces: Vec<NonceChange>,
    codes: Vec<CodeChange>,
}

impl ChangeLog {
    /// What is noted from now on happens at this index.
    pub(crate) const fn begin(&mut self, index: u64) {
        self.index = index;
    }

    /// Notes an account before and after one transaction. `code` gives a code by its hash.
    pub(crate) fn note(
        &mut self,
        address: Address,
        (before, after): (Option<Account>, Option<Account>),
        code: impl FnOnce(B256) -> Bytes,
    ) {
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        if before == after {
            return;
        }
        let block_access_index = BlockAccessIndex(self.index);
        let log = self.accounts.entry(address).or_default();
        if before.balance != after.balance {
            log.balances.retain(|change| change.block_access_index != block_access_index);
            log.balances.push(BalanceChange { block_access_index, post_balance: after.balance });
        }
        if before.nonce != after.nonce {
            log.nonces.retain(|change| change.block_access_index != block_access_index);
            log.nonces.push(NonceChange { block_access_index, new_nonce: after.nonce });
        }
        if before.code_hash != after.code_hash {
            let new_code =
                if after.code_hash == KECCAK_EMPTY { Bytes::new() } else { code(after.code_hash) };
            log.codes.retain(|change| change.block_access_index != block_access_index);
            log.codes.push(CodeChange { block_access_index, new_code });
        }
    }

    /// Notes a slot that one transaction changed.
    pub(crate) fn note_slot(&mut self, address: Address, slot: U256, new_value: U256) {
        let block_access_index = BlockAccessIndex(self.index);
        let slots = &mut self.accounts.entry(address).or_default().slots;
        let changes = slots.entry(slot).or_default();
        changes.retain(|change| change.block_access_index != block_access_index);
        changes.push(StorageChange { block_access_index, new_value });
    }

    /// The hash of the list. `reads` are all accounts that were touched, with the slots that were read.
    pub(crate) fn hash(mut self, reads: impl Iterator<Item = (Address, Vec<U256>)>) -> B256 {
        let mut list: Vec<AccountChanges> = reads
            .map(|(address, slots)| {
                let log = self.accounts.remove(&address).unwrap_or_default();
                let mut changes = AccountChanges::new(address);
                changes.storage_reads =
                    slots.into_iter().filter(|slot| !log.slots.contains_key(slot)).collect();
                changes.storage_reads.sort_unstable();
                let slots = log.slots.into_iter();
                changes.storage_changes =
                    slots.map(|(slot, changes)| SlotChanges { slot, changes }).collect();
                changes.balance_changes = log.balances;
                changes.nonce_changes = log.nonces;
                changes.code_changes = log.codes;
                changes
            })
            .collect();
        list.sort_unstable_by_key(|changes| changes.address);
        compute_block_access_list_hash(&list)
    }
}
