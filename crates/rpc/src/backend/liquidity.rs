//! Pools, quotes and batches as callers see them.
//!
//! These are the wire types: amounts that may exceed 64 bits are decimal strings, as DEX tools expect them.

use super::BackendError;
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, Serialize};

/// Which pools to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ListPools {
    /// Only pools that hold this token.
    pub token: Option<Address>,
    /// Only pools of this protocol, for example `v2` or `v3`.
    pub protocol: Option<String>,
    /// Skips this many.
    pub offset: Option<u64>,
    /// Lists at most this many; the server caps it.
    pub limit: Option<u64>,
}

/// One pool after one block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PoolView {
    /// Pool address, or the 32-byte id of a V4 pool.
    pub id: String,
    /// Protocol, for example `v2`, `v3` or `v4`.
    pub protocol: String,
    /// The token with the lower address.
    pub token0: Address,
    /// The other token.
    pub token1: Address,
    /// Fee in hundredths of a basis point.
    pub fee: u32,
    /// State of the pool: `live`, `degraded`, `resyncing` or `halted`.
    pub status: String,
    /// Number of the block the values hold after.
    pub block_number: u64,
    /// Its hash.
    pub block_hash: B256,
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
    /// Its hash.
    pub block_hash: B256,
    /// Generation of the pool snapshot.
    pub generation: u64,
    /// Hop by hop.
    pub hops: Vec<HopView>,
}

/// Reads of the liquidity engine. Quick: they work on an immutable snapshot.
pub trait PoolsBackend: Send + Sync + 'static {
    /// The watched pools, without ticks, in the order of their index.
    fn list_pools(&self, request: &ListPools) -> Result<Vec<PoolView>, BackendError>;

    /// One pool after `block` (the snapshot's own block if `None`); `None` if the pool is not watched.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if `block` is outside the window that is kept.
    fn get_pool(&self, id: &str, block: Option<u64>) -> Result<Option<PoolView>, BackendError>;

    /// Exact-in quote along a path.
    ///
    /// # Errors
    /// [`BackendError::Refused`] if a pool is unknown or not live, the path does not connect, or liquidity ends.
    fn quote(&self, path: &[PathHop], amount_in: U256) -> Result<QuoteView, BackendError>;
}

/// Where a batch is on its way to L1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BatchState {
    /// Written to the outbox, not sent.
    Stored,
    /// Sent, not in an L1 block.
    Sent,
    /// In an L1 block.
    Included,
    /// In a finalized L1 block.
    Finalized,
}

/// One batch of blocks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BatchView {
    /// Number of the batch, from zero.
    pub index: u64,
    /// First block in it.
    pub first_block: u64,
    /// Last block in it.
    pub last_block: u64,
    /// Bytes posted, after compression.
    pub posted_bytes: u64,
    /// Bytes before compression.
    pub raw_bytes: u64,
    /// Where it is.
    pub state: BatchState,
    /// Hash of the L1 transaction, once sent.
    pub l1_transaction: Option<B256>,
    /// Number of the L1 block, once included.
    pub l1_block: Option<u64>,
    /// Times it was sent.
    pub attempts: u64,
    /// What went wrong last, if anything did.
    pub last_error: Option<String>,
}

/// Reads of the batch poster.
pub trait BatchesBackend: Send + Sync + 'static {
    /// At most `limit` batches from `first` on (the newest `limit` ones if `None`), oldest first.
    fn batches(&self, first: Option<u64>, limit: usize) -> Result<Vec<BatchView>, BackendError>;
}
