//! Routes, order books, opportunities and the trading gate as callers see them.
//!
//! Amounts that may exceed 64 bits are decimal strings; prices are numbers, for display and never for settlement.

use super::{HopView, PoolView};
use alloy_primitives::{Address, B128, B256, U256};
use serde::{Deserialize, Serialize};

/// A trade to find a route for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BestRouteRequest {
    /// The chain; may be left out where one is followed.
    pub chain_id: Option<u64>,
    /// The token put in.
    pub token_in: Address,
    /// The token wanted.
    pub token_out: Address,
    /// What goes in, a quantity or decimal.
    pub amount_in: U256,
    /// Pools one after the other at most; the server caps it.
    pub max_hops: Option<usize>,
    /// Paths side by side at most; 1 forbids a split.
    pub max_splits: Option<usize>,
}

/// One path of a route and its share of the trade.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RouteLegView {
    /// What goes in along this path, decimal.
    pub amount_in: String,
    /// What comes out of it, decimal.
    pub amount_out: String,
    /// Share of the whole input, in millionths.
    pub share_ppm: u32,
    /// Hop by hop.
    pub hops: Vec<HopView>,
    /// Where the native coin is wrapped or unwrapped: before which hop; the number of hops is after the last.
    pub conversions: Vec<usize>,
}

/// The best way found for a trade.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BestRouteView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block quoted on.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Generation of the pool snapshot.
    pub generation: u64,
    /// What goes in, decimal.
    pub amount_in: String,
    /// What comes out of all legs, decimal.
    pub amount_out: String,
    /// Gas that the trade is estimated to take.
    pub gas: u64,
    /// The most that any division of the input among these legs gives, up to the error of floats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bound: Option<f64>,
    /// Whether every single path was quoted or ruled out.
    pub is_exhaustive: bool,
    /// The paths, the largest share first. No pool is in two of them.
    pub legs: Vec<RouteLegView>,
}

/// Which order book to show.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OrderBookRequest {
    /// The chain; may be left out where one is followed.
    pub chain_id: Option<u64>,
    /// The token bought and sold.
    pub base: Address,
    /// The token that prices are in.
    pub quote: Address,
    /// Levels a side at most; the server caps it.
    pub levels: Option<usize>,
    /// Distance from the middle to which depth is summed, in hundredths of a percent; 200 if left out.
    pub depth_bps: Option<u32>,
}

/// One level of an order book.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LevelView {
    /// Quote token per base token in smallest units, fee included.
    pub price: f64,
    /// Base token that can be traded at about this price, in smallest units.
    pub base: f64,
    /// Quote token that this is worth, in smallest units.
    pub quote: f64,
}

/// What a side takes and gives until the price has gone to the edge of the depth, by quotes in integers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DepthView {
    /// Of the quote token for asks, of the base token for bids, decimal.
    pub amount_in: String,
    /// Of the base token for asks, of the quote token for bids, decimal.
    pub amount_out: String,
}

/// What all live pools of a pair offer together.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OrderBookView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block shown.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// The token bought and sold.
    pub base: Address,
    /// The token that prices are in.
    pub quote: Address,
    /// Middle of the best bid and ask; absent if a side is empty.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mid: Option<f64>,
    /// Distance of the best bid and ask in hundredths of a percent of the middle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread_bps: Option<f64>,
    /// What selling base token down to the edge of the depth takes and gives.
    pub bid_depth: DepthView,
    /// What buying base token up to the edge of the depth takes and gives.
    pub ask_depth: DepthView,
    /// Pools in the book.
    pub pools: u64,
    /// Pools of the pair that are not: not live, or hooks decide their amounts.
    pub pools_left_out: u64,
    /// What buys base token, the best price first.
    pub bids: Vec<LevelView>,
    /// What sells base token, the best price first.
    pub asks: Vec<LevelView>,
}

/// Which opportunities to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListOpportunities {
    /// The chain; may be left out where one is followed.
    pub chain_id: Option<u64>,
    /// Only those that begin and end with this token.
    pub base: Option<Address>,
    /// Lists at most this many, best first; the server caps it.
    pub limit: Option<usize>,
}

/// A cycle of pools that gives back more than it takes.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpportunityView {
    /// Names the cycle: its pools and their directions.
    pub id: B128,
    /// The token it begins and ends with.
    pub base: Address,
    /// What goes in, decimal.
    pub amount_in: String,
    /// What comes out, decimal.
    pub amount_out: String,
    /// The difference in base token, decimal.
    pub profit: String,
    /// Gas that the swaps are estimated to take.
    pub gas: u64,
    /// Profit less the cost of gas in wei, decimal with sign; absent where base token has no price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_wei: Option<String>,
    /// Hop by hop.
    pub hops: Vec<HopView>,
}

/// What evaluating the cycles of touched pools took: it proves that none was left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CoverageView {
    /// Pools touched.
    pub dirty_pools: u64,
    /// Cycles through them.
    pub dirty_cycles: u64,
    /// Of these, cycles that cannot pay at any size.
    pub pruned: u64,
    /// Cycles whose best size was computed.
    pub sized: u64,
    /// Cycles simulated in integers.
    pub simulated: u64,
    /// Cycles that pay.
    pub profitable: u64,
}

/// All opportunities after one block, or in the open one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpportunitiesView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Steps of the open block so far; absent for a sealed block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Cycles watched, each in both senses.
    pub cycles: u64,
    /// Whether cycles were left out because a bound was reached.
    pub is_truncated: bool,
    /// Tokens that cycles begin and end with.
    pub bases: Vec<Address>,
    /// Best first.
    pub opportunities: Vec<OpportunityView>,
}

/// An opportunity that is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GoneView {
    /// Its name.
    pub id: B128,
    /// Why: `unprofitable`, `not_live`, `pool_removed` or `not_enumerated`.
    pub reason: String,
}

/// How opportunities changed with one block, or one step of the open one.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OpportunityChangesView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Steps of the open block so far; absent for a sealed block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// New ones.
    pub appeared: Vec<OpportunityView>,
    /// Those whose amounts changed.
    pub changed: Vec<OpportunityView>,
    /// Those that are gone.
    pub disappeared: Vec<GoneView>,
    /// What was evaluated.
    pub coverage: CoverageView,
}

/// Pools after one block or one step of the open block, as far as it changed them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolUpdatesView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Number of the block.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Steps of the open block so far; absent for a sealed block.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steps: Option<u32>,
    /// Generation of the pool snapshot.
    pub generation: u64,
    /// Pools whose state or status may have changed, without ticks.
    pub pools: Vec<PoolView>,
    /// Ids of pools that left.
    pub removed: Vec<String>,
}

/// A pool that may not be traded on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolGateView {
    /// Pool address or id.
    pub id: String,
    /// `uninitialized`, `resyncing`, `halted` or `degraded`.
    pub state: String,
    /// Why, where more is known than the state says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Whether the engine's numbers may be traded on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GateView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// `live`, `reorging`, `degraded`, `resyncing` or `halted`.
    pub state: String,
    /// The state with its reason, in words.
    pub reason: String,
    /// Number of the block whose pool states are published; absent before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_number: Option<u64>,
    /// Its hash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub block_hash: Option<B256>,
    /// Pools that are live.
    pub live_pools: u64,
    /// Pools that are not, at most as many as `weir_listPools` lists.
    pub pools: Vec<PoolGateView>,
}
