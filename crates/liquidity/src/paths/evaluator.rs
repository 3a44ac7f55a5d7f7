//! The path engine with its base tokens, which may follow the pools.

use super::{BaseTokens, PathsHandle, PathsOptions, PathsView};
use crate::LiquidityView;
use alloy_primitives::{Address, U256};
use std::{collections::HashMap, sync::Arc};
use weir_arena::PoolSnapshot;
use weir_route::{
    BaseToken, GasTerms, Gone, OpportunityDelta, PathEngine, PathOptions, TokenPrice,
};

/// Opportunities listed at most; the rest is held, but not shown.
const LISTED_MAX: usize = 1_000;

/// Evaluates one snapshot after the other.
#[derive(Debug)]
pub(super) struct Evaluator {
    options: PathsOptions,
    engine: PathEngine,
    /// Topology for which the base tokens were chosen.
    chosen_at: Option<u64>,
}

impl Evaluator {
    pub(super) fn new(options: PathsOptions) -> Self {
        let bases = match &options.bases {
            BaseTokens::Listed(bases) => bases.clone(),
            BaseTokens::MostConnected(_) => Vec::new(),
        };
        let engine = engine(&options, bases);
        Self { options, engine, chosen_at: None }
    }

    /// Takes over the newest pools, those of the open block if there is one, and publishes what they changed.
    pub(super) fn evaluate(&mut self, pools: &LiquidityView, handle: &PathsHandle) {
        let open = pools.open.as_deref();
        let snapshot = open.map_or(&pools.head, |open| &open.pools);
        let base_fee = open.map_or(pools.base_fee, |open| open.base_fee);
        self.choose_bases(snapshot);
        let terms = GasTerms { base_fee, priority_fee: self.options.priority_fee };
        self.engine.evaluate_changed(snapshot, terms);
        let cycles = self.engine.cycles();
        let bases = self.engine.options().bases.iter().map(|base| base.token);
        let view = PathsView {
            pools: Some(Arc::clone(snapshot)),
            steps: open.map(|open| open.steps),
            opportunities: self.engine.ranked(LISTED_MAX).into(),
            cycles: cycles.map_or(0, weir_route::CycleSet::len),
            is_truncated: cycles.is_some_and(|cycles| cycles.truncated().is_some()),
            bases: bases.collect(),
            coverage: self.engine.delta().coverage,
            graph: self.engine.graph().cloned(),
        };
        handle.publish(view, self.engine.delta());
    }

    /// Publishes that there are no opportunities, and forgets them: the next evaluation finds all of them anew.
    pub(super) fn withdraw(&mut self, handle: &PathsHandle) {
        let held = self.engine.ranked(usize::MAX);
        if held.is_empty() {
            return;
        }
        let gone = held.iter().map(|found| (found.id, Gone::NotEnumerated));
        let delta = OpportunityDelta { disappeared: gone.collect(), ..Default::default() };
        *self = Self::new(self.options.clone());
        let before = handle.view();
        let view = PathsView {
            pools: before.pools.clone(),
            steps: before.steps,
            bases: Arc::clone(&before.bases),
            ..PathsView::default()
        };
        handle.publish(view, &delta);
    }

    /// Pools that joined or left may make other tokens the most connected ones. The engine is made anew only if they do,
    /// and names what it held as gone or kept by the next delta's own comparison.
    fn choose_bases(&mut self, snapshot: &PoolSnapshot) {
        let BaseTokens::MostConnected(count) = self.options.bases else { return };
        if self.chosen_at == Some(snapshot.topology()) {
            return;
        }
        self.chosen_at = Some(snapshot.topology());
        let bases = most_connected(snapshot, count, self.options.wrapped_native);
        if bases != self.engine.options().bases {
            self.engine.set_bases(bases);
        }
    }
}

fn engine(options: &PathsOptions, bases: Vec<BaseToken>) -> PathEngine {
    PathEngine::new(PathOptions {
        cycles: options.cycles,
        wrapped_native: options.wrapped_native,
        gas: options.gas,
        ..PathOptions::new(bases)
    })
}

/// The tokens with the most pools, the most first; ties by address.
fn most_connected(
    snapshot: &PoolSnapshot,
    count: usize,
    wrapped_native: Option<Address>,
) -> Vec<BaseToken> {
    let mut pools: HashMap<Address, usize> = HashMap::new();
    for (_, pool) in snapshot.pools() {
        let statics = pool.statics();
        for token in [statics.token0, statics.token1] {
            let token = if token.is_zero() { wrapped_native.unwrap_or(token) } else { token };
            *pools.entry(token).or_default() += 1;
        }
    }
    let mut tokens: Vec<(Address, usize)> = pools.into_iter().collect();
    tokens.sort_unstable_by_key(|(token, pools)| (std::cmp::Reverse(*pools), *token));
    tokens.truncate(count);
    let is_native = |token: Address| token.is_zero() || Some(token) == wrapped_native;
    let base = |(token, _)| BaseToken {
        token,
        price: is_native(token).then_some(TokenPrice::NATIVE),
        min_profit: U256::ONE,
    };
    tokens.into_iter().map(base).collect()
}
