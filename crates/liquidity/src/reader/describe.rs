//! What a pool fixes at its creation, read from the chain for a list that names the pool alone.

use super::{
    NodeState, PoolRefusal, ReadError, abi,
    contract::{ContractReader, decode},
};
use alloy_primitives::{Address, B256, Log};
use alloy_sol_types::{SolCall, SolEvent};
use futures_util::{StreamExt, stream};
use weir_arena::{PoolId, PoolKey, PoolStatic, Protocol};
use weir_feed::{WhitelistAddress, WhitelistProtocol};

/// Fee of Uniswap V2 in millionths: its pairs have no getter for it. A fork with another must be listed with it.
const UNISWAP_V2_FEE_PIPS: u32 = 3_000;
/// Pools described at once.
const POOLS_AT_ONCE: usize = 8;

/// What became of a row.
pub(crate) type Described = (WhitelistAddress, Result<PoolStatic, ReadError>);

/// Describes pools, several at once, in the order of the rows.
pub(crate) async fn describe_all(
    node: &dyn NodeState,
    chain_id: u64,
    rows: Vec<WhitelistAddress>,
) -> Vec<Described> {
    stream::iter(rows)
        .map(|row| async move { (row, describe_pool(node, chain_id, row).await) })
        .buffered(POOLS_AT_ONCE)
        .collect()
        .await
}

/// Tokens, fee, tick spacing and factory of a pool that a list names without them, at the node's newest block.
///
/// A V2 pair or V3 pool answers for itself, and its factory must know it by its tokens and fee: a contract that only looks like a pool
/// is refused. Of a V4 pool, the PoolManager's `Initialize` event tells the key, whose hash is the id.
///
/// # Errors
/// [`ReadError::Refused`] with the reason if it is no such pool; others if the node does not answer.
pub async fn describe_pool(
    node: &dyn NodeState,
    chain_id: u64,
    row: WhitelistAddress,
) -> Result<PoolStatic, ReadError> {
    let reader = ContractReader { node, block_hash: node.head().await?.hash };
    let statics = match (row.protocol, row.id) {
        (WhitelistProtocol::UniswapV2, PoolId::Address(pool)) => pair(&reader, pool).await?,
        (WhitelistProtocol::UniswapV3, PoolId::Address(pool)) => {
            concentrated(&reader, pool, Protocol::UniswapV3).await?
        }
        (WhitelistProtocol::PancakeV3, PoolId::Address(pool)) => {
            concentrated(&reader, pool, Protocol::PancakeV3).await?
        }
        (WhitelistProtocol::UniswapV4, PoolId::Id(id)) => {
            let topics = [abi::events::Initialize::SIGNATURE_HASH, id];
            singleton(id, row.manager, &node.logs(topics).await?)?
        }
        _ => return Err(ReadError::Refused(PoolRefusal::Row)),
    };
    let statics = PoolStatic { key: PoolKey { chain_id, id: row.id }, ..statics };
    statics.validate().map_err(|_| ReadError::Refused(PoolRefusal::Row))?;
    Ok(statics)
}

async fn pair(reader: &ContractReader<'_>, pool: Address) -> Result<PoolStatic, ReadError> {
    let contract = reader.v2(pool).await?;
    let (token0, token1) = (contract.token0, contract.token1);
    let query = abi::V2Factory::getPairCall { token0, token1 }.abi_encode();
    let known = reader.call(contract.factory, [query]).await?;
    confirm::<abi::V2Factory::getPairCall>(pool, contract.factory, &known)?;
    Ok(PoolStatic {
        fee_pips: UNISWAP_V2_FEE_PIPS,
        factory: contract.factory,
        ..unnamed(Protocol::UniswapV2, (token0, token1))
    })
}

async fn concentrated(
    reader: &ContractReader<'_>,
    pool: Address,
    protocol: Protocol,
) -> Result<PoolStatic, ReadError> {
    let facts = reader.v3_facts(pool).await?;
    let (token0, token1, fee) = (facts.token0, facts.token1, facts.fee);
    let query = abi::V3Factory::getPoolCall { token0, token1, fee }.abi_encode();
    let known = reader.call(facts.factory, [query]).await?;
    confirm::<abi::V3Factory::getPoolCall>(pool, facts.factory, &known)?;
    Ok(PoolStatic {
        fee_pips: fee.to(),
        tick_spacing: facts.spacing.as_i32(),
        factory: facts.factory,
        ..unnamed(protocol, (token0, token1))
    })
}

