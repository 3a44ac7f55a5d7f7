//! Which pools are in the arena, and where their first state comes from.

use super::PoolArena;
use crate::{
    LookupError, LpFeeSource, Pool, PoolIdx, PoolKey, PoolState, PoolStatic, Protocol, V2State,
    V3State, V4State,
    pool::{Sync, Terms, Touch},
    undo::PreImage,
};
use alloy_primitives::{B256, map::HashSet};
use std::sync::Arc;
use weir_amm::{MAX_RESERVE, Reserves, Tick, TickInfo, TickList, TickSpacing, V3Slot, V4Fees};

/// A pool's whole state, as read from the chain at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hydration {
    /// `getReserves`.
    V2(Reserves),
    /// `slot0`, `liquidity` and every initialized tick.
    V3 {
        /// Price, tick and liquidity; a zero price is a pool not yet initialized.
        slot: V3Slot,
        /// `slot0.feeProtocol`, packed as the contract packs it.
        fee_protocol: u32,
        /// All initialized ticks, in any order.
        ticks: Vec<(Tick, TickInfo)>,
    },
    /// `StateLibrary.getSlot0`, `getLiquidity` and every initialized tick.
    V4 {
        /// Price, tick and liquidity; a zero price is a pool not yet initialized.
        slot: V3Slot,
        /// `slot0.lpFee` and both halves of `slot0.protocolFee`.
        fees: V4Fees,
        /// All initialized ticks, in any order.
        ticks: Vec<(Tick, TickInfo)>,
    },
}

/// Why a pool is held back, whatever the arena knows of its state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Hold {
    /// Its tokens, fee and spacing are somebody's word, not yet checked against the contract: counts as unsynced.
    Unverified,
    /// Its state was found to differ from the contract's: counts as halted.
    Contradicted,
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
pub(super) const MAX_POOLS: u32 = 1 << 24;

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

    /// Gives a pool the state that was read at the tip. Ends a halt and a hold.
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
        let held = self.pools.get_mut(idx).ok_or(LookupError::UnknownPool { pool })?;
        let (state, sync) = checked(held, hydration, tip.number).ok_or(bad_state)?;
        held.halt = None;
        self.place(idx, tip.number, state, sync);
        Ok(idx)
    }

    /// Gives a pool the state that another arena has brought to the same tip, with a halt if it ended in one.
    ///
    /// So a state read at an older block joins without stopping this arena: hydrate a second arena there, apply the blocks
    /// since, and adopt. Reverting below the tip makes the pool unsynced again.
    pub fn adopt(&mut self, other: &Self, key: &PoolKey) -> Result<PoolIdx, LookupError> {
        let pool = *key;
        let unknown = LookupError::UnknownPool { pool };
        let idx = self.find(key).ok_or(unknown)?;
        let tip = self.tip.filter(|_| self.tip == other.tip);
        let found = other.tip.map_or(B256::ZERO, |tip| tip.hash);
        let tip = tip.ok_or(LookupError::NotTip { found })?;
        let theirs = other.find(key).and_then(|idx| other.pool(idx)).ok_or(unknown)?;
        let held = self.pools.get_mut(idx).ok_or(unknown)?;
        let is_same = PoolStatic { decimals: theirs.statics().decimals, ..*held.statics() }
            == *theirs.statics();
        if !is_same {
            return Err(LookupError::Conflict { pool });
        }
        held.halt.clone_from(&theirs.halt);
        held.shortfall = held.shortfall.or(theirs.shortfall);
        self.place(idx, tip.number, theirs.state.clone(), theirs.sync);
        Ok(idx)
    }

    /// Says where the providers' fee of a pool with a dynamic one comes from, where the hydration before could not: its
    /// source had the fee from a swap, from an older read, or not at all.
    pub fn set_lp_source(&mut self, key: &PoolKey, source: LpFeeSource) -> Result<(), LookupError> {
        let unknown = LookupError::UnknownPool { pool: *key };
        let idx = self.find(key).ok_or(unknown)?;
        let held = self.pools.get_mut(idx).ok_or(unknown)?;
        if let PoolState::V4(state) = &mut held.state
            && state.lp_source != LpFeeSource::Static
        {
            state.lp_source = source;
        }
        held.nonce += 1;
        self.note_change();
        Ok(())
    }

    /// Says that a V3 pool is Uniswap's by assumption, as one that its factory's event told of: the first event that only one
    /// fork has decides.
    pub fn assume_fork(&mut self, key: &PoolKey) -> Result<(), LookupError> {
        let unknown = LookupError::UnknownPool { pool: *key };
        let idx = self.find(key).ok_or(unknown)?;
        let held = self.pools.get_mut(idx).ok_or(unknown)?;
        held.is_fork_settled = held.statics().protocol != Protocol::UniswapV3;
        self.note_change();
        Ok(())
    }

    /// Says that a token of the pool delivers less than is sent, as a source of its state told: block `number` showed it.
    pub fn note_shortfall(
        &mut self,
        key: &PoolKey,
        is_token1: bool,
        number: u64,
    ) -> Result<(), LookupError> {
        let unknown = LookupError::UnknownPool { pool: *key };
        let idx = self.find(key).ok_or(unknown)?;
        let held = self.pools.get_mut(idx).ok_or(unknown)?;
        let token = if is_token1 { held.statics.token1 } else { held.statics.token0 };
        held.note_shortfall(token, number);
        held.nonce += 1;
        self.note_change();
        Ok(())
    }

    /// Forgets a pool's state: it waits for hydration. A halt stays.
    pub fn forget(&mut self, key: &PoolKey) -> Result<PoolIdx, LookupError> {
        let idx = self.find(key).ok_or(LookupError::UnknownPool { pool: *key })?;
        // What is below the tip is forgotten, too: the records there are of the state that is not trusted.
        self.place_unknown(idx);
        Ok(idx)
    }

    /// Holds a pool back until it is hydrated or adopted. Reverts do not end it.
    pub fn hold(&mut self, key: &PoolKey, hold: Hold) -> Result<PoolIdx, LookupError> {
        let unknown = LookupError::UnknownPool { pool: *key };
        let idx = self.find(key).ok_or(unknown)?;
        self.pools.get_mut(idx).ok_or(unknown)?.hold = Some(hold);
        self.note_change();
        Ok(idx)
    }

    fn place_unknown(&mut self, idx: PoolIdx) {
        let number = self.tip.map_or(0, |tip| tip.number);
        if let Some(held) = self.pools.get_mut(idx) {
            held.unsync();
            held.exact_from = number + 1;
            held.nonce += 1;
        }
        self.note_change();
    }

    /// Puts a state in place that is known from the tip on, and nothing below.
    fn place(&mut self, idx: PoolIdx, number: u64, state: PoolState, sync: Sync) {
        let incarnation = self.incarnations[idx.get()];
        let Some(held) = self.pools.get_mut(idx) else { return };
        let core = state.unknown().core();
        held.state = state;
        held.sync = sync;
        held.hold = None;
        held.previous = None;
        held.exact_from = number;
        held.nonce += 1;
        if held.last_touch.is_none_or(|touch| touch.number != number)
            && let Some(record) = self.ring.newest_mut()
        {
            let position = record.pre_images.len() as u32;
            let image = PreImage::of(held, idx, incarnation, false);
            record.pre_images.push(PreImage { sync: Sync::Unsynced, core, ..image });
            held.last_touch = Some(Touch { number, position });
        }
        self.note_change();
    }
}

