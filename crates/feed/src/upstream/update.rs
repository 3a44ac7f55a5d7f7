//! Upstream's pool changes (`PoolUpdate`), all of them: a reader must know every variant to find the next one.

use super::{
    UpstreamError,
    bincode::{Bincode, Input, bincode_enum, bincode_struct},
};
use alloy_primitives::{Address, I256, U256};

/// A change of a pool. Weir sends [`Self::V2Sync`], [`Self::V3Swap`], [`Self::V3Liquidity`] and their V4 twins.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    missing_docs,
    reason = "fields of protocols that Weir does not follow, by upstream's names"
)]
pub enum UpstreamUpdate {
    /// Retired.
    V2Swap { amount0: I256, amount1: I256 },
    /// Retired.
    V2Liquidity { amount0: I256, amount1: I256 },
    /// Price, liquidity and tick after a swap.
    V3Swap { sqrt_price_x96: U256, liquidity: u128, tick: i32 },
    /// Liquidity added to a range, negative if taken away.
    V3Liquidity { tick_lower: i32, tick_upper: i32, liquidity_delta: i128 },
    /// As [`Self::V3Swap`].
    V4Swap { sqrt_price_x96: U256, liquidity: u128, tick: i32 },
    /// As [`Self::V3Liquidity`].
    V4Liquidity { tick_lower: i32, tick_upper: i32, liquidity_delta: i128 },
    /// Ekubo: its own price format.
    EkuboSwap { sqrt_ratio: U256, liquidity: u128, tick: i32 },
    /// Ekubo: change of a range, and the state after.
    EkuboLiquidity {
        tick_lower: i32,
        tick_upper: i32,
        liquidity_delta: i128,
        sqrt_ratio: U256,
        liquidity: u128,
        tick: i32,
    },
    /// Retired.
    CurveSwap { sold_id: u8, tokens_sold: u128, bought_id: u8, tokens_bought: u128 },
    /// Curve StableSwap: the state after.
    CurveLiquidity {
        effective_balances: Vec<u128>,
        fee: u64,
        offpeg_fee_multiplier: u64,
        initial_a: u64,
        future_a: u64,
        initial_a_time: u64,
        future_a_time: u64,
    },
    /// Curve StableSwap: amplification changes over time.
    CurveRampA { initial_a: u64, future_a: u64, initial_a_time: u64, future_a_time: u64 },
    /// Curve StableSwap: fees.
    CurveFeeUpdate { fee: u64, offpeg_fee_multiplier: u64 },
    /// Curve TwoCrypto: the state after.
    TwoCryptoState { balances: [u128; 2], price_scale: U256, d: U256 },
    /// Curve TwoCrypto: parameters change over time.
    TwoCryptoRampAgamma {
        initial_a: u64,
        future_a: u64,
        initial_gamma: u128,
        future_gamma: u128,
        initial_time: u64,
        future_time: u64,
    },
    /// Curve TwoCrypto: fees.
    TwoCryptoNewParameters { mid_fee: u64, out_fee: u64, fee_gamma: u128 },
    /// Curve Tricrypto: the state after.
    TricryptoState { balances: [u128; 3], packed_price_scale: U256, d: U256 },
    /// Curve Tricrypto: parameters change over time.
    TricryptoRampAgamma {
        initial_a: u64,
        future_a: u64,
        initial_gamma: u128,
        future_gamma: u128,
        initial_time: u64,
        future_time: u64,
    },
    /// Curve Tricrypto: fees.
    TricryptoNewParameters { mid_fee: u64, out_fee: u64, fee_gamma: u128 },
    /// Balancer: a swap between two of the tokens.
    BalancerSwap { token_in: Address, token_out: Address, amount_in: U256, amount_out: U256 },
    /// Balancer: liquidity, token by token.
    BalancerLiquidity { tokens: Vec<Address>, deltas: Vec<i128> },
    /// Balancer: fee.
    BalancerFeeUpdate { swap_fee_percentage: u64 },
    /// Fluid: the state after.
    FluidState { state: UpstreamFluid },
    /// Reserves, absolute.
    V2Sync { reserve0: u128, reserve1: u128 },
}

bincode_enum!(UpstreamUpdate {
    0 => V2Swap { amount0, amount1 },
    1 => V2Liquidity { amount0, amount1 },
    2 => V3Swap { sqrt_price_x96, liquidity, tick },
    3 => V3Liquidity { tick_lower, tick_upper, liquidity_delta },
    4 => V4Swap { sqrt_price_x96, liquidity, tick },
    5 => V4Liquidity { tick_lower, tick_upper, liquidity_delta },
    6 => EkuboSwap { sqrt_ratio, liquidity, tick },
    7 => EkuboLiquidity { tick_lower, tick_upper, liquidity_delta, sqrt_ratio, liquidity, tick },
    8 => CurveSwap { sold_id, tokens_sold, bought_id, tokens_bought },
    9 => CurveLiquidity {
        effective_balances, fee, offpeg_fee_multiplier, initial_a, future_a, initial_a_time,
        future_a_time
    },
    10 => CurveRampA { initial_a, future_a, initial_a_time, future_a_time },
    11 => CurveFeeUpdate { fee, offpeg_fee_multiplier },
    12 => TwoCryptoState { balances, price_scale, d },
    13 => TwoCryptoRampAgamma {
        initial_a, future_a, initial_gamma, future_gamma, initial_time, future_time
    },
    14 => TwoCryptoNewParameters { mid_fee, out_fee, fee_gamma },
    15 => TricryptoState { balances, packed_price_scale, d },
    16 => TricryptoRampAgamma {
        initial_a, future_a, initial_gamma, future_gamma, initial_time, future_time
    },
    17 => TricryptoNewParameters { mid_fee, out_fee, fee_gamma },
    18 => BalancerSwap { token_in, token_out, amount_in, amount_out },
    19 => BalancerLiquidity { tokens, deltas },
    20 => BalancerFeeUpdate { swap_fee_percentage },
    21 => FluidState { state },
    22 => V2Sync { reserve0, reserve1 },
});

/// Reserves of a Fluid pool: of collateral (`col`) and debt, real and imaginary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "fields by upstream's names")]
pub struct UpstreamFluid {
    pub col_token0_real: u128,
    pub col_token1_real: u128,
    pub col_token0_imaginary: u128,
    pub col_token1_imaginary: u128,
    pub debt_token0_real: u128,
    pub debt_token1_real: u128,
    pub debt_token0_imaginary: u128,
    pub debt_token1_imaginary: u128,
    pub center_price: u128,
    pub fee: u128,
}

bincode_struct!(UpstreamFluid {
    col_token0_real,
    col_token1_real,
    col_token0_imaginary,
    col_token1_imaginary,
    debt_token0_real,
    debt_token1_real,
    debt_token0_imaginary,
    debt_token1_imaginary,
    center_price,
    fee
});
