//! Forgetting nodes that the store holds, coldest first.

use crate::{
    merkle::{MerkleTrie, Slot},
    node::{NO_LINK, Node},
};
use std::{cmp::Reverse, collections::BTreeMap};

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
        let mut node = std::mem::replace(&mut slot.node, Node::Vacant);
        let new = kept.len();
        kept.push(Slot { node: Node::Vacant, epoch, is_stored });
        for child in node.children_mut() {
            child.link = self.copy_warm(child.link, depth + 1, limit, kept);
        }
        kept[new].node = node;
        new as u32
    }
}
