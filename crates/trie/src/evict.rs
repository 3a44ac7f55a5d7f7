//! Forgetting nodes that the store holds, coldest first.

use crate::{
    StateTrie,
    merkle::{MerkleTrie, Slot},
    node::{NO_LINK, Node},
    threads::prelude::*,
};
use alloc::{collections::BTreeMap, vec::Vec};
use core::cmp::Reverse;

/// How warm a node is: the epoch of its last use (newest first), then its distance from the root.
///
/// A parent is warmer than its children, so keeping the warmest keeps a connected top of the trie.
pub(crate) type Warmth = (Reverse<u32>, u8);

impl MerkleTrie {
    /// Adds the nodes in memory, by warmth, to `counts`.
    pub(crate) fn count_by_warmth(&self, counts: &mut BTreeMap<Warmth, usize>) {
        if self.root.link != NO_LINK {
            self.count_below(self.root.link, self.prefix.len() as u8, counts);
        }
    }

    fn count_below(&self, index: u32, depth: u8, counts: &mut BTreeMap<Warmth, usize>) {
        let slot = &self.slots[index as usize];
        *counts.entry((Reverse(slot.epoch), depth)).or_default() += 1;
        for child in slot.node.children() {
            if child.link != NO_LINK {
                self.count_below(child.link, depth + 1, counts);
            }
        }
    }

    /// Keeps the nodes at least as warm as `limit` (none without a limit) and gives the other memory back.
    pub(crate) fn keep_warm(&mut self, limit: Option<Warmth>) {
        debug_assert!(!self.root.is_stale(), "only a hashed trie forgets");
        let mut kept = Vec::new();
        let depth = self.prefix.len() as u8;
        self.root.link = self.copy_warm(self.root.link, depth, limit, &mut kept);
        self.heap_bytes = kept.iter().map(|slot| slot.node.heap_bytes()).sum();
        self.slots = kept;
        self.free = Vec::new();
    }

    /// Moves a node and what is warm below it to `kept`; returns its new link.
    pub(crate) fn copy_warm(
        &mut self,
        index: u32,
        depth: u8,
        limit: Option<Warmth>,
        kept: &mut Vec<Slot>,
    ) -> u32 {
        if index == NO_LINK {
            return NO_LINK;
        }
        let slot = &mut self.slots[index as usize];
        let (epoch, is_stored) = (slot.epoch, slot.is_stored);
        if limit.is_none_or(|limit| (Reverse(epoch), depth) > limit) {
            return NO_LINK;
        }
        let mut node = core::mem::replace(&mut slot.node, Node::Vacant);
        let new = kept.len();
        kept.push(Slot { node: Node::Vacant, epoch, is_stored });
        for child in node.children_mut() {
            child.link = self.copy_warm(child.link, depth + 1, limit, kept);
        }
        kept[new].node = node;
        new as u32
    }
}

impl StateTrie {
    /// Forgets nodes, as [`Self::evict`] does, if more than `bytes_max` are in memory. A quarter of the memory is given back
    /// then, so that the walk over all nodes is rare.
    pub fn shrink_to(&mut self, bytes_max: usize) {
        let bytes = self.memory_bytes();
        if bytes_max < bytes {
            // Products of byte and node counts stay far below 2^128.
            let kept = self.node_count() as u128 * bytes_max as u128 / bytes as u128;
            self.evict(usize::try_from(kept * 3 / 4).unwrap_or(usize::MAX));
        }
    }

    /// Forgets the nodes used longest ago, and the deepest among equals, until at most `nodes_max` are in memory.
    ///
    /// Forgotten nodes are loaded again when needed, so call it after the updates taken are in the store. Does nothing
    /// while there are changes that were not hashed or not taken.
    pub fn evict(&mut self, nodes_max: usize) {
        let is_settled = self.unrooted.is_empty()
            && self.touched.is_empty()
            && self.wiped.is_empty()
            && !self.accounts.has_updates()
            && !self.accounts.is_stale();
        if !is_settled || self.is_poisoned || self.node_count() <= nodes_max {
            return;
        }
        let limit = self.warmth_limit(nodes_max);
        self.accounts.keep_warm(limit);
        self.storages.par_iter_mut().for_each(|(_, trie)| trie.keep_warm(limit));
        self.storages.retain(|_, trie| trie.node_count() > 0);
    }

    /// The coldest warmth that still fits into `nodes_max` nodes.
    fn warmth_limit(&self, nodes_max: usize) -> Option<Warmth> {
        let mut counts = BTreeMap::new();
        self.accounts.count_by_warmth(&mut counts);
        self.storages.values().for_each(|trie| trie.count_by_warmth(&mut counts));
        let mut kept = 0;
        let mut limit = None;
        for (warmth, count) in counts {
            kept += count;
            if kept > nodes_max {
                break;
            }
            limit = Some(warmth);
        }
        limit
    }
}
