//! The opportunities of a snapshot, kept up to date block by block.

use crate::{
    CycleOptions, CycleSet, GasSchedule, GasTerms, Gone, Opportunity, OpportunityDelta,
    OpportunityId, TokenGraph, TokenPrice,
    evaluation::{Market, Part},
    held::Held,
    universe::{Universe, gone_reason},
};
use alloy_primitives::{Address, I256, U256, map::HashMap};
use rayon::prelude::*;
use std::sync::Arc;
use weir_arena::{PoolIdx, PoolSnapshot};

/// Fewer dirty cycles than this are evaluated on the calling thread: waking others would take longer.
const PARALLEL_CYCLES: usize = 4096;
/// Parts that the work is cut into for each thread, so that one with many profitable cycles does not hold up the rest.
const PARTS_PER_WORKER: usize = 4;

/// A token in which profit is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BaseToken {
    /// The token.
    pub token: Address,
    /// What it is worth, for ranking and against gas.
    pub price: Option<TokenPrice>,
    /// The least profit of an opportunity, in the token's smallest unit; at least one unit is asked for anyway.
    ///
    /// It does not depend on gas: what the engine holds is a function of the pools alone.
    pub min_profit: U256,
}

/// How a [`PathEngine`] works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PathOptions {
    /// Tokens that cycles begin and end with, the preferred first.
    pub bases: Vec<BaseToken>,
    /// Which cycles are looked at.
    pub cycles: CycleOptions,
    /// The token that wraps the native coin, if the two are to be one.
    pub wrapped_native: Option<Address>,
    /// Gas of the parts of a trade.
    pub gas: GasSchedule,
    /// Threads to evaluate with, of rayon's pool; one keeps to the calling thread.
    pub workers: usize,
}

impl PathOptions {
    /// Cycles of up to three pools through these tokens, on the calling thread.
    pub fn new(bases: Vec<BaseToken>) -> Self {
        let (cycles, gas) = (CycleOptions::default(), GasSchedule::default());
        Self { bases, cycles, wrapped_native: None, gas, workers: 1 }
    }
}

/// Evaluates the cycles through changed pools, and holds the opportunities of all.
///
/// What it holds after any sequence of snapshots is what it would find in the last one from scratch. The snapshots are of
/// one arena: counters of another say nothing of these pools, so it takes another engine.
#[derive(Debug)]
pub struct PathEngine {
    options: PathOptions,
    terms: GasTerms,
    universe: Option<Universe>,
    held: Held,
    parts: Vec<Part>,
    dirty_pools: Vec<PoolIdx>,
    dirty_cycles: Vec<u32>,
    delta: OpportunityDelta,
}

impl PathEngine {
    /// An engine that has seen nothing.
    pub fn new(options: PathOptions) -> Self {
        let parts = match options.workers {
            0 | 1 => 1,
            workers => workers * PARTS_PER_WORKER,
        };
        Self {
            options,
            terms: GasTerms::default(),
            universe: None,
            held: Held::default(),
            parts: vec![Part::default(); parts],
            dirty_pools: Vec::new(),
            dirty_cycles: Vec::new(),
            delta: OpportunityDelta::default(),
        }
    }

    /// Takes over a snapshot in which only the `dirty` pools differ from the one before, in state or in status.
    ///
    /// On another topology all is built anew and every cycle is evaluated: milliseconds instead of microseconds.
    /// After the first blocks an evaluation allocates only if it finds more than any before.
    pub fn evaluate(
        &mut self,
        snapshot: &PoolSnapshot,
        dirty: &[PoolIdx],
        terms: GasTerms,
    ) -> &OpportunityDelta {
        self.begin(terms);
        match &self.universe {
            Some(universe) if universe.graph.is_of(snapshot) => {
                self.dirty_pools.clear();
                self.dirty_pools.extend_from_slice(dirty);
                self.evaluate_dirty(snapshot);
            }
            _ => self.rebuild(snapshot),
        }
        &self.delta
    }

