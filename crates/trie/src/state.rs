//! The state trie with the storage tries below it.

use crate::{
    AccountChange, HashedDiff, NodeSource, TrieError, TrieLeaf, TrieUpdates,
    merkle::MerkleTrie,
    notes::Notes,
    source::{EmptyNodes, Loader},
    split::SplitTrie,
    threads::prelude::*,
};
use alloc::{boxed::Box, vec::Vec};
use alloy_primitives::{
    B256, Bytes, U256,
    map::{B256Map, B256Set},
};
use alloy_rlp::Encodable;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles};
use core::fmt;

/// Fewest changed slots of an `apply` for which storage tries are changed on several threads.
const PARALLEL_SLOTS_MIN: usize = 64;

/// Fewest changed storage tries that are hashed on several threads.
const PARALLEL_TRIES_MIN: usize = 8;

/// Nodes in memory from which on a trie is split, so that several threads can change it.
const SPLIT_NODES_MIN: usize = 4_096;

/// An account that a diff names.
struct Touched<'a> {
    account: B256,
    change: &'a AccountChange,
    /// The storage root in its leaf until now, which may be outdated; `None` if there was no leaf.
    before: Option<B256>,
}

/// An account's storage trie that is being changed.
struct StorageJob<'a> {
    account: B256,
    trie: Box<SplitTrie>,
    slots: &'a [(B256, U256)],
}

/// The state trie and its storage tries, kept in memory between blocks and loaded by path when first touched.
///
/// It is the owner's business to write [`TrieUpdates`] to the store behind the [`NodeSource`] before it forgets
/// nodes with [`StateTrie::evict`] or starts another trie from the root.
///
/// An error of [`StateTrie::apply`] poisons the trie: every later `apply` answers [`TrieError::Poisoned`] and the
/// updates not yet taken are lost. Build a new one with `StateTrie::new(last stored root)`.
pub struct StateTrie {
    pub(crate) accounts: SplitTrie,
    pub(crate) storages: B256Map<Box<SplitTrie>>,
    /// Accounts whose leaf may hold an outdated storage root.
    pub(crate) unrooted: B256Set,
    /// Accounts whose storage trie may have updates.
    pub(crate) touched: B256Set,
    pub(crate) wiped: B256Set,
    pub(crate) epoch: u32,
    /// The first epoch whose visits are noted for a witness; 0 if none is taken down.
    pub(crate) since: u32,
    /// Notes of storage tries that were forgotten since.
    pub(crate) notes: Notes,
    /// Accounts whose storage tries may have notes.
    pub(crate) visited: B256Set,
    pub(crate) is_poisoned: bool,
    split_nodes: usize,
}

impl StateTrie {
    /// The trie with this root, of which nothing is in memory yet; empty if it is the empty root.
    pub fn new(root: B256) -> Self {
        Self {
            accounts: SplitTrie::new(root),
            storages: B256Map::default(),
            unrooted: B256Set::default(),
            touched: B256Set::default(),
            wiped: B256Set::default(),
            epoch: 0,
            since: 0,
            notes: Notes::default(),
            visited: B256Set::default(),
            is_poisoned: false,
            split_nodes: SPLIT_NODES_MIN,
        }
    }

    /// Lets tries be split by their first nibble, which several threads can change at once, when they have so many nodes
    /// in memory (by default 4,096).
    #[must_use]
    pub const fn with_split_nodes(mut self, nodes: usize) -> Self {
        self.split_nodes = nodes;
        self
    }

    /// Applies changes, loading what they touch. Call it as often as convenient before [`Self::root`].
    pub fn apply(&mut self, diff: &HashedDiff, source: &dyn NodeSource) -> Result<(), TrieError> {
        if self.is_poisoned {
            return Err(TrieError::Poisoned);
        }
        let result = self.apply_accounts(diff, source);
        self.is_poisoned = result.is_err();
        result
    }

