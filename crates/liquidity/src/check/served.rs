//! What the arena answers, as this check reads it: a reader of its own, not the server's types.

use super::CheckError;
use alloy_primitives::{Address, B256, U256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use weir_follower::ChainClient;

/// A pool as `weir_listPools` and `weir_getPool` show it.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServedPool {
    pub(super) chain_id: u64,
    pub(super) id: String,
    pub(super) protocol: String,
    pub(super) token0: Address,
    pub(super) token1: Address,
    pub(super) fee: u32,
    pub(super) status: String,
    /// `A` or `A*` where quotes are promised to the wei. Only pools of V2 and V3 may leave it out.
    pub(super) accuracy: Option<String>,
    pub(super) accuracy_reason: Option<String>,
    /// The PoolManager of a V4 pool.
    pub(super) manager: Option<Address>,
    /// Hooks of a V4 pool that has any.
    pub(super) hooks: Option<Address>,
    /// Fees in a V4 pool's state.
    pub(super) fees: Option<ServedFees>,
    pub(super) block_number: u64,
    pub(super) block_hash: B256,
    pub(super) reserve0: Option<String>,
    pub(super) reserve1: Option<String>,
    pub(super) sqrt_price_x96: Option<String>,
    pub(super) tick: Option<i32>,
    pub(super) tick_spacing: Option<i32>,
    pub(super) liquidity: Option<String>,
    #[serde(default)]
    pub(super) ticks: Vec<ServedTick>,
}

/// Fees of a V4 pool, in millionths.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServedFees {
    pub(super) lp: u32,
    pub(super) zero_for_one: u32,
    pub(super) one_for_zero: u32,
}

impl ServedPool {
    /// What names the pool among those of all chains.
    pub(super) fn name(&self) -> String {
        format!("{}:{}", self.chain_id, self.id)
    }

    /// Whether the arena promises the pool's quotes to the wei.
    pub(super) fn is_exact(&self) -> bool {
        match self.accuracy.as_deref() {
            Some(grade) => matches!(grade, "A" | "A*"),
            None => self.protocol != "v4",
        }
    }

    /// Whether the arena knows the providers' fee: no event tells when hooks change it.
    pub(super) fn knows_lp_fee(&self) -> bool {
        let reason = self.accuracy_reason.as_deref().unwrap_or_default();
        self.is_exact() || !(reason.is_empty() || reason.starts_with("dynamic_fee"))
    }

    /// Grade and reason, as the report shows them.
    pub(super) fn accuracy_text(&self) -> String {
        let grade = self.accuracy.as_deref().unwrap_or("unknown");
        self.accuracy_reason.as_deref().map_or_else(
            || format!("accuracy {grade}"),
            |reason| format!("accuracy {grade}, {reason}"),
        )
    }
}

/// One initialized tick.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServedTick {
    pub(super) index: i32,
    pub(super) liquidity_gross: String,
    pub(super) liquidity_net: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ServedQuote {
    amount_out: String,
    block_hash: B256,
}

/// A quote of the arena, with the block it holds at.
#[derive(Debug, Clone, Copy)]
pub(super) struct ArenaQuote {
    pub(super) amount_out: U256,
    pub(super) block_hash: B256,
}

/// All pools of a chain, page by page.
pub(super) async fn list(
    arena: &ChainClient,
    chain_id: u64,
) -> Result<Vec<ServedPool>, CheckError> {
    const PAGE: usize = 1_000;
    let mut pools: Vec<ServedPool> = Vec::new();
    loop {
        let request = json!([{"chainId": chain_id, "offset": pools.len(), "limit": PAGE}]);
        let page: Vec<ServedPool> = read(arena, "weir_listPools", request).await?;
        let is_last = page.len() < PAGE;
        pools.extend(page);
        if is_last {
            return Ok(pools);
        }
    }
}

/// One pool, by its name, with its ticks after a block.
pub(super) async fn pool(
    arena: &ChainClient,
    name: &str,
    block: u64,
) -> Result<Option<ServedPool>, CheckError> {
    read(arena, "weir_getPool", json!([name, format!("{block:#x}")])).await
}

/// Hash of the arena's newest block.
pub(super) async fn tip(arena: &ChainClient, name: &str) -> Result<B256, CheckError> {
    let pool: ServedPool = read(arena, "weir_getPool", json!([name])).await?;
    Ok(pool.block_hash)
}

/// A quote through one pool at the arena's tip; `None` if the arena refuses the amount.
pub(super) async fn quote(
    arena: &ChainClient,
    name: &str,
    token_in: Address,
    amount_in: U256,
) -> Result<Option<ArenaQuote>, CheckError> {
    let path = json!([[{"pool": name, "tokenIn": token_in}], format!("{amount_in:#x}")]);
    let answer = arena.read_json("weir_quote", path).await;
    let answer = match answer {
        // The node's word for a quote that cannot be given: the chain must refuse it, too.
        Err(error) if error.refused().is_some_and(|refused| refused.code == -32602) => {
            return Ok(None);
        }
        answer => answer.map_err(|source| CheckError::Arena { source })?,
    };
    let quote: ServedQuote = parse("weir_quote", answer)?;
    let amount_out =
        decimal(&quote.amount_out).ok_or(CheckError::Answer { method: "weir_quote" })?;
    Ok(Some(ArenaQuote { amount_out, block_hash: quote.block_hash }))
}

fn decimal(text: &str) -> Option<U256> {
    U256::from_str_radix(text, 10).ok()
}

async fn read<T: DeserializeOwned>(
    arena: &ChainClient,
    method: &'static str,
    params: Value,
) -> Result<T, CheckError> {
    let answer = arena.read_json(method, params).await;
    parse(method, answer.map_err(|source| CheckError::Arena { source })?)
}

fn parse<T: DeserializeOwned>(method: &'static str, answer: Value) -> Result<T, CheckError> {
    serde_json::from_value(answer).map_err(|_| CheckError::Answer { method })
}