    /// As [`Self::evaluate`], but finds out itself which pools differ, by looking at each pool's change counter and
    /// status: for after a reorg, a halt or a resync, or where touched pools are not known.
    pub fn evaluate_changed(
        &mut self,
        snapshot: &PoolSnapshot,
        terms: GasTerms,
    ) -> &OpportunityDelta {
        self.begin(terms);
        match &self.universe {
            Some(universe) if universe.graph.is_of(snapshot) => {
                self.dirty_pools.clear();
                let stale =
                    snapshot.pools().filter(|(idx, pool)| universe.curves.is_stale(*idx, pool));
                self.dirty_pools.extend(stale.map(|(idx, _)| idx));
                self.evaluate_dirty(snapshot);
            }
            _ => self.rebuild(snapshot),
        }
        &self.delta
    }

    /// What the last evaluation changed.
    pub const fn delta(&self) -> &OpportunityDelta {
        &self.delta
    }

    /// All opportunities of now, in no order.
    pub fn opportunities(&self) -> impl Iterator<Item = &Opportunity> {
        self.held.iter()
    }

    /// Number of opportunities of now.
    pub const fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether there is no opportunity now.
    pub const fn is_empty(&self) -> bool {
        self.held.len() == 0
    }

    /// The best opportunities of now, the best first; see [`Opportunity::rank`].
    pub fn ranked(&self, limit: usize) -> Vec<Opportunity> {
        let mut all: Vec<Opportunity> = self.opportunities().copied().collect();
        all.sort_unstable_by_key(Opportunity::rank);
        all.truncate(limit);
        all
    }

    /// The token graph of the last snapshot; `None` before the first.
    pub fn graph(&self) -> Option<&Arc<TokenGraph>> {
        self.universe.as_ref().map(|universe| &universe.graph)
    }

    /// The cycles of the last snapshot, with what the enumeration left out; `None` before the first.
    pub fn cycles(&self) -> Option<&CycleSet> {
        self.universe.as_ref().map(|universe| &universe.cycles)
    }

    /// Other tokens to count profit in. The next evaluation looks at every cycle, and its delta compares with what was held.
    pub fn set_bases(&mut self, bases: Vec<BaseToken>) {
        self.options.bases = bases;
        self.universe = None;
    }

    /// How it works.
    pub const fn options(&self) -> &PathOptions {
        &self.options
    }

    fn begin(&mut self, terms: GasTerms) {
        self.delta.clear();
        if self.terms != terms {
            self.terms = terms;
            for opportunity in self.held.iter_mut() {
                opportunity.net = net_of(&self.options, opportunity, terms);
            }
        }
    }

    fn evaluate_dirty(&mut self, snapshot: &PoolSnapshot) {
        let Some(universe) = &mut self.universe else { return };
        for pool in &self.dirty_pools {
            universe.curves.refresh(snapshot, *pool);
            for cycle in universe.cycles.through(*pool) {
                universe.dirty[*cycle as usize / 64] |= 1 << (cycle % 64);
            }
        }
        self.delta.coverage.dirty_pools = self.dirty_pools.len();
        self.dirty_cycles.clear();
        for (index, word) in (0u32..).zip(&universe.dirty) {
            push_bits(&mut self.dirty_cycles, index, *word);
        }
        self.run(snapshot);
        self.settle(snapshot);
    }

    /// Evaluates the dirty cycles, each part in the order of the cycles.
    fn run(&mut self, snapshot: &PoolSnapshot) {
        let Some(universe) = &self.universe else { return };
        let (cycles, curves) = (&universe.cycles, &universe.curves);
        let market = Market { snapshot, cycles, curves, bases: &self.options.bases };
        let dirty = &self.dirty_cycles[..];
        if self.parts.len() == 1 || dirty.len() < PARALLEL_CYCLES {
            for part in &mut self.parts[1..] {
                part.run(market, &[]);
            }
            self.parts[0].run(market, dirty);
        } else {
            let size = dirty.len().div_ceil(self.parts.len());
            let parts = self.parts.par_iter_mut().enumerate();
            parts.for_each(|(index, part)| {
                let start = (index * size).min(dirty.len());
                part.run(market, &dirty[start..(start + size).min(dirty.len())]);
            });
        }
    }