    /// Writes before removals, so that a branch is not collapsed only to be split again.
    fn apply_accounts(
        &mut self,
        diff: &HashedDiff,
        source: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        debug_assert!(
            diff.accounts.is_sorted_by(|left, right| left.0 < right.0),
            "a diff names each account once, in order"
        );
        self.epoch += 1;
        self.attend(None);
        let loader = Loader { source, account: None };
        let work = |trie: &mut MerkleTrie, part| write_accounts(trie, part, &loader);
        let touched =
            self.accounts.change(&diff.accounts, |(account, _)| account, &loader, work)?;
        let mut jobs = Vec::new();
        for Touched { account, change, before } in touched.into_iter().flatten() {
            let before = before.unwrap_or(EMPTY_ROOT_HASH);
            let is_wiped = change.is_storage_wiped || change.account.is_none();
            if is_wiped {
                self.wipe(account, before);
            }
            if change.account.is_some() && !change.slots.is_empty() {
                let trie = self.storages.remove(&account);
                let root = if is_wiped { EMPTY_ROOT_HASH } else { before };
                let trie = trie.unwrap_or_else(|| Box::new(SplitTrie::new(root)));
                jobs.push(StorageJob { account, trie, slots: &change.slots });
            }
        }
        self.run(jobs, source)
    }

    /// Forgets the storage trie of an account, and has the stored one deleted if there may be one.
    fn wipe(&mut self, account: B256, storage_root: B256) {
        let mut trie = self.storages.remove(&account);
        if let Some(trie) = &mut trie {
            trie.drain_notes(&mut self.notes);
        }
        if trie.is_some() || storage_root != EMPTY_ROOT_HASH {
            self.wiped.insert(account);
        }
        self.touched.remove(&account);
        self.unrooted.remove(&account);
    }

    fn run(
        &mut self,
        mut jobs: Vec<StorageJob<'_>>,
        source: &dyn NodeSource,
    ) -> Result<(), TrieError> {
        let epochs = (self.epoch, self.since);
        let slots: usize = jobs.iter().map(|job| job.slots.len()).sum();
        if jobs.len() > 1 && slots >= PARALLEL_SLOTS_MIN {
            jobs.par_iter_mut().try_for_each(|job| apply_slots(job, epochs, source))?;
        } else {
            jobs.iter_mut().try_for_each(|job| apply_slots(job, epochs, source))?;
        }
        for job in jobs {
            self.storages.insert(job.account, job.trie);
            if self.is_witnessed() {
                self.visited.insert(job.account);
            }
            self.touched.insert(job.account);
            self.unrooted.insert(job.account);
        }
        Ok(())
    }

    /// The state root. Hashes the nodes changed since the last call only.
    ///
    /// # Panics
    /// If an earlier [`Self::apply`] failed: there is no root then, and none must be made up.
    pub fn root(&mut self) -> B256 {
        assert!(!self.is_poisoned, "the root of a poisoned trie does not exist");
        let unrooted = core::mem::take(&mut self.unrooted);
        let mut tries: Vec<(B256, Box<SplitTrie>)> = unrooted
            .into_iter()
            .filter_map(|account| Some((account, self.storages.remove(&account)?)))
            .collect();
        if tries.len() >= PARALLEL_TRIES_MIN {
            tries.par_iter_mut().for_each(|(_, trie)| {
                trie.root();
            });
        }
        let mut roots = Vec::with_capacity(tries.len());
        for (account, mut trie) in tries {
            roots.push((account, trie.root()));
            self.storages.insert(account, trie);
        }
        roots.sort_unstable_by_key(|(account, _)| *account);
        let loader = Loader { source: &EmptyNodes, account: None };
        let work = |trie: &mut MerkleTrie, part| write_storage_roots(trie, part, &loader);
        let written = self.accounts.change(&roots, |(account, _)| account, &loader, work);
        written.expect("unhashed nodes stay in memory");
        self.accounts.root()
    }

    /// What the store must write, since the last call. Hashes first if need be.
    pub fn take_updates(&mut self) -> TrieUpdates {
        if self.is_poisoned {
            return TrieUpdates::default();
        }
        self.root();
        let mut touched: Vec<B256> = self.touched.drain().collect();
        touched.sort_unstable();
        let mut storage_nodes = Vec::new();
        for account in touched {
            if let Some(trie) = self.storages.get_mut(&account) {
                let nodes = trie.take_updates().into_iter();
                trie.split(self.split_nodes);
                storage_nodes
                    .extend(nodes.map(|(path, rlp): (_, Option<Bytes>)| (account, path, rlp)));
            }
        }
        let mut wiped_storage: Vec<B256> = self.wiped.drain().collect();
        wiped_storage.sort_unstable();
        let account_nodes = self.accounts.take_updates();
        self.accounts.split(self.split_nodes);
        TrieUpdates { account_nodes, storage_nodes, wiped_storage }
    }

