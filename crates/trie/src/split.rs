//! A trie of hashed keys that is split by their first nibble once it is large, so that its parts change on any thread.

use crate::{
    TrieError, codec,
    evict::Warmth,
    merkle::MerkleTrie,
    node::{Branch, Child, NO_LINK, Node},
    notes::Notes,
    source::Loader,
    threads::prelude::*,
};
use alloc::{boxed::Box, collections::BTreeMap, vec, vec::Vec};
use alloy_primitives::{B256, Bytes, keccak256};
use alloy_trie::Nibbles;
use core::cmp::Reverse;

/// Parts of a split trie: one for each first nibble.
const SHARDS: usize = 16;

/// Fewest changed keys that are handed to other threads.
const PARALLEL_KEYS_MIN: usize = 64;

/// Warm enough for every node.
const ALL: Warmth = (Reverse(0), u8::MAX);

/// A trie whose keys are 32 bytes.
///
/// Split or not is a matter of speed: root, stored nodes and witness are the same.
#[expect(
    clippy::large_enum_variant,
    reason = "most tries are whole, and a box would be one more jump on every walk"
)]
pub(crate) enum SplitTrie {
    Whole(MerkleTrie),
    Split(Box<Shards>),
}

/// The branch at the root, and the tries below it. At least two of them hold keys, except within a change.
///
/// What stands below the root is never so short that it would stand inside: a key has 62 nibbles left there.
pub(crate) struct Shards {
    tries: Vec<MerkleTrie>,
    /// The root hash; `None` if something changed since.
    root: Option<B256>,
    /// Whether the store, together with the update not yet taken, holds the branch.
    is_stored: bool,
    update: Option<Bytes>,
    /// The last epoch in which the branch was visited.
    epoch: u32,
    notes: Notes,
}

impl SplitTrie {
    /// A trie of which only the root hash is known.
    pub(crate) fn new(root: B256) -> Self {
        Self::Whole(MerkleTrie::new(root))
    }

    fn tries(&self) -> &[MerkleTrie] {
        match self {
            Self::Whole(trie) => core::slice::from_ref(trie),
            Self::Split(shards) => &shards.tries,
        }
    }

    fn tries_mut(&mut self) -> &mut [MerkleTrie] {
        match self {
            Self::Whole(trie) => core::slice::from_mut(trie),
            Self::Split(shards) => &mut shards.tries,
        }
    }

    /// Lets walks leave this stamp, and notes what they visit first in `since` or later, unless it is 0.
    pub(crate) fn attend(&mut self, epoch: u32, since: u32) {
        for trie in self.tries_mut() {
            (trie.epoch, trie.since) = (epoch, since);
        }
    }

    /// The trie that holds `key` if any does, for a walk through the root.
    fn route(&mut self, key: &B256) -> &mut MerkleTrie {
        match self {
            Self::Whole(trie) => trie,
            Self::Split(shards) => {
                shards.visit();
                &mut shards.tries[usize::from(key[0] >> 4)]
            }
        }
    }

    /// The value at `key`.
    pub(crate) fn get(
        &mut self,
        key: &B256,
        loader: &Loader<'_>,
    ) -> Result<Option<&[u8]>, TrieError> {
        self.route(key).get(&Nibbles::unpack_array(&key.0), loader)
    }

