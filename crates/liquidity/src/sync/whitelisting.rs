//! The whitelist's changes at a block's end.

use super::{SourceEngine, WhitelistApplied, engine::Step};
use crate::{LiquidityError, PoolRefusal, metrics::count_whitelist};
use alloy_primitives::map::HashSet;
use std::time::Instant;
use weir_arena::{Hold, PoolKey, PoolStatic};

impl SourceEngine {
    /// Carries out all waiting changes: removals first, then additions, which wait to be read.
    pub(super) fn drain_whitelist(&mut self, step: &mut Step) {
        let arena = &self.writer.arena;
        let plan = self.members.plan(|key| Some(*arena.pool(arena.find(key)?)?.statics()));
        if plan.messages == 0 {
            return;
        }
        let is_first = self.writer.tip().is_none();
        for key in &plan.remove {
            self.drop_pool(key, step);
            self.members.resolve(*key, Err(PoolRefusal::Removed));
        }
        let (mut added, mut rejected) = (Vec::new(), Vec::new());
        for row in plan.add {
            if self.join(row, step) {
                added.push(row.key);
            } else {
                self.members.unlist(&row.key);
                rejected.push((row.key, PoolRefusal::Row));
            }
        }
        if is_first {
            self.gates.recover(added.iter().copied());
        }
        let chain_id = self.options.chain_id;
        count_whitelist(chain_id, "added", added.len());
        count_whitelist(chain_id, "removed", plan.remove.len());
        count_whitelist(chain_id, "refused", rejected.len());
        let unread: HashSet<PoolKey> = added.iter().copied().collect();
        let applied = WhitelistApplied {
            snapshot_id: plan.snapshot_id,
            messages: plan.messages,
            block: self.writer.tip().unwrap_or_default(),
            added,
            removed: plan.remove,
            hydrated: Vec::new(),
            rejected,
        };
        self.members.applied(applied, unread);
        self.refresh_newest();
    }

    /// Pools join that older blocks have created. They wait to be read, and the others go on meanwhile.
    pub(super) fn take_discovered(
        &mut self,
        pools: Vec<PoolStatic>,
        now: Instant,
    ) -> Result<(), LiquidityError> {
        let mut step = Step::new();
        for statics in pools {
            if self.writer.arena.find(&statics.key).is_some() {
                continue;
            }
            if !self.join(statics, &mut step) {
                tracing::warn!(pool = %statics.key, "discovered pool is not followed");
                continue;
            }
            // Its factory's event did not say which fork it is of.
            let assumed = self.writer.arena.assume_fork(&statics.key);
            debug_assert!(assumed.is_ok(), "the pool has just joined");
        }
        self.refresh_newest();
        self.publish_step(step, now, now)
    }

    fn join(&mut self, row: PoolStatic, step: &mut Step) -> bool {
        let Ok(idx) = self.writer.arena.add_pool(row) else { return false };
        // The row's word is not taken: `Sync` alone would make a pair live.
        let is_held = self.writer.arena.hold(&row.key, Hold::Unverified).is_ok();
        step.outcome.dirty.push(idx);
        is_held
    }

    /// Removes a pool with all that is known of it.
    pub(super) fn drop_pool(&mut self, key: &PoolKey, step: &mut Step) {
        if self.writer.arena.remove_pool(key).is_ok() {
            step.outcome.vanished.push(*key);
        }
        self.hydrations.forget(key);
        self.gates.remove(key);
    }

    /// A pool was read and is not what it is said to be.
    pub(super) fn refuse(&mut self, key: PoolKey, refusal: PoolRefusal, step: &mut Step) {
        tracing::warn!(pool = %key, %refusal, "pool is not followed");
        count_whitelist(self.options.chain_id, "refused", 1);
        self.members.resolve(key, Err(refusal));
        let is_listed = self.members.is_listed(&key);
        if is_listed && refusal == PoolRefusal::NoContract {
            // It may be created, or come back with another branch.
            self.hydrations.note_absent(key);
            self.gates.recovered(&key);
            step.outcome.dirty.extend(self.writer.arena.find(&key));
            return;
        }
        self.members.unlist(&key);
        self.drop_pool(&key, step);
    }
}