    /// Nodes in memory.
    pub fn node_count(&self) -> usize {
        let storages: usize = self.storages.values().map(|trie| trie.node_count()).sum();
        self.accounts.node_count() + storages
    }

    /// Bytes in memory, without the allocator's own overhead.
    pub fn memory_bytes(&self) -> usize {
        let storages: usize = self.storages.values().map(|trie| trie.memory_bytes()).sum();
        self.accounts.memory_bytes() + storages
    }
}

/// The storage root in the value of an account's leaf, which may be outdated; `None` if there is no leaf.
fn storage_root(account: B256, value: Option<&[u8]>) -> Result<Option<B256>, TrieError> {
    let leaf = value.map(TrieLeaf::decode);
    let leaf = leaf.map(|leaf| leaf.ok_or(TrieError::MalformedAccount { account })).transpose()?;
    Ok(leaf.map(|leaf| leaf.storage_root))
}

/// Writes the leaves of a part of the accounts, with the storage roots known so far, and then removes leaves, so that a
/// branch is not collapsed only to be split again.
fn write_accounts<'a>(
    trie: &mut MerkleTrie,
    part: &'a [(B256, AccountChange)],
    loader: &Loader<'_>,
) -> Result<Vec<Touched<'a>>, TrieError> {
    let mut touched = Vec::with_capacity(part.len());
    for (account, change) in part {
        let Some(fields) = change.account else { continue };
        let mut before = None;
        trie.replace(&Nibbles::unpack_array(&account.0), loader, |value| {
            before = storage_root(*account, value)?;
            let kept = before.filter(|_| !change.is_storage_wiped);
            let storage_root = kept.unwrap_or(EMPTY_ROOT_HASH);
            Ok(TrieLeaf { account: fields, storage_root }.encode())
        })?;
        touched.push(Touched { account: *account, change, before });
    }
    for (account, change) in part.iter().filter(|(_, change)| change.account.is_none()) {
        let path = Nibbles::unpack_array(&account.0);
        let before = storage_root(*account, trie.get(&path, loader)?)?;
        if before.is_some() {
            trie.remove(&path, loader)?;
            touched.push(Touched { account: *account, change, before });
        }
    }
    Ok(touched)
}

/// Writes storage roots into leaves that are in memory.
fn write_storage_roots(
    trie: &mut MerkleTrie,
    part: &[(B256, B256)],
    loader: &Loader<'_>,
) -> Result<(), TrieError> {
    for (account, storage_root) in part {
        trie.replace(&Nibbles::unpack_array(&account.0), loader, |value| {
            let leaf = value.and_then(TrieLeaf::decode);
            let mut leaf = leaf.expect("apply wrote the leaf");
            leaf.storage_root = *storage_root;
            Ok(leaf.encode())
        })?;
    }
    Ok(())
}

/// Writes the slots of one account.
fn apply_slots(
    job: &mut StorageJob<'_>,
    (epoch, since): (u32, u32),
    source: &dyn NodeSource,
) -> Result<(), TrieError> {
    let loader = Loader { source, account: Some(job.account) };
    job.trie.attend(epoch, since);
    let work = |trie: &mut MerkleTrie, part| write_slots(trie, part, &loader);
    job.trie.change(job.slots, |(slot, _)| slot, &loader, work)?;
    Ok(())
}

/// Writes a part of the slots: values first, then removals.
fn write_slots(
    trie: &mut MerkleTrie,
    part: &[(B256, U256)],
    loader: &Loader<'_>,
) -> Result<(), TrieError> {
    let mut rlp = Vec::with_capacity(33);
    for (slot, value) in part.iter().filter(|(_, value)| !value.is_zero()) {
        rlp.clear();
        value.encode(&mut rlp);
        trie.insert(&Nibbles::unpack_array(&slot.0), &rlp, loader)?;
    }
    for (slot, _) in part.iter().filter(|(_, value)| value.is_zero()) {
        trie.remove(&Nibbles::unpack_array(&slot.0), loader)?;
    }
    Ok(())
}

impl fmt::Debug for StateTrie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateTrie")
            .field("accounts", &self.accounts.node_count())
            .field("storages", &self.storages.len())
            .field("is_poisoned", &self.is_poisoned)
            .finish_non_exhaustive()
    }
}