/// The state, if a contract can be in it.
fn checked(pool: &Pool, hydration: Hydration, number: u64) -> Option<(PoolState, Sync)> {
    match (pool.terms(), hydration) {
        (Terms::V2(_), Hydration::V2(reserves)) => {
            let is_possible = reserves.reserve0 <= MAX_RESERVE && reserves.reserve1 <= MAX_RESERVE;
            is_possible.then_some((PoolState::V2(V2State { reserves }), Sync::Synced))
        }
        (Terms::V3(terms), Hydration::V3 { slot, fee_protocol, ticks }) => {
            let ticks = checked_ticks(terms.spacing, &ticks)?;
            let sync = checked_slot(&slot, &ticks)?;
            let state = V3State { slot, fee_protocol, ticks: Arc::new(ticks) };
            Some((PoolState::V3(state), sync))
        }
        (Terms::V4(terms), Hydration::V4 { slot, fees, ticks }) => {
            let ticks = checked_ticks(terms.spacing, &ticks)?;
            let sync = checked_slot(&slot, &ticks)?;
            let lp_source = checked_fees(pool.statics(), &fees, sync, number)?;
            let state = V4State { slot, fees, lp_source, ticks: Arc::new(ticks) };
            Some((PoolState::V4(state), sync))
        }
        (Terms::V2(_) | Terms::V3(_) | Terms::V4(_), _) => None,
    }
}

/// Where the providers' fee comes from, if the contract can hold these fees: before a price it has none, and a fee that is
/// not dynamic is the key's.
fn checked_fees(
    statics: &PoolStatic,
    fees: &V4Fees,
    sync: Sync,
    number: u64,
) -> Option<LpFeeSource> {
    if sync == Sync::Uninitialized {
        return (*fees == V4Fees::default()).then_some(LpFeeSource::default());
    }
    if statics.is_dynamic_fee() {
        return fees.is_valid().then_some(LpFeeSource::Read { block: number });
    }
    (fees.is_valid() && fees.lp == statics.fee_pips).then_some(LpFeeSource::Static)
}

fn checked_ticks(spacing: TickSpacing, ticks: &[(Tick, TickInfo)]) -> Option<TickList> {
    let mut list = TickList::new();
    for (tick, info) in ticks {
        let is_possible = info.gross != 0
            && info.gross <= spacing.max_liquidity_per_tick()
            && info.net.unsigned_abs() <= info.gross
            && spacing.is_aligned(*tick)
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
