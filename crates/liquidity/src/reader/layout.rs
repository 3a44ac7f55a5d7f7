//! Checks what was read against what the pool is said to be. Pure.

use super::{
    PoolRefusal, ReadError, abi,
    contract::{Concentrated, ContractV2, ContractV3},
    contract_v4::ContractV4,
};
use alloy_primitives::{
    Address,
    aliases::{I24, U24},
};
use weir_amm::{Liquidity, Reserves, SqrtPriceX96, Tick, TickInfo, V3Slot, V4Fees};
use weir_arena::{Hydration, PoolId, PoolStatic};

/// A pair has no getter for its fee: the row's is taken, and every swap that follows is checked against it.
pub(super) fn v2_hydration(
    pool: &PoolStatic,
    contract: &ContractV2,
) -> Result<Hydration, ReadError> {
    let ContractV2 { token0, token1, factory, reserve0, reserve1 } = *contract;
    check(pool, token0, token1, factory).map_err(ReadError::Refused)?;
    Ok(Hydration::V2(Reserves { reserve0, reserve1 }))
}

pub(super) fn v3_hydration(
    pool: &PoolStatic,
    contract: &ContractV3,
) -> Result<Hydration, ReadError> {
    v3(pool, contract).map_err(ReadError::Refused)
}

fn v3(pool: &PoolStatic, contract: &ContractV3) -> Result<Hydration, PoolRefusal> {
    check(pool, contract.token0, contract.token1, contract.factory)?;
    if contract.fee != pool.fee_pips {
        return Err(PoolRefusal::Fee { fee_pips: contract.fee });
    }
    let tick_spacing = contract.range.spacing.get();
    if tick_spacing != pool.tick_spacing {
        return Err(PoolRefusal::TickSpacing { tick_spacing });
    }
    let (slot, ticks) = ranges(&contract.range)?;
    Ok(Hydration::V3 { slot, fee_protocol: contract.fee_protocol, ticks })
}

/// The key of a V4 pool; its hash is the pool's id, so nothing of it has to be asked for.
pub(super) fn v4_key(pool: &PoolStatic) -> Option<abi::PoolKey> {
    Some(abi::PoolKey {
        currency0: pool.token0,
        currency1: pool.token1,
        fee: U24::try_from(pool.fee_pips).ok()?,
        tickSpacing: I24::try_from(pool.tick_spacing).ok()?,
        hooks: pool.hooks,
    })
}

pub(super) fn v4_hydration(
    pool: &PoolStatic,
    contract: &ContractV4,
) -> Result<Hydration, ReadError> {
    v4(pool, contract).map_err(ReadError::Refused)
}

fn v4(pool: &PoolStatic, contract: &ContractV4) -> Result<Hydration, PoolRefusal> {
    if pool.key.id != PoolId::Id(contract.id) {
        return Err(PoolRefusal::Row);
    }
    let [zero_for_one, one_for_zero] = contract.protocol_fees;
    let half = |fee: u32| u16::try_from(fee).map_err(|_| PoolRefusal::State);
    let fees = V4Fees {
        lp: contract.lp_fee,
        zero_for_one: half(zero_for_one)?,
        one_for_zero: half(one_for_zero)?,
    };
    let (slot, ticks) = ranges(&contract.range)?;
    Ok(Hydration::V4 { slot, fees, ticks })
}

/// Price and ticks as the arena takes them.
fn ranges(range: &Concentrated) -> Result<(V3Slot, Vec<(Tick, TickInfo)>), PoolRefusal> {
    let sqrt_price = SqrtPriceX96::new(range.sqrt_price).map_err(|_| PoolRefusal::State)?;
    let liquidity = Liquidity::new(range.liquidity);
    let tick = |(index, gross, net): &(i32, u128, i128)| {
        let tick = Tick::new(*index).map_err(|_| PoolRefusal::State)?;
        Ok((tick, TickInfo { gross: *gross, net: *net }))
    };
    let slot = V3Slot { sqrt_price, tick: range.tick, liquidity };
    Ok((slot, range.ticks.iter().map(tick).collect::<Result<_, _>>()?))
}

/// A row may leave the factory open.
fn check(
    pool: &PoolStatic,
    token0: Address,
    token1: Address,
    factory: Address,
) -> Result<(), PoolRefusal> {
    if (token0, token1) != (pool.token0, pool.token1) {
        return Err(PoolRefusal::Tokens { token0, token1 });
    }
    if !pool.factory.is_zero() && factory != pool.factory {
        return Err(PoolRefusal::Factory { factory });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::U256;
    use weir_amm::TickSpacing;
    use weir_arena::{PoolKey, Protocol};

    fn pool() -> PoolStatic {
        PoolStatic {
            key: PoolKey::address(1, Address::repeat_byte(9)),
            protocol: Protocol::UniswapV3,
            token0: Address::repeat_byte(1),
            token1: Address::repeat_byte(2),
            fee_pips: 3000,
            tick_spacing: 60,
            factory: Address::repeat_byte(3),
            hooks: Address::ZERO,
            decimals: None,
        }
    }

    fn contract() -> ContractV3 {
        ContractV3 {
            token0: Address::repeat_byte(1),
            token1: Address::repeat_byte(2),
            factory: Address::repeat_byte(3),
            fee: 3000,
            fee_protocol: 0x44,
            range: Concentrated {
                spacing: TickSpacing::new(60).unwrap(),
                sqrt_price: U256::from(1) << 96,
                tick: 0,
                liquidity: 5,
                words: Vec::new(),
                words_read: 0,
                ticks: vec![(-60, 5, 5), (60, 5, -5)],
            },
        }
    }

    #[test]
    fn whatever_contradicts_the_row_is_refused() {
        let Hydration::V3 { slot, fee_protocol, ticks } = v3(&pool(), &contract()).unwrap() else {
            panic!()
        };
        assert_eq!((slot.liquidity.get(), fee_protocol, ticks.len()), (5, 0x44, 2));
        let open = PoolStatic { factory: Address::ZERO, ..pool() };
        assert!(v3(&open, &contract()).is_ok());
        let other = Address::repeat_byte(8);
        let refused = |change: fn(&mut ContractV3)| {
            let mut contract = contract();
            change(&mut contract);
            v3(&pool(), &contract).unwrap_err()
        };
        let swap = |contract: &mut ContractV3| {
            std::mem::swap(&mut contract.token0, &mut contract.token1);
        };
        let (token0, token1) = (pool().token1, pool().token0);
        assert_eq!(refused(swap), PoolRefusal::Tokens { token0, token1 });
        let factory = refused(|contract| contract.factory = Address::repeat_byte(8));
        assert_eq!(factory, PoolRefusal::Factory { factory: other });
        assert_eq!(refused(|c| c.fee = 500), PoolRefusal::Fee { fee_pips: 500 });
        let spacing = refused(|c| c.range.spacing = TickSpacing::new(10).unwrap());
        assert_eq!(spacing, PoolRefusal::TickSpacing { tick_spacing: 10 });
        assert_eq!(refused(|c| c.range.sqrt_price = U256::MAX), PoolRefusal::State);
        assert_eq!(refused(|c| c.range.ticks[0].0 = i32::MAX), PoolRefusal::State);
    }
}
