//! Pools and quotes as callers see them.
//!
//! These are the wire types: amounts that may exceed 64 bits are decimal strings, as DEX tools expect them.

use super::{
    BackendError, BestRouteRequest, BestRouteView, GateView, ListOpportunities, OpportunitiesView,
    OpportunityChangesView, OrderBookRequest, OrderBookView, PoolUnusable, PoolUpdatesView,
    Readiness,
};
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use tokio::sync::broadcast;
use weir_primitives::{BlockRef, PoolId, PoolPrice, PriceSlot};

/// What the engine publishes, in order. A receiver that falls behind gets `Lagged`; its client is told and disconnected.
pub type PoolsReceiver<T> = broadcast::Receiver<Arc<T>>;

/// Which pools to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPools {
    /// The chain; may be left out where one is followed.
    pub chain_id: Option<u64>,
    /// Only pools that hold this token.
    pub token: Option<Address>,
    /// Only pools of this protocol, for example `v2` or `v3`.
    pub protocol: Option<String>,
    /// Skips this many.
    pub offset: Option<u64>,
    /// Lists at most this many; the server caps it.
    pub limit: Option<u64>,
}

/// Which block's pools are meant.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PoolBlock {
    /// The newest block of the engine.
    #[default]
    Latest,
    /// The block that is being built, as far as the engine knows it; else the newest.
    Pending,
    /// A block of the window that is kept.
    Number(u64),
}

/// One pool after one block, or in the open one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// Pool address, or the 32-byte id of a V4 pool.
    pub id: String,
    /// Protocol: `v2`, `v3`, `v4` or `pancake_v3`.
    pub protocol: String,
    /// The token with the lower address.
    pub token0: Address,
    /// The other token.
    pub token1: Address,
    /// Fee in hundredths of a basis point.
    pub fee: u32,
    /// State of the pool: `live`, `uninitialized`, `resyncing` or `halted`.
    pub status: String,
    /// How exact the state is: `A`, `A*`, `B`, `C`, `D` (simulation only) or `U` (untrusted).
    pub accuracy: String,
    /// Why it is not `A`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub accuracy_reason: Option<String>,
    /// The PoolManager of a V4 pool.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manager: Option<Address>,
    /// Hooks of a V4 pool that has any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hooks: Option<Address>,
    /// Fees in a V4 pool's state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fees: Option<PoolFeesView>,
    /// Number of the block the values hold after.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Reserve of token 0 (V2), decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve0: Option<String>,
    /// Reserve of token 1 (V2), decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reserve1: Option<String>,
    /// Q64.96 square root of token 1 per token 0 (V3, V4), decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sqrt_price_x96: Option<String>,
    /// Current tick (V3, V4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick: Option<i32>,
    /// Tick spacing (V3, V4).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tick_spacing: Option<i32>,
    /// Liquidity in range (V3, V4), decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liquidity: Option<String>,
    /// Initialized ticks in order; listed by `weir_getPool` only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ticks: Option<Vec<TickView>>,
}

/// Fees of a V4 pool, in millionths of what goes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolFeesView {
    /// Of the liquidity providers.
    pub lp: u32,
    /// Of the protocol, when token 0 goes in.
    pub zero_for_one: u16,
    /// Of the protocol, when token 1 goes in.
    pub one_for_zero: u16,
}

/// One initialized tick.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TickView {
    /// Index of the price point.
    pub index: i32,
    /// Liquidity that refers to the tick, decimal.
    pub liquidity_gross: String,
    /// Liquidity added when crossing upwards, decimal with sign.
    pub liquidity_net: String,
}

/// One hop of a path asked for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PathHop {
    /// Pool address or id.
    pub pool: String,
    /// The token put in.
    pub token_in: Address,
}

/// What one hop gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct HopView {
    /// Pool address or id.
    pub pool: String,
    /// The token put in.
    pub token_in: Address,
    /// The token that comes out.
    pub token_out: Address,
    /// Amount put in, decimal.
    pub amount_in: String,
    /// Amount that comes out, decimal.
    pub amount_out: String,
    /// Fee taken, in the token put in, decimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fee_amount: Option<String>,
}

/// The result of simulating a path on one block's pools.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct QuoteView {
    /// Amount put in, decimal.
    pub amount_in: String,
    /// Amount that comes out, decimal.
    pub amount_out: String,
    /// Number of the block quoted on.
    pub block_number: u64,
    /// Its hash; `null` for the open block.
    pub block_hash: Option<B256>,
    /// Generation of the pool snapshot.
    pub generation: u64,
    /// Hop by hop.
    pub hops: Vec<HopView>,
}

/// Where a followed pool's price is in the chain's state, and what the engine holds of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocatedPrice {
    /// EIP-155 chain id.
    pub chain_id: u64,
    /// The pool.
    pub pool: PoolId,
    /// Where its price is.
    pub slot: PriceSlot,
    /// The block after which the engine knows the price.
    pub block: BlockRef,
    /// The price after that block.
    pub price: Option<PoolPrice>,
}

/// Reads of the liquidity engine. They work on immutable snapshots.
///
/// Every id may have the chain id and a colon in front, as in `1:0x8ad5…`; where one chain is followed it may be left out.
pub trait PoolsBackend: Send + Sync + 'static {
    /// The chains followed, ascending.
    fn chains(&self) -> Vec<u64>;

    /// The watched pools, without ticks, in the order of their index.
    fn list_pools(&self, request: &ListPools) -> Result<Vec<PoolView>, BackendError>;

    /// One pool after `block`; `None` if the pool is not watched.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if `block` is outside the window that is kept.
    fn get_pool(&self, id: &str, block: PoolBlock) -> Result<Option<PoolView>, BackendError>;

    /// Exact-in quote along a path, on the pools after `block`.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if a pool is unknown or not live, the path does not connect, or liquidity ends.
    fn quote(
        &self,
        path: &[PathHop],
        amount_in: U256,
        block: PoolBlock,
    ) -> Result<QuoteView, BackendError>;

    /// Where a pool's price is.
    ///
    /// # Errors
    /// [`PoolUnusable`] if the pool is not followed, or not live.
    fn price_of(&self, id: &str) -> Result<LocatedPrice, PoolUnusable>;

    /// The best route for a trade over the pools that are live.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if the gate is closed or no route leads there.
    fn best_route(
        &self,
        request: &BestRouteRequest,
        block: PoolBlock,
    ) -> Result<BestRouteView, BackendError>;

    /// The order book of a pair.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if the gate is closed or no live pool trades the pair.
    fn order_book(
        &self,
        request: &OrderBookRequest,
        block: PoolBlock,
    ) -> Result<OrderBookView, BackendError>;

    /// The opportunities after the newest block, or the newest step of the open one.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if the gate is closed or the chain is not followed.
    fn opportunities(&self, request: &ListOpportunities)
    -> Result<OpportunitiesView, BackendError>;

    /// Whether a chain's numbers may be traded on; at most `pools_max` pools that are not live are listed.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if the chain is not followed.
    fn gate(&self, chain_id: Option<u64>, pools_max: usize) -> Result<GateView, BackendError>;

    /// Whether the process should be sent traffic, where it has no chain of its own to say so.
    fn readiness(&self) -> Readiness;

    /// Changes of pools from now on, those of all chains.
    fn subscribe_pools(&self) -> PoolsReceiver<PoolUpdatesView>;

    /// Changes of opportunities from now on, those of all chains.
    fn subscribe_opportunities(&self) -> PoolsReceiver<OpportunityChangesView>;

    /// Changes of the trading gate from now on, those of all chains.
    fn subscribe_gate(&self) -> PoolsReceiver<GateView>;
}