    /// Changes parts of the trie, each with the items whose keys it holds, on several threads if they are many. `items`
    /// are sorted by key.
    pub(crate) fn change<'a, T: Sync, R: Send>(
        &mut self,
        items: &'a [T],
        key: impl Fn(&T) -> &B256,
        loader: &Loader<'_>,
        work: impl Fn(&mut MerkleTrie, &'a [T]) -> Result<R, TrieError> + Sync,
    ) -> Result<Vec<R>, TrieError> {
        let shards = match self {
            Self::Whole(trie) => return Ok(vec![work(trie, items)?]),
            Self::Split(shards) => shards,
        };
        if items.is_empty() {
            return Ok(Vec::new());
        }
        shards.visit();
        let before = shards.mask();
        let mut rest = items;
        let mut parts: Vec<(&mut MerkleTrie, &'a [T])> = Vec::with_capacity(SHARDS);
        for (nibble, trie) in (0u8..).zip(&mut shards.tries) {
            let count = rest.partition_point(|item| key(item)[0] >> 4 <= nibble);
            let (own, others) = rest.split_at(count);
            rest = others;
            if !own.is_empty() {
                parts.push((trie, own));
            }
        }
        let work = |(trie, own): (&mut MerkleTrie, &'a [T])| work(trie, own);
        let done: Vec<R> = if items.len() < PARALLEL_KEYS_MIN {
            parts.into_iter().map(work).collect::<Result<_, _>>()?
        } else {
            parts.into_par_iter().map(work).collect::<Result<_, _>>()?
        };
        if shards.mask() != before || shards.tries.iter().any(|trie| trie.root.is_stale()) {
            shards.root = None;
        }
        self.join(loader)?;
        Ok(done)
    }

    /// The root hash; hashes the changed nodes and records their RLP for the store.
    pub(crate) fn root(&mut self) -> B256 {
        match self {
            Self::Whole(trie) => trie.root(),
            Self::Split(shards) => shards.root(),
        }
    }

    /// Whether something changed since the root was computed.
    pub(crate) fn is_stale(&self) -> bool {
        match self {
            Self::Whole(trie) => trie.root.is_stale(),
            Self::Split(shards) => shards.root.is_none(),
        }
    }

    /// Whether there are changes that were hashed and not taken.
    pub(crate) fn has_updates(&self) -> bool {
        let is_pending = match self {
            Self::Whole(_) => false,
            Self::Split(shards) => shards.update.is_some(),
        };
        is_pending || self.tries().iter().any(|trie| !trie.updates.is_empty())
    }

    /// The changes since the last call: sorted by path, the last of each path.
    pub(crate) fn take_updates(&mut self) -> Vec<(Nibbles, Option<Bytes>)> {
        let mut updates = Vec::new();
        if let Self::Split(shards) = self {
            updates.extend(shards.update.take().map(|rlp| (Nibbles::new(), Some(rlp))));
        }
        for trie in self.tries_mut() {
            updates.append(&mut trie.take_updates());
        }
        updates
    }

    /// Nodes in memory, a split root apart.
    pub(crate) fn node_count(&self) -> usize {
        self.tries().iter().map(MerkleTrie::node_count).sum()
    }

    /// Bytes in memory.
    pub(crate) fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.tries().iter().map(MerkleTrie::memory_bytes).sum::<usize>()
    }

    /// Adds the nodes in memory, by warmth, to `counts`.
    pub(crate) fn count_by_warmth(&self, counts: &mut BTreeMap<Warmth, usize>) {
        self.tries().iter().for_each(|trie| trie.count_by_warmth(counts));
    }

    /// Keeps the nodes at least as warm as `limit` (none without a limit) and gives the other memory back.
    pub(crate) fn keep_warm(&mut self, limit: Option<Warmth>) {
        self.tries_mut().par_iter_mut().for_each(|trie| trie.keep_warm(limit));
    }

    /// Moves what is noted to the end of `out`.
    pub(crate) fn drain_notes(&mut self, out: &mut Notes) {
        if let Self::Split(shards) = self {
            out.append(&mut shards.notes);
        }
        for trie in self.tries_mut() {
            out.append(&mut trie.notes);
        }
    }

    /// Splits the trie if it has so many nodes in memory and nothing is pending.
    pub(crate) fn split(&mut self, nodes_min: usize) {
        let Self::Whole(trie) = self else { return };
        let is_settled = !trie.root.is_stale() && trie.updates.is_empty() && trie.since == 0;
        if !is_settled || trie.node_count() < nodes_min || trie.root.link == NO_LINK {
            return;
        }
        if let Node::Branch(branch) = &trie.slots[trie.root.link as usize].node
            && branch.value.is_none()
        {
            *self = Self::Split(Box::new(Shards::of(trie)));
        }
    }

    /// Makes the trie whole again if fewer than two of its parts hold keys.
    fn join(&mut self, loader: &Loader<'_>) -> Result<(), TrieError> {
        let Self::Split(shards) = self else { return Ok(()) };
        if shards.mask().count_ones() < 2 {
            let whole = shards.join(loader)?;
            *self = Self::Whole(whole);
        }
        Ok(())
    }
}

impl Shards {
    /// Takes apart a trie whose root is a branch in memory.
    fn of(trie: &mut MerkleTrie) -> Self {
        let (top, epoch) = (trie.root.link as usize, trie.slots[trie.root.link as usize].epoch);
        let is_stored = trie.slots[top].is_stored;
        let root = trie.root.hash();
        let Node::Branch(branch) = trie.take(top as u32) else {
            unreachable!("the caller has seen the branch");
        };
        let mut children = branch.nibbles().zip(branch.children.iter()).peekable();
        let shard = |nibble: u8| {
            let mut shard = MerkleTrie::below(Nibbles::from_nibbles([nibble]), trie.epoch);
            if let Some((_, child)) = children.next_if(|(child, _)| *child == nibble) {
                let mut kept = Vec::new();
                shard.root = *child;
                shard.root.link = trie.copy_warm(child.link, 1, Some(ALL), &mut kept);
                shard.heap_bytes = kept.iter().map(|slot| slot.node.heap_bytes()).sum();
                shard.slots = kept;
            }
            shard
        };
        let tries = (0..SHARDS as u8).map(shard).collect();
        Self { tries, root, is_stored, update: None, epoch, notes: Notes::default() }
    }

