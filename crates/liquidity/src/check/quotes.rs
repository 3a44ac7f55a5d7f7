//! Quotes of the arena against swaps that the pools' own code executes.

use super::{
    CheckError, Difference,
    served::{self, ArenaQuote, ServedPool},
    simulator::{
        SIMULATOR, SIMULATOR_CODE, SimulatedCall, SimulatedOutcome, TOKEN_STUB_CODE, decode_batch,
        encode_batch,
    },
};
use crate::reader::{
    abi,
    contract::{Concentrated, ContractReader, ContractV2},
};
use alloy_primitives::{Address, B256, Bytes, I256, U256};
use serde_json::{Map, Value, json};
use weir_follower::ChainClient;

/// Gas of a simulation: room for swaps that cross every tick of a busy pool.
const SIMULATION_GAS: u64 = 30_000_000;

/// Compares both directions of a pool at several amounts. Counts comparisons in `compared`.
pub(super) struct QuoteCheck<'a> {
    pub(super) node: &'a ChainClient,
    pub(super) arena: &'a ChainClient,
    pub(super) compared: u64,
}

/// What a swap of an exact input gives on the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChainQuote {
    /// All of the input is taken for this output.
    Whole(U256),
    /// The pool takes less than the input, or reverts.
    Refused,
}

impl QuoteCheck<'_> {
    /// V2: the arena's output is taken by a real `swap`, and one wei more reverts.
    pub(super) async fn v2(
        &mut self,
        pool: &ServedPool,
        state: &ContractV2,
    ) -> Result<Option<Difference>, CheckError> {
        let address = address(pool)?;
        for zero_for_one in [true, false] {
            let (token_in, reserve_in) = if zero_for_one {
                (state.token0, state.reserve0)
            } else {
                (state.token1, state.reserve1)
            };
            for amount_in in amounts(U256::from(reserve_in)) {
                let Some(quote) =
                    served::quote(self.arena, &pool.name(), token_in, amount_in).await?
                else {
                    continue;
                };
                // The arena answers at its tip, which may be newer than the block of the comparison.
                let reader = ContractReader { node: self.node, block_hash: quote.block_hash };
                let state =
                    reader.v2(address).await.map_err(|error| CheckError::read(address, error))?;
                let swap = V2Swap { pair: address, state, zero_for_one, amount_in };
                let is_largest =
                    self.is_largest_v2(&swap, quote.amount_out, quote.block_hash).await?;
                self.compared += 1;
                if let Some(chain) = is_largest {
                    let arena = quote.amount_out.to_string();
                    return Ok(Some(difference(pool, token_in, amount_in, chain, arena)));
                }
            }
        }
        Ok(None)
    }

    /// `None` if the pair gives `amount_out` and not one wei more; else what it does instead.
    async fn is_largest_v2(
        &self,
        swap: &V2Swap,
        amount_out: U256,
        at: B256,
    ) -> Result<Option<String>, CheckError> {
        let one_more = amount_out + U256::from(1);
        if self.swaps_v2(swap, one_more, at).await? {
            return Ok(Some(format!("at least {one_more}")));
        }
        if amount_out.is_zero() || self.swaps_v2(swap, amount_out, at).await? {
            return Ok(None);
        }
        Ok(Some(format!("less than {amount_out}")))
    }

    /// Whether the pair lets this output go for this input.
    async fn swaps_v2(&self, swap: &V2Swap, out: U256, at: B256) -> Result<bool, CheckError> {
        let (calls, tokens) = (swap.calls(out), [swap.state.token0, swap.state.token1]);
        let outcomes = self.simulate(&calls, &tokens, at).await?;
        outcomes.last().map(|outcome| outcome.is_success).ok_or(CheckError::Simulation)
    }

    /// V3 and V4: the pool's own `swap` runs up to where it asks to be paid, and tells the amounts.
    pub(super) async fn concentrated(
        &mut self,
        pool: &ServedPool,
        contract: &SwapContract,
        range: &Concentrated,
    ) -> Result<Option<Difference>, CheckError> {
        for zero_for_one in [true, false] {
            let token_in = if zero_for_one { pool.token0 } else { pool.token1 };
            for amount_in in amounts(virtual_reserve(range, zero_for_one)) {
                let Some((arena, at)) = self.arena_quote(pool, token_in, amount_in).await? else {
                    continue;
                };
                let Some(call) = contract.swap(zero_for_one, amount_in) else {
                    continue;
                };
                let outcomes = self.simulate(&[call], &[], at).await?;
                let outcome = outcomes.first().ok_or(CheckError::Simulation)?;
                let chain = chain_quote(contract.amounts(outcome), zero_for_one, amount_in);
                let arena =
                    arena.map_or(ChainQuote::Refused, |quote| ChainQuote::Whole(quote.amount_out));
                self.compared += 1;
                if chain != arena {
                    let (chain, arena) = (shown(chain), shown(arena));
                    return Ok(Some(difference(pool, token_in, amount_in, chain, arena)));
                }
            }
        }
        Ok(None)
    }

    /// The arena's quote and the block it holds at. A refusal names no block: the tips before and after it do, and
    /// `None` says that they differ, so that there is nothing to compare with.
    async fn arena_quote(
        &self,
        pool: &ServedPool,
        token_in: Address,
        amount_in: U256,
    ) -> Result<Option<(Option<ArenaQuote>, B256)>, CheckError> {
        let before = served::tip(self.arena, &pool.name()).await?;
        if let Some(quote) = served::quote(self.arena, &pool.name(), token_in, amount_in).await? {
            return Ok(Some((Some(quote), quote.block_hash)));
        }
        let after = served::tip(self.arena, &pool.name()).await?;
        Ok((before == after).then_some((None, after)))
    }

    /// Runs a batch at a block hash, with stubs in place of `stubs`.
    async fn simulate(
        &self,
        calls: &[SimulatedCall],
        stubs: &[Address],
        at: B256,
    ) -> Result<Vec<SimulatedOutcome>, CheckError> {
        let mut overrides = Map::new();
        overrides.insert(SIMULATOR.to_string(), json!({"code": SIMULATOR_CODE}));
        for token in stubs {
            overrides.insert(token.to_string(), json!({"code": TOKEN_STUB_CODE}));
        }
        let gas = format!("{SIMULATION_GAS:#x}");
        let call = json!({"to": SIMULATOR, "data": encode_batch(calls), "gas": gas});
        let params = json!([call, {"blockHash": at}, Value::Object(overrides)]);
        let answer = self.node.read_json("eth_call", params).await;
        let answer = answer.map_err(|source| CheckError::Node { source })?;
        let output: Bytes = serde_json::from_value(answer).map_err(|_| CheckError::Simulation)?;
        let outcomes = decode_batch(&output).ok_or(CheckError::Simulation)?;
        (outcomes.len() == calls.len()).then_some(outcomes).ok_or(CheckError::Simulation)
    }
}

