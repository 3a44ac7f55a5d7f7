//! Whitelist rows as the arena takes them.

use alloy_primitives::Address;
use weir_arena::{PoolKey, PoolStatic, Protocol};
use weir_feed::{Rejection, RejectionReason, Whitelist, WhitelistPool, WhitelistProtocol};

/// The pools of `whitelist` that this engine follows, and all rows that it does not, with reasons.
pub fn listed_pools(whitelist: &Whitelist) -> (Vec<PoolStatic>, Vec<Rejection>) {
    let mut rejected = whitelist.rejected.clone();
    let mut pools = Vec::with_capacity(whitelist.pools.len());
    for (row, pool) in whitelist.pools.iter().enumerate() {
        match pool_static(whitelist.chain_id, pool) {
            Some(pool) => pools.push(pool),
            None => {
                let id = pool.pool_id.map_or_else(|| pool.address.to_string(), |id| id.to_string());
                let protocol = "uniswap_v4".to_owned();
                let reason = RejectionReason::ProtocolUnsupported { protocol };
                rejected.push(Rejection { row, id, reason });
            }
        }
    }
    (pools, rejected)
}

fn pool_static(chain_id: u64, pool: &WhitelistPool) -> Option<PoolStatic> {
    let protocol = match pool.protocol {
        WhitelistProtocol::UniswapV2 => Protocol::UniswapV2,
        WhitelistProtocol::UniswapV3 => Protocol::UniswapV3,
        WhitelistProtocol::UniswapV4 => return None,
    };
    Some(PoolStatic {
        key: PoolKey::address(chain_id, pool.address),
        protocol,
        token0: pool.token0.address,
        token1: pool.token1.address,
        fee_pips: pool.fee_pips,
        tick_spacing: pool.tick_spacing.unwrap_or(0),
        factory: pool.factory.unwrap_or(Address::ZERO),
        decimals: Some((pool.token0.decimals, pool.token1.decimals)),
    })
}
