//! Which pools are in the arena, and where their first state comes from.

use super::PoolArena;
use crate::{
    LookupError, Pool, PoolIdx, PoolKey, PoolState, PoolStatic, V2State, V3State,
    pool::{Sync, Terms, Touch},
    state::Core,
    undo::PreImage,
};
use alloy_primitives::{B256, map::HashSet};
use std::sync::Arc;
use weir_amm::{MAX_RESERVE, Reserves, Tick, TickInfo, TickList, V3Slot, V3Terms};

/// A pool's whole state, as read from the chain at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hydration {
    /// `getReserves`.
    V2(Reserves),
    /// `slot0`, `liquidity` and every initialized tick.
    V3 {
        /// Price, tick and liquidity; a zero price is a pool not yet initialized.
        slot: V3Slot,
        /// `slot0.feeProtocol`.
        fee_protocol: u8,
        /// All initialized ticks, in any order.
        ticks: Vec<(Tick, TickInfo)>,
    },
}

/// What a whitelist changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MembershipChange {
    /// Pools that left.
    pub removed: Vec<PoolKey>,
    /// Pools that joined, unsynced.
    pub added: Vec<PoolIdx>,
    /// Rows not taken, and why.
    pub rejected: Vec<(PoolKey, LookupError)>,
}

/// The most pools an arena holds: a bound on memory.
const MAX_POOLS: u32 = 1 << 24;

impl PoolArena {
    /// Makes the whitelist the arena's pools: removals first, pools on it keep their state. Between blocks only.
    pub fn set_pools(&mut self, rows: &[PoolStatic]) -> MembershipChange {
        let wanted: HashSet<PoolKey> = rows.iter().map(|row| row.key).collect();
        let gone: Vec<PoolKey> = self
            .pools()
            .map(|(_, pool)| pool.statics().key)
            .filter(|key| !wanted.contains(key))
            .collect();
        let mut change = MembershipChange::default();
        for key in gone {
            change.removed.extend(self.remove_pool(&key).is_ok().then_some(key));
        }
        for row in rows {
            let known = self.find(&row.key);
            match self.add_pool(*row) {
                Ok(idx) if known.is_none() => change.added.push(idx),
                Ok(_) => {}
                Err(error) => change.rejected.push((row.key, error)),
            }
        }
        change
    }

    /// Adds a pool, unsynced. A pool that is there already with the same facts stays as it is.
    pub fn add_pool(&mut self, statics: PoolStatic) -> Result<PoolIdx, LookupError> {
        let pool = statics.key;
        if pool.chain_id != self.config.chain_id {
            return Err(LookupError::BadStatic { pool });
        }
        statics.validate()?;
        if let Some(idx) = self.find(&pool) {
            let is_same = self.pools.get(idx).is_some_and(|held| {
                PoolStatic { decimals: statics.decimals, ..*held.statics() } == statics
            });
            return if is_same { Ok(idx) } else { Err(LookupError::Conflict { pool }) };
        }
        let idx = self.join(statics)?;
        self.note_change();
        Ok(idx)
    }

    /// Removes a pool and all that is known of it.
    pub fn remove_pool(&mut self, key: &PoolKey) -> Result<(), LookupError> {
        let idx = self.find(key).ok_or(LookupError::UnknownPool { pool: *key })?;
        self.leave(idx);
        self.note_change();
        Ok(())
    }

    pub(super) fn join(&mut self, statics: PoolStatic) -> Result<PoolIdx, LookupError> {
        let bad = LookupError::BadStatic { pool: statics.key };
        let pool = Pool::unsynced(statics).ok_or(bad)?;
        let pools = self.pools.count();
        if pools >= MAX_POOLS {
            return Err(LookupError::Full { pools });
        }
        let fresh = PoolIdx(self.pools.slots() as u32);
        let idx = self.free.pop().unwrap_or(fresh);
        if idx.get() == self.incarnations.len() {
            self.incarnations.push(0);
        }
        self.pools.insert(idx, pool);
        self.topology += 1;
        Ok(idx)
    }

    pub(super) fn leave(&mut self, idx: PoolIdx) -> Option<PoolKey> {
        let key = self.pools.remove(idx)?;
        // Undo records of the pool that left must not reach the one that comes.
        self.incarnations[idx.get()] += 1;
        self.free.push(idx);
        self.topology += 1;
        Some(key)
    }

