//! Comparison of pools with the node, at the block's own hash.

use super::Work;
use alloy_primitives::map::HashMap;
use std::{collections::BTreeSet, sync::Arc};
use weir_amm::{Tick, TickInfo, TickList, V3Slot, V4Fees};
use weir_arena::{
    Hydration, LpFeeSource, PoolArena, PoolIdx, PoolKey, PoolSnapshot, PoolState, PoolStatic,
    PoolStatus, V4State,
};

/// Comparisons under way at once; further samples are skipped.
const SAMPLES_UNDER_WAY_MAX: usize = 8;

/// Chooses pools, and keeps our side of the comparison until the node's is there.
#[derive(Debug)]
pub(crate) struct Sampler {
    count: usize,
    seed: u64,
    waiting: Vec<Work>,
    kept: HashMap<u64, Arc<PoolSnapshot>>,
}

impl Sampler {
    pub(crate) fn new(count: usize, seed: u64) -> Self {
        Self { count, seed, waiting: Vec::new(), kept: HashMap::default() }
    }

    /// Chooses live pools of the tip.
    pub(crate) fn choose(&mut self, arena: &mut PoolArena, next_id: &mut u64) {
        if self.count == 0 || self.kept.len() >= SAMPLES_UNDER_WAY_MAX {
            return;
        }
        let is_live =
            |idx: &PoolIdx| arena.pool(*idx).is_some_and(|pool| pool.status() == PoolStatus::Live);
        let mut live: Vec<PoolIdx> = arena.pools().map(|(idx, _)| idx).filter(is_live).collect();
        let mut pools: Vec<PoolStatic> = Vec::with_capacity(self.count);
        while pools.len() < self.count && !live.is_empty() {
            let chosen = live.swap_remove(self.below(live.len()));
            pools.extend(arena.pool(chosen).map(|pool| *pool.statics()));
        }
        let Some(at) = arena.tip().filter(|_| !pools.is_empty()) else { return };
        let id = *next_id;
        *next_id += 1;
        self.kept.insert(id, arena.snapshot());
        self.waiting.push(Work { id, at, pools });
    }

    pub(crate) fn take_work(&mut self) -> Vec<Work> {
        std::mem::take(&mut self.waiting)
    }

    /// Our side of a comparison.
    pub(crate) fn end(&mut self, id: u64) -> Option<Arc<PoolSnapshot>> {
        self.kept.remove(&id)
    }

    fn below(&mut self, bound: usize) -> usize {
        // Steele, Lea and Flood's SplitMix64.
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.seed;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % (bound.max(1) as u64)).unwrap_or(0)
    }
}

/// A field that differs: its name, ours, theirs.
pub(crate) type FieldDifference = (String, String, String);

/// The first difference between a pool as it was in a snapshot and as a node read it at that block.
pub(crate) fn difference(
    snapshot: &PoolSnapshot,
    key: &PoolKey,
    read: &Hydration,
) -> Option<FieldDifference> {
    let pool = snapshot.get(key).filter(|pool| pool.status() == PoolStatus::Live)?;
    match (pool.state(), read) {
        (PoolState::V2(ours), Hydration::V2(theirs)) => {
            field("reserve0", ours.reserves.reserve0, theirs.reserve0)
                .or_else(|| field("reserve1", ours.reserves.reserve1, theirs.reserve1))
        }
        (PoolState::V3(ours), Hydration::V3 { slot, fee_protocol, ticks }) => {
            slot_difference(&ours.slot, slot)
                .or_else(|| field("feeProtocol", ours.fee_protocol, fee_protocol))
                .or_else(|| tick_difference(&ours.ticks, ticks))
        }
        (PoolState::V4(ours), Hydration::V4 { slot, fees, ticks }) => {
            slot_difference(&ours.slot, slot)
                .or_else(|| fee_difference(ours, fees))
                .or_else(|| tick_difference(&ours.ticks, ticks))
        }
        _ => field("protocol", pool.statics().protocol.name(), "another"),
    }
}

fn field(name: &str, ours: impl ToString, theirs: impl ToString) -> Option<FieldDifference> {
    let (ours, theirs) = (ours.to_string(), theirs.to_string());
    (ours != theirs).then(|| (name.to_owned(), ours, theirs))
}

/// A fee that hooks set without an event may have changed since: that is no contradiction, the pool's grade says so.
fn fee_difference(ours: &V4State, theirs: &V4Fees) -> Option<FieldDifference> {
    let is_static = ours.lp_source == LpFeeSource::Static;
    is_static
        .then(|| field("lpFee", ours.fees.lp, theirs.lp))
        .flatten()
        .or_else(|| field("protocolFee0", ours.fees.zero_for_one, theirs.zero_for_one))
        .or_else(|| field("protocolFee1", ours.fees.one_for_zero, theirs.one_for_zero))
}

fn slot_difference(ours: &V3Slot, theirs: &V3Slot) -> Option<FieldDifference> {
    field("sqrtPriceX96", ours.sqrt_price, theirs.sqrt_price)
        .or_else(|| field("tick", ours.tick, theirs.tick))
        .or_else(|| field("liquidity", ours.liquidity.get(), theirs.liquidity.get()))
}

fn tick_difference(ours: &TickList, theirs: &[(Tick, TickInfo)]) -> Option<FieldDifference> {
    let show = |info: Option<TickInfo>| {
        info.map_or_else(|| "absent".to_owned(), |info| format!("{}/{}", info.gross, info.net))
    };
    for (tick, info) in theirs {
        let name = format!("tick[{}]", tick.get());
        let found = field(&name, show(ours.info(*tick)), show(Some(*info)));
        if found.is_some() {
            return found;
        }
    }
    let theirs: BTreeSet<i32> = theirs.iter().map(|(tick, _)| tick.get()).collect();
    let (tick, info) = ours.iter().find(|(tick, _)| !theirs.contains(&tick.get()))?;
    field(&format!("tick[{}]", tick.get()), show(Some(info)), show(None))
}
