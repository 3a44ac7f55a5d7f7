//! Transactions with Uniswap V4, by way of the swapper.

use alloy_primitives::{I256, U256, aliases::U24};
use alloy_sol_types::SolCall;

use crate::{
    Deployment, V4Pool,
    contracts::{FeeHook, PoolManager, Swapper},
    deploy::{exact_in, execute, tick},
    workload::Call,
};

/// Gas limits: near to what the transactions use, because nodes fill blocks by limit.
pub(crate) const SWAP_GAS: u64 = 350_000;
const MODIFY_GAS: u64 = 450_000;
const FEE_GAS: u64 = 80_000;
/// Native coin sent along with an exact output or new liquidity, as a multiple of its worth at the initial price. What is
/// not needed comes back.
const COIN_MARGIN: u128 = 16;
/// The highest fee that the protocol may take in one direction, in millionths (`ProtocolFeeLibrary.MAX_PROTOCOL_FEE`).
pub(crate) const PROTOCOL_FEE_MAX: u32 = 1_000;

/// How much a swap is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    /// Exactly this much of the token that goes in.
    In(u128),
    /// Exactly this much of the token that comes out.
    Out(u128),
}

/// A swap without a price limit, paid from the swapper's stock if `own`, else by the sender.
pub(crate) fn swap(
    deployment: &Deployment,
    pool: &V4Pool,
    zero_for_one: bool,
    amount: Amount,
    own: bool,
) -> Call {
    let (signed, coin) = match amount {
        Amount::In(amount) => (exact_in(amount), amount),
        Amount::Out(amount) => {
            let worth = amount * pool.token0.per_unit / pool.token1.per_unit;
            (-exact_in(amount), worth * COIN_MARGIN)
        }
    };
    let call = Swapper::swapV4Call {
        manager: deployment.v4.manager,
        key: pool.key(),
        zeroForOne: zero_for_one,
        amount: signed,
        own,
    };
    let is_paid_in_coin = !own && zero_for_one && pool.token0.address.is_zero();
    let call = Call::contract(deployment.swapper, call.abi_encode(), SWAP_GAS);
    call.paying(if is_paid_in_coin { coin } else { 0 })
}

/// Adds liquidity to a range, or removes it if `delta` is negative.
pub(crate) fn modify(
    deployment: &Deployment,
    pool: &V4Pool,
    (lower, upper): (i32, i32),
    delta: i128,
    own: bool,
) -> Call {
    let call = Swapper::modifyV4Call {
        manager: deployment.v4.manager,
        key: pool.key(),
        lower: tick(lower),
        upper: tick(upper),
        delta: I256::try_from(delta).expect("every i128 is an I256"),
        own,
    };
    // What as much liquidity over the full range would need: a range below the price needs none, one above it less.
    let units = delta.unsigned_abs().div_ceil(pool.market().liquidity(1));
    let is_paid_in_coin = !own && delta > 0 && pool.token0.address.is_zero();
    let coin = if is_paid_in_coin { units * pool.token0.per_unit * COIN_MARGIN } else { 0 };
    Call::contract(deployment.swapper, call.abi_encode(), MODIFY_GAS).paying(coin)
}

/// Sets what the protocol takes from swaps of token0 and of token1, in millionths. The swapper is the controller.
pub(crate) fn set_protocol_fee(
    deployment: &Deployment,
    pool: &V4Pool,
    (zero_for_one, one_for_zero): (u32, u32),
) -> Call {
    let fee = U24::from(zero_for_one | one_for_zero << 12);
    let call = PoolManager::setProtocolFeeCall { key: pool.key(), newProtocolFee: fee };
    let input = execute(deployment.v4.manager, call.abi_encode());
    Call { to: deployment.swapper, value: U256::ZERO, input, gas_limit: FEE_GAS }
}

/// Has the hook set the fee of the pool with a dynamic fee, in millionths.
pub(crate) fn set_fee(deployment: &Deployment, fee: u32) -> Call {
    let v4 = &deployment.v4;
    let key = v4.dynamic_pool().key();
    let call = FeeHook::setFeeCall { manager: v4.manager, key, fee: U24::from(fee) };
    Call::contract(v4.fee_hook.address, call.abi_encode(), FEE_GAS)
}