    /// Gives a pool the state that was read at the tip. Ends a halt.
    ///
    /// Reverting below the tip makes the pool unsynced again, as nothing is known of it there.
    pub fn hydrate(
        &mut self,
        key: &PoolKey,
        at: B256,
        hydration: Hydration,
    ) -> Result<PoolIdx, LookupError> {
        let pool = *key;
        let idx = self.find(key).ok_or(LookupError::UnknownPool { pool })?;
        let tip = self.tip.filter(|tip| tip.hash == at).ok_or(LookupError::NotTip { found: at })?;
        let bad_state = LookupError::BadState { pool };
        let incarnation = self.incarnations[idx.get()];
        let held = self.pools.get_mut(idx).ok_or(LookupError::UnknownPool { pool })?;
        let (state, sync) = checked(held.terms(), hydration).ok_or(bad_state)?;
        let unknown = unknown_core(&state);
        held.state = state;
        held.sync = sync;
        held.halt = None;
        held.previous = None;
        held.exact_from = tip.number;
        held.nonce += 1;
        if held.last_touch.is_none_or(|touch| touch.number != tip.number)
            && let Some(record) = self.ring.newest_mut()
        {
            let position = record.pre_images.len() as u32;
            let previous = held.last_touch.replace(Touch { number: tip.number, position });
            let sync = Sync::Unsynced;
            let core = unknown;
            record.pre_images.push(PreImage {
                idx,
                incarnation,
                sync,
                is_created: false,
                core,
                previous,
            });
        }
        self.note_change();
        Ok(idx)
    }
}

fn unknown_core(state: &PoolState) -> Core {
    match state {
        PoolState::V2(_) => PoolState::V2(V2State::default()).core(),
        PoolState::V3(_) => PoolState::V3(V3State::default()).core(),
    }
}

/// The state, if a contract can be in it.
fn checked(terms: Terms, hydration: Hydration) -> Option<(PoolState, Sync)> {
    match (terms, hydration) {
        (Terms::V2(_), Hydration::V2(reserves)) => {
            let is_possible = reserves.reserve0 <= MAX_RESERVE && reserves.reserve1 <= MAX_RESERVE;
            is_possible.then_some((PoolState::V2(V2State { reserves }), Sync::Synced))
        }
        (Terms::V3(terms), Hydration::V3 { slot, fee_protocol, ticks }) => {
            let ticks = checked_ticks(terms, &ticks)?;
            let sync = checked_slot(&slot, &ticks)?;
            let state = V3State { slot, fee_protocol, ticks: Arc::new(ticks) };
            Some((PoolState::V3(state), sync))
        }
        (Terms::V2(_), Hydration::V3 { .. }) | (Terms::V3(_), Hydration::V2(_)) => None,
    }
}

fn checked_ticks(terms: V3Terms, ticks: &[(Tick, TickInfo)]) -> Option<TickList> {
    let mut list = TickList::new();
    for (tick, info) in ticks {
        let is_possible = info.gross != 0
            && info.gross <= terms.spacing.max_liquidity_per_tick()
            && info.net.unsigned_abs() <= info.gross
            && terms.spacing.is_aligned(*tick)
            && list.info(*tick).is_none();
        if !is_possible {
            return None;
        }
        list.set(*tick, *info);
    }
    list.is_balanced().then_some(list)
}

fn checked_slot(slot: &V3Slot, ticks: &TickList) -> Option<Sync> {
    if slot.sqrt_price.is_zero() {
        let is_new = *slot == V3Slot::default() && ticks.is_empty();
        return is_new.then_some(Sync::Uninitialized);
    }
    let own = slot.sqrt_price.tick().ok()?;
    // After a swap down that ended on a tick, the stored tick is one less than the price's own.
    let is_below = own.sqrt_price() == slot.sqrt_price && slot.tick == own.get() - 1;
    let is_consistent = slot.tick == own.get() || is_below;
    let is_covered = ticks.liquidity_at(slot.tick) == Some(slot.liquidity.get());
    (is_consistent && is_covered).then_some(Sync::Synced)
}