    /// Compares what was found with what was held of the dirty cycles, and clears their bits.
    fn settle(&mut self, snapshot: &PoolSnapshot) {
        let Some(universe) = &mut self.universe else { return };
        for part in &self.parts {
            let (coverage, part_of) = (&mut self.delta.coverage, &part.coverage);
            coverage.dirty_cycles += part_of.dirty_cycles;
            coverage.pruned += part_of.pruned;
            coverage.sized += part_of.sized;
            coverage.simulated += part_of.simulated;
            coverage.profitable += part_of.profitable;
            for found in &part.found {
                universe.dirty[found.cycle as usize / 64] &= !(1 << (found.cycle % 64));
                let held = self.held.get(found.cycle);
                if let Some(mut fresh) = universe.dress(&self.options, snapshot, found, held) {
                    fresh.net = net_of(&self.options, &fresh, self.terms);
                    self.held.settle(found.cycle, fresh, &mut self.delta);
                }
            }
        }
        // What is still dirty gave nothing: what was held of it is gone.
        self.dirty_cycles.clear();
        for (index, word) in (0u32..).zip(&mut universe.dirty) {
            let gone = std::mem::take(word) & self.held.word(index as usize);
            push_bits(&mut self.dirty_cycles, index, gone);
        }
        for cycle in &self.dirty_cycles {
            if let Some(held) = self.held.remove(*cycle) {
                self.delta.disappeared.push((held.id, gone_reason(snapshot, &held.hops)));
            }
        }
    }

    /// Builds graph, cycles and rates anew, evaluates everything, and says what that changed.
    fn rebuild(&mut self, snapshot: &PoolSnapshot) {
        let universe = Universe::new(&self.options, snapshot);
        let cycles = universe.cycles.len();
        let before = std::mem::replace(&mut self.held, Held::new(cycles));
        self.dirty_cycles.clear();
        self.dirty_cycles.extend(0..cycles as u32);
        self.universe = Some(universe);
        self.run(snapshot);
        self.settle(snapshot);
        self.delta.coverage.dirty_pools = snapshot.len() as usize;
        self.compare_with(before, snapshot);
    }

    /// Turns a delta against nothing into one against what was held under another topology.
    fn compare_with(&mut self, before: Held, snapshot: &PoolSnapshot) {
        let mut before: HashMap<OpportunityId, Opportunity> =
            before.iter().map(|held| (held.id, *held)).collect();
        let OpportunityDelta { appeared, changed, disappeared, .. } = &mut self.delta;
        appeared.retain(|fresh| match before.remove(&fresh.id) {
            None => true,
            Some(held) => {
                if !held.has_amounts_of(fresh) {
                    changed.push(*fresh);
                }
                false
            }
        });
        let gone = before.values().map(|held| {
            let reason = gone_reason(snapshot, &held.hops);
            let is_enumerated =
                self.universe.as_ref().is_some_and(|universe| universe.holds(held, snapshot));
            let is_lost = reason == Gone::Unprofitable && !is_enumerated;
            (held.id, if is_lost { Gone::NotEnumerated } else { reason })
        });
        disappeared.extend(gone);
        disappeared.sort_unstable_by_key(|(id, _)| *id);
    }
}

/// Appends the numbers of the bits that are set in a word of a bitset.
fn push_bits(numbers: &mut Vec<u32>, index: u32, word: u64) {
    let mut rest = word;
    while rest != 0 {
        numbers.push(index * 64 + rest.trailing_zeros());
        rest &= rest - 1;
    }
}

fn net_of(options: &PathOptions, opportunity: &Opportunity, terms: GasTerms) -> Option<I256> {
    let base = options.bases.iter().find(|base| base.token == opportunity.base)?;
    base.price?.net(opportunity.profit, terms, opportunity.gas)
}
