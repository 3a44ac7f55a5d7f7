//! Whitelist rows as the arena takes them.

use crate::{NodeState, PoolRefusal, ReadError, reader::describe_all};
use alloy_primitives::Address;
use weir_arena::{PoolId, PoolKey, PoolStatic, Protocol};
use weir_feed::{Rejection, RejectionReason, Whitelist, WhitelistPool, WhitelistProtocol};

/// The pools of `whitelist` that this engine follows, and all rows that it does not, with reasons.
pub fn listed_pools(whitelist: &Whitelist) -> (Vec<PoolStatic>, Vec<Rejection>) {
    let mut rejected = whitelist.rejected.clone();
    let mut pools = Vec::with_capacity(whitelist.pools.len());
    for (row, pool) in whitelist.pools.iter().enumerate() {
        match pool_static(whitelist.chain_id, pool) {
            Ok(pool) => pools.push(pool),
            Err(reason) => {
                let id = pool.pool_id.map_or_else(|| pool.address.to_string(), |id| id.to_string());
                rejected.push(Rejection { row, id, reason });
            }
        }
    }
    (pools, rejected)
}

/// The pools that `whitelist` names without describing them, read from the chain, and those that are not what they are said to be.
///
/// # Errors
/// If the node does not answer.
pub async fn described_pools(
    whitelist: &Whitelist,
    node: &dyn NodeState,
) -> Result<(Vec<PoolStatic>, Vec<(PoolKey, PoolRefusal)>), ReadError> {
    let chain_id = whitelist.chain_id;
    let (mut pools, mut refused) = (Vec::new(), Vec::new());
    for (row, answer) in describe_all(node, chain_id, whitelist.unresolved.clone()).await {
        match answer {
            Ok(pool) => pools.push(pool),
            Err(ReadError::Refused(refusal)) => {
                refused.push((PoolKey { chain_id, id: row.id }, refusal));
            }
            Err(error) => return Err(error),
        }
    }
    Ok((pools, refused))
}

/// One row as the arena takes it. A V4 row's address is its PoolManager, and its hooks are part of what it is.
///
/// # Errors
/// If a V4 row lacks its id or its hooks, which parsing refuses before.
pub fn pool_static(chain_id: u64, pool: &WhitelistPool) -> Result<PoolStatic, RejectionReason> {
    let factory = pool.factory.unwrap_or(Address::ZERO);
    let (protocol, factory) = match pool.protocol {
        WhitelistProtocol::UniswapV2 => (Protocol::UniswapV2, factory),
        WhitelistProtocol::UniswapV3 => (Protocol::UniswapV3, factory),
        WhitelistProtocol::PancakeV3 => (Protocol::PancakeV3, factory),
        WhitelistProtocol::UniswapV4 => (Protocol::UniswapV4, pool.address),
    };
    let is_v4 = protocol == Protocol::UniswapV4;
    let missing = |field| RejectionReason::Missing { field };
    let (id, hooks) = if is_v4 {
        let id = pool.pool_id.ok_or_else(|| missing("pool_id"))?;
        (PoolId::Id(id), pool.hooks.ok_or_else(|| missing("hooks"))?)
    } else {
        (PoolId::Address(pool.address), Address::ZERO)
    };
    Ok(PoolStatic {
        key: PoolKey { chain_id, id },
        protocol,
        token0: pool.token0.address,
        token1: pool.token1.address,
        fee_pips: pool.fee_pips,
        tick_spacing: pool.tick_spacing.unwrap_or(0),
        factory,
        hooks,
        decimals: Some((pool.token0.decimals, pool.token1.decimals)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;
    use serde_json::json;

    fn listed(protocol: &str) -> (Vec<PoolStatic>, Vec<Rejection>) {
        let id = "0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27";
        let v4 = json!({
            "address": "0x000000000004444c5dc75cB358380D2e3dE08A90",
            "pool_id": (protocol == "v4").then_some(id),
            "protocol": protocol,
            "token0": {"address": Address::ZERO, "decimals": 18},
            "token1": {"address": "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48", "decimals": 6},
            "fee": 500,
            "tick_spacing": 10,
            "hooks": Address::ZERO,
        });
        let mut unhooked = v4.clone();
        unhooked["hooks"] = json!(null);
        if protocol == "v4" {
            // The id of a key with hooks, so that none may be assumed.
            unhooked["pool_id"] = json!(B256::repeat_byte(7));
        }
        let document = json!({"chain_id": 1, "pools": [v4, unhooked]});
        listed_pools(&Whitelist::parse(document.to_string().as_bytes(), 1).unwrap())
    }

    #[test]
    fn a_v4_row_is_followed_by_its_id_and_kept_by_its_manager() {
        let (pools, rejected) = listed("v4");
        let [pool] = pools.as_slice() else { panic!("{pools:?}") };
        assert!(pool.validate().is_ok());
        assert_eq!((pool.key.id, pool.protocol), (PoolId::Id(pool.v4_id()), Protocol::UniswapV4));
        let manager = "0x000000000004444c5dc75cB358380D2e3dE08A90".parse::<Address>().unwrap();
        assert_eq!(pool.factory, manager);
        let missing = RejectionReason::Missing { field: "hooks" };
        assert_eq!((rejected.len(), &rejected[0].reason), (1, &missing));
    }

    #[test]
    fn a_pancake_row_is_followed_by_its_address() {
        let (pools, rejected) = listed("pancake_v3");
        // The second row names the same pool.
        assert_eq!((pools.len(), rejected[0].reason.clone()), (1, RejectionReason::Duplicate));
        assert!(pools[0].validate().is_ok());
        assert_eq!(pools[0].protocol, Protocol::PancakeV3);
    }
}