/// The factory must give this address for the pool's own tokens and fee.
fn confirm<C: SolCall<Return = Address>>(
    pool: Address,
    factory: Address,
    [known]: &[alloy_primitives::Bytes; 1],
) -> Result<(), ReadError> {
    if decode::<C>(known)? == pool {
        return Ok(());
    }
    Err(ReadError::Refused(PoolRefusal::Factory { factory }))
}

/// The key that hashes to the id, from whatever contract announced it; two that did leave open which is meant.
fn singleton(id: B256, manager: Option<Address>, logs: &[Log]) -> Result<PoolStatic, ReadError> {
    let mut found: Option<PoolStatic> = None;
    for log in logs.iter().filter(|log| manager.is_none_or(|manager| manager == log.address)) {
        let Ok(event) = abi::events::Initialize::decode_log(log) else { continue };
        let statics = PoolStatic {
            fee_pips: event.fee.to(),
            tick_spacing: event.tickSpacing.as_i32(),
            factory: log.address,
            hooks: event.hooks,
            ..unnamed(Protocol::UniswapV4, (event.currency0, event.currency1))
        };
        if statics.v4_id() != id {
            continue;
        }
        if found.is_some_and(|found| found.factory != log.address) {
            return Err(ReadError::Refused(PoolRefusal::ManagerAmbiguous));
        }
        found = Some(statics);
    }
    found.ok_or(ReadError::Refused(PoolRefusal::KeyUnknown))
}

/// The facts of a pool that is named afterwards.
fn unnamed(protocol: Protocol, (token0, token1): (Address, Address)) -> PoolStatic {
    PoolStatic {
        key: PoolKey::address(0, Address::ZERO),
        protocol,
        token0,
        token1,
        fee_pips: 0,
        tick_spacing: 0,
        factory: Address::ZERO,
        hooks: Address::ZERO,
        decimals: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::aliases::{I24, U24, U160};

    fn initialize(manager: u8, hooks: Address) -> (B256, Log) {
        let (currency0, currency1) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let statics = PoolStatic {
            fee_pips: 500,
            tick_spacing: 10,
            hooks,
            ..unnamed(Protocol::UniswapV4, (currency0, currency1))
        };
        let event = abi::events::Initialize {
            id: statics.v4_id(),
            currency0,
            currency1,
            fee: U24::from(500),
            tickSpacing: I24::try_from(10).unwrap(),
            hooks,
            sqrtPriceX96: U160::from(1),
            tick: I24::ZERO,
        };
        let address = Address::repeat_byte(manager);
        (statics.v4_id(), Log { address, data: event.encode_log_data() })
    }

    #[test]
    fn a_key_is_believed_by_its_hash_and_by_one_manager_only() {
        let (id, log) = initialize(7, Address::ZERO);
        let (_, other_key) = initialize(9, Address::repeat_byte(5));
        let found = singleton(id, None, &[other_key.clone(), log.clone()]).unwrap();
        assert_eq!((found.factory, found.fee_pips), (Address::repeat_byte(7), 500));
        let refusal = |manager, logs: &[Log]| match singleton(id, manager, logs) {
            Err(ReadError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        };
        assert_eq!(refusal(None, &[other_key]), PoolRefusal::KeyUnknown);
        let (_, fake) = initialize(8, Address::ZERO);
        assert_eq!(refusal(None, &[log.clone(), fake.clone()]), PoolRefusal::ManagerAmbiguous);
        assert_eq!(
            refusal(Some(Address::repeat_byte(3)), std::slice::from_ref(&log)),
            PoolRefusal::KeyUnknown
        );
        let named = singleton(id, Some(Address::repeat_byte(7)), &[fake, log]).unwrap();
        assert_eq!(named.factory, Address::repeat_byte(7));
    }
}
