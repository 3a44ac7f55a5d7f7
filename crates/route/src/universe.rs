//! What is made once a topology: the tokens, the cycles and the rates of their pools.

use crate::{
    CycleSet, Gone, Hop, Opportunity, OpportunityHop, OpportunityHops, PathOptions, TokenGraph,
    curve_cache::CurveCache, evaluation::Found, simulate::Trade,
};
use alloy_primitives::Address;
use std::sync::Arc;
use weir_arena::{Pool, PoolSnapshot, PoolStatus};

/// What is made once a topology.
#[derive(Debug)]
pub(crate) struct Universe {
    pub(crate) graph: Arc<TokenGraph>,
    pub(crate) cycles: CycleSet,
    pub(crate) curves: CurveCache,
    /// One bit a cycle; all clear between evaluations.
    pub(crate) dirty: Vec<u64>,
}

impl Universe {
    /// Graph, cycles and rates of the snapshot's pools.
    pub(crate) fn new(options: &PathOptions, snapshot: &PoolSnapshot) -> Self {
        let graph = TokenGraph::new(snapshot, options.wrapped_native);
        let bases: Vec<Address> = options.bases.iter().map(|base| base.token).collect();
        let cycles = CycleSet::enumerate(&graph, &bases, options.cycles);
        let curves = CurveCache::new(snapshot, &graph);
        let dirty = vec![0; cycles.len().div_ceil(64)];
        Self { graph: Arc::new(graph), cycles, curves, dirty }
    }

    /// Whether the opportunity's cycle is among those enumerated, whatever the indices of its pools were.
    pub(crate) fn holds(&self, opportunity: &Opportunity, snapshot: &PoolSnapshot) -> bool {
        let hops = opportunity.hops.as_slice();
        let found = |at: &OpportunityHop| {
            Some(Hop { pool: snapshot.find(&at.pool)?, direction: at.hop.direction })
        };
        let Some(first) = found(&hops[0]) else { return false };
        self.cycles.through(first.pool).iter().any(|cycle| {
            [false, true].into_iter().any(|is_reverse| {
                let row = self.cycles.hops(*cycle, is_reverse);
                row.len() == hops.len() && row.zip(hops).all(|(hop, at)| found(at) == Some(hop))
            })
        })
    }

    /// The opportunity that was found. A name costs a hash: it is taken from the one held, if that is the same cycle in
    /// the same sense.
    pub(crate) fn dress(
        &self,
        options: &PathOptions,
        snapshot: &PoolSnapshot,
        found: &Found,
        held: Option<&Opportunity>,
    ) -> Option<Opportunity> {
        let mut row = self.cycles.hops(found.cycle, found.is_reverse).peekable();
        let first = *row.peek()?;
        let (id, hops) = match held.filter(|held| held.hops.as_slice()[0].hop == first) {
            Some(held) => (held.id, held.hops),
            None => {
                let hops = OpportunityHops::new(row.map_while(|hop| {
                    let pool = snapshot.pool(hop.pool)?.statics().key;
                    Some(OpportunityHop { pool, hop })
                }))?;
                (hops.id(), hops)
            }
        };
        let base = options.bases.get(self.cycles.base_rank(found.cycle))?;
        let Trade { amount_in, amount_out } = found.trade;
        Some(Opportunity {
            id,
            hops,
            base: base.token,
            amount_in,
            amount_out,
            profit: amount_out.saturating_sub(amount_in),
            gas: self.gas(options, &hops),
            net: None,
            block: snapshot.tip(),
            generation: snapshot.generation(),
        })
    }

    fn gas(&self, options: &PathOptions, hops: &OpportunityHops) -> u64 {
        let gas = options.gas;
        let can_convert = self.graph.wrapped_native().is_some();
        let mut sum = gas.transaction;
        // Between trades the coin is held wrapped, if it can be.
        let mut is_native = false;
        for OpportunityHop { hop, .. } in hops.as_slice() {
            let traits = self.curves.traits(hop.pool);
            sum += if traits.is_concentrated { gas.concentrated_hop } else { gas.constant_hop };
            let has_native = traits.has_native0 && can_convert;
            let is_in = has_native && hop.direction.is_zero_for_one();
            sum += if is_in == is_native { 0 } else { gas.conversion };
            is_native = has_native && !hop.direction.is_zero_for_one();
        }
        sum + if is_native { gas.conversion } else { 0 }
    }
}

/// Why a cycle that was profitable is not: the first pool that is gone or not live, or else its price.
pub(crate) fn gone_reason(snapshot: &PoolSnapshot, hops: &OpportunityHops) -> Gone {
    for OpportunityHop { pool, .. } in hops.as_slice() {
        match snapshot.get(pool).map(Pool::status) {
            None => return Gone::PoolRemoved { pool: *pool },
            Some(PoolStatus::Live) => {}
            Some(status) => return Gone::NotLive { pool: *pool, status },
        }
    }
    Gone::Unprofitable
}