/// Where a swap of concentrated liquidity is executed.
pub(super) enum SwapContract {
    /// A V3 pool.
    V3(Address),
    /// A PoolManager, and the pool in it.
    V4(Address, abi::PoolKey),
}

impl SwapContract {
    fn swap(&self, zero_for_one: bool, amount_in: U256) -> Option<SimulatedCall> {
        match self {
            Self::V3(pool) => SimulatedCall::v3_swap(*pool, zero_for_one, amount_in),
            Self::V4(manager, key) => {
                SimulatedCall::v4_swap(*manager, key, zero_for_one, amount_in)
            }
        }
    }

    /// What the pool was to get of both tokens; negative is what it was to give.
    fn amounts(&self, outcome: &SimulatedOutcome) -> Option<[I256; 2]> {
        match self {
            Self::V3(_) => outcome.callback_amounts(),
            Self::V4(..) => outcome.delta_amounts(),
        }
    }
}

/// A swap of an exact input through a pair.
struct V2Swap {
    pair: Address,
    state: ContractV2,
    zero_for_one: bool,
    amount_in: U256,
}

impl V2Swap {
    /// Gives the pair the input, lets the output go, and swaps.
    fn calls(&self, out: U256) -> [SimulatedCall; 3] {
        let state = &self.state;
        let reserves = [U256::from(state.reserve0), U256::from(state.reserve1)];
        let [balance0, balance1] = if self.zero_for_one {
            [reserves[0] + self.amount_in, reserves[1].saturating_sub(out)]
        } else {
            [reserves[0].saturating_sub(out), reserves[1] + self.amount_in]
        };
        [
            SimulatedCall::set_balance(state.token0, balance0),
            SimulatedCall::set_balance(state.token1, balance1),
            SimulatedCall::v2_swap(self.pair, self.zero_for_one, out),
        ]
    }
}

fn chain_quote(amounts: Option<[I256; 2]>, zero_for_one: bool, amount_in: U256) -> ChainQuote {
    let Some([amount0, amount1]) = amounts else { return ChainQuote::Refused };
    let (taken, given) = if zero_for_one { (amount0, amount1) } else { (amount1, amount0) };
    if taken.is_negative() || given.is_positive() || taken.unsigned_abs() != amount_in {
        return ChainQuote::Refused;
    }
    ChainQuote::Whole(given.unsigned_abs())
}

/// What a range holds of the token that goes in: a measure for amounts that move the price.
fn virtual_reserve(state: &Concentrated, zero_for_one: bool) -> U256 {
    let (liquidity, price) = (U256::from(state.liquidity), state.sqrt_price);
    if price.is_zero() {
        return U256::ZERO;
    }
    if zero_for_one {
        (liquidity << 96) / price
    } else {
        // 128 bits times 160: shift one side first, a measure need not be exact.
        (liquidity * (price >> 48)) >> 48
    }
}

/// From dust to more than is there.
fn amounts(reserve: U256) -> [U256; 5] {
    let thousand = U256::from(1_000);
    let share = |divisor: u64| (reserve / U256::from(divisor)).max(thousand);
    [thousand, share(10_000), share(100), share(7), (reserve * U256::from(2)).max(thousand)]
}

fn address(pool: &ServedPool) -> Result<Address, CheckError> {
    pool.id.parse().map_err(|_| CheckError::Answer { method: "weir_listPools" })
}

fn shown(quote: ChainQuote) -> String {
    match quote {
        ChainQuote::Whole(amount) => amount.to_string(),
        ChainQuote::Refused => "refused".to_owned(),
    }
}

fn difference(
    pool: &ServedPool,
    token_in: Address,
    amount_in: U256,
    chain: String,
    arena: String,
) -> Difference {
    let field = format!("quote[{token_in}, in={amount_in}]");
    Difference { pool: pool.id.clone(), field, chain, arena }
}