    /// Bit n is set if the part with first nibble n holds keys.
    fn mask(&self) -> u16 {
        (0..)
            .zip(&self.tries)
            .fold(0, |mask, (nibble, trie)| mask | u16::from(!trie.is_gone()) << nibble)
    }

    /// The branch, all of whose children are named.
    fn branch(&self) -> Node {
        let mut branch = Branch::default();
        for (nibble, trie) in (0u8..).zip(&self.tries).filter(|(_, trie)| !trie.is_gone()) {
            branch.insert(nibble, trie.root);
        }
        Node::Branch(branch)
    }

    /// A walk goes through the branch.
    fn visit(&mut self) {
        let MerkleTrie { epoch, since, .. } = self.tries[0];
        if self.epoch < since {
            let mut rlp = Vec::new();
            codec::encode(&self.branch(), &mut rlp);
            self.notes.push(&rlp);
        }
        self.epoch = epoch;
    }

    fn root(&mut self) -> B256 {
        if let Some(root) = self.root {
            return root;
        }
        self.tries.par_iter_mut().filter(|trie| trie.root.is_stale()).for_each(|trie| {
            trie.root();
        });
        let mut rlp = Vec::new();
        codec::encode(&self.branch(), &mut rlp);
        let root = keccak256(&rlp);
        (self.root, self.update, self.is_stored) = (Some(root), Some(rlp.into()), true);
        root
    }

    /// The trie that is left when at most one part holds keys.
    fn join(&mut self, loader: &Loader<'_>) -> Result<MerkleTrie, TrieError> {
        let (epoch, since) = (self.tries[0].epoch, self.tries[0].since);
        let mut updates: Vec<_> =
            self.update.take().map(|rlp| (Nibbles::new(), Some(rlp))).into_iter().collect();
        let mut notes = core::mem::take(&mut self.notes);
        for trie in &mut self.tries {
            updates.append(&mut trie.updates);
            notes.append(&mut trie.notes);
        }
        let left = self.tries.iter().position(|trie| !trie.is_gone());
        let mut whole = match left {
            Some(nibble) => self.tries.swap_remove(nibble),
            None => MerkleTrie::new(Child::empty_root().hash().unwrap_or_default()),
        };
        (whole.epoch, whole.since, whole.updates, whole.notes) = (epoch, since, updates, notes);
        if left.is_some() {
            whole.rise(self.is_stored, loader)?;
        } else if self.is_stored {
            whole.updates.push((Nibbles::new(), None));
        }
        Ok(whole)
    }
}
