//! The whitelist: what it says, what of it waits for a block's end, and what became of it.

use super::WhitelistChange;
use crate::PoolRefusal;
use alloy_primitives::map::HashSet;
use std::collections::BTreeMap;
use weir_arena::{PoolKey, PoolStatic};
use weir_primitives::BlockRef;

/// What became of a whitelist message; of several, if they came within one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WhitelistApplied {
    /// The publisher's number of the last of them.
    pub snapshot_id: u64,
    /// Messages applied together.
    pub messages: u32,
    /// The block at whose end they were applied.
    pub block: BlockRef,
    /// Pools that joined.
    pub added: Vec<PoolKey>,
    /// Pools that left.
    pub removed: Vec<PoolKey>,
    /// Pools of `added` whose states were read.
    pub hydrated: Vec<PoolKey>,
    /// Rows that are not followed, and why.
    pub rejected: Vec<(PoolKey, PoolRefusal)>,
}

/// What the arena has to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) snapshot_id: u64,
    pub(crate) messages: u32,
    pub(crate) remove: Vec<PoolKey>,
    pub(crate) add: Vec<PoolStatic>,
}

#[derive(Debug)]
struct Pending {
    applied: WhitelistApplied,
    unread: HashSet<PoolKey>,
}

#[derive(Debug, Default)]
pub(crate) struct Members {
    listed: BTreeMap<PoolKey, PoolStatic>,
    queue: Vec<WhitelistChange>,
    pending: Vec<Pending>,
    done: Vec<WhitelistApplied>,
}

impl Members {
    /// Keeps a change for the end of the block.
    pub(crate) fn queue(&mut self, change: WhitelistChange) {
        if matches!(change, WhitelistChange::Full { .. }) {
            // A full list overrules all that waits.
            let messages = self.queue.len();
            tracing::debug!(messages, "waiting whitelist messages are overruled");
            self.queue.clear();
        }
        self.queue.push(change);
    }

    pub(crate) const fn is_idle(&self) -> bool {
        self.queue.is_empty()
    }

    pub(crate) fn is_listed(&self, pool: &PoolKey) -> bool {
        self.listed.contains_key(pool)
    }

    /// All waiting changes as one: removals and additions against what is held.
    pub(crate) fn plan(&mut self, held: impl Fn(&PoolKey) -> Option<PoolStatic>) -> Plan {
        let mut plan = Plan::default();
        let mut wanted = self.listed.clone();
        for change in std::mem::take(&mut self.queue) {
            plan.messages += 1;
            match change {
                WhitelistChange::Full { snapshot_id, pools } => {
                    plan.snapshot_id = snapshot_id;
                    wanted = pools.into_iter().map(|pool| (pool.key, pool)).collect();
                }
                WhitelistChange::Add { snapshot_id, pools } => {
                    plan.snapshot_id = snapshot_id;
                    wanted.extend(pools.into_iter().map(|pool| (pool.key, pool)));
                }
                WhitelistChange::Remove { snapshot_id, pools } => {
                    plan.snapshot_id = snapshot_id;
                    wanted.retain(|key, _| !pools.contains(key));
                }
                WhitelistChange::Confirmed => plan.messages -= 1,
            }
        }
        let is_same = |ours: &PoolStatic, row: &PoolStatic| {
            // A row may leave the factory open.
            let factory = if row.factory.is_zero() { row.factory } else { ours.factory };
            PoolStatic { decimals: row.decimals, factory, ..*ours } == *row
        };
        for key in self.listed.keys() {
            let Some(ours) = held(key) else { continue };
            if wanted.get(key).is_none_or(|row| !is_same(&ours, row)) {
                plan.remove.push(*key);
            }
        }
        let is_new = |row: &&PoolStatic| held(&row.key).is_none_or(|ours| !is_same(&ours, row));
        plan.add = wanted.values().filter(is_new).copied().collect();
        self.listed = wanted;
        plan
    }

    /// A plan was carried out: its acknowledgement goes out once `unread` pools are read or refused.
    pub(crate) fn applied(&mut self, applied: WhitelistApplied, unread: HashSet<PoolKey>) {
        self.pending.push(Pending { applied, unread });
        self.settle();
    }

    /// The first block was not known when the first list was applied.
    pub(crate) fn anchor(&mut self, block: BlockRef) {
        for pending in &mut self.pending {
            if pending.applied.block == BlockRef::default() {
                pending.applied.block = block;
            }
        }
    }

    /// A pool was read, or is not what its row says.
    pub(crate) fn resolve(&mut self, pool: PoolKey, result: Result<(), PoolRefusal>) {
        for pending in &mut self.pending {
            if !pending.unread.remove(&pool) {
                continue;
            }
            match result {
                Ok(()) => pending.applied.hydrated.push(pool),
                Err(refusal) => pending.applied.rejected.push((pool, refusal)),
            }
        }
        self.settle();
    }

    /// A row that is refused counts as new when it is listed again.
    pub(crate) fn unlist(&mut self, pool: &PoolKey) {
        self.listed.remove(pool);
    }

    /// Acknowledgements that are complete.
    pub(crate) fn acknowledged(&mut self) -> Vec<WhitelistApplied> {
        std::mem::take(&mut self.done)
    }

    fn settle(&mut self) {
        while self.pending.first().is_some_and(|pending| pending.unread.is_empty()) {
            let mut applied = self.pending.remove(0).applied;
            applied.hydrated.sort_unstable();
            self.done.push(applied);
        }
    }
}
