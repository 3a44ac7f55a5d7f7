//! What the arithmetic refuses, where the contracts revert.

use crate::{SqrtPriceX96, Tick};
use alloy_primitives::{Address, U256};

/// A value that the contracts' arithmetic rejects with a revert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MathError {
    /// The tick is outside of `[-887272, 887272]` (`TickMath`, "T").
    #[error("tick is out of range: tick={tick}")]
    TickOutOfRange {
        /// The tick offered.
        tick: i32,
    },
    /// The ratio is outside of `[MIN_SQRT_RATIO, MAX_SQRT_RATIO)` (`TickMath`, "R").
    #[error("sqrt price is out of range: sqrt_price_x96={sqrt_price}")]
    SqrtPriceOutOfRange {
        /// The price offered.
        sqrt_price: SqrtPriceX96,
    },
    /// The spacing is not in `1..16384` (`UniswapV3Factory.enableFeeAmount`), or in V4 not in `1..=32767`.
    #[error("tick spacing is out of range: spacing={spacing}")]
    SpacingOutOfRange {
        /// The spacing offered.
        spacing: i32,
    },
    /// The fee is one million pips (100 %) or more; in V4, more.
    #[error("fee is out of range: fee_pips={fee_pips}")]
    FeeOutOfRange {
        /// The fee offered, in millionths.
        fee_pips: u32,
    },
    /// The tick is not a multiple of the pool's spacing (`TickBitmap.flipTick`).
    #[error("tick is not a multiple of the spacing: tick={tick} spacing={spacing}")]
    TickUnaligned {
        /// The tick offered.
        tick: Tick,
        /// The pool's spacing.
        spacing: i32,
    },
    /// The range is empty or inverted (`UniswapV3Pool.checkTicks`, "TLU").
    #[error("tick range is empty: lower={lower} upper={upper}")]
    RangeEmpty {
        /// Lower bound, inclusive.
        lower: Tick,
        /// Upper bound, exclusive.
        upper: Tick,
    },
    /// Liquidity would leave `0..2^128` (`LiquidityMath.addDelta`, "LS" and "LA") or a net would leave `int128`.
    #[error("liquidity is out of range: liquidity={liquidity} delta={delta}")]
    LiquidityOutOfRange {
        /// Liquidity before.
        liquidity: u128,
        /// What was to be added.
        delta: i128,
    },
    /// More liquidity at a tick than `Tick.tickSpacingToMaxLiquidityPerTick` allows ("LO").
    #[error("tick holds too much liquidity: tick={tick} gross={gross} max={max}")]
    TickLiquidityExceeded {
        /// The tick.
        tick: Tick,
        /// Gross liquidity it would hold.
        gross: u128,
        /// The most it may hold.
        max: u128,
    },
    /// The divisor is zero or the quotient does not fit in 256 bits (`FullMath`).
    #[error("quotient does not exist: a={a} b={b} divisor={divisor}")]
    Quotient {
        /// First factor.
        a: U256,
        /// Second factor.
        b: U256,
        /// The divisor.
        divisor: U256,
    },
    /// The amount moves the price out of what the liquidity can give (`SqrtPriceMath`).
    #[error("amount is more than the liquidity holds: amount={amount} liquidity={liquidity}")]
    AmountExceedsLiquidity {
        /// The amount asked of the range.
        amount: U256,
        /// Its liquidity.
        liquidity: u128,
    },
}

/// Why a pool gives no answer to a trade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum QuoteError {
    /// The amount is zero (V3 "AS", V2 `INSUFFICIENT_INPUT_AMOUNT`, `INSUFFICIENT_OUTPUT_AMOUNT`).
    #[error("amount is zero")]
    AmountZero,
    /// The amount does not fit in the contract's integer (`int256` in V3, `int128` after the trade in V4, `uint112` after
    /// the trade in V2).
    #[error("amount is too large: amount={amount}")]
    AmountTooLarge {
        /// The amount asked for.
        amount: U256,
    },
    /// The V3 pool has no price yet ("LOK").
    #[error("pool has no price")]
    Uninitialized,
    /// The pool holds nothing to trade against, or less than asked for.
    #[error("liquidity is insufficient: amount={amount} available={available}")]
    InsufficientLiquidity {
        /// The amount asked for.
        amount: U256,
        /// How much of it the pool can take (exact in) or give (exact out).
        available: U256,
    },
    /// The price limit is on the wrong side of the price or out of range (V3 "SPL").
    #[error("price limit is out of range: limit={limit} sqrt_price_x96={sqrt_price}")]
    LimitOutOfRange {
        /// The limit asked for.
        limit: SqrtPriceX96,
        /// The pool's price.
        sqrt_price: SqrtPriceX96,
    },
    /// The fee takes all of the input, so that no output can be asked for (V4 `InvalidFeeForExactOut`).
    #[error("fee takes the whole input")]
    FeeIsWhole,
    /// The pool's fee is set by its hooks without an event and is not known.
    #[error("fee of the pool is not known")]
    FeeUnknown,
    /// The pool's hooks decide about fee or amounts: only a simulated call can tell.
    #[error("hooks of the pool decide the amounts")]
    SimulationOnly,
    /// A token of the pool delivers less than is sent: what is quoted would not arrive.
    #[error("token delivers less than is sent: token={token}")]
    TokenFallsShort {
        /// The token.
        token: Address,
    },
    /// The arithmetic reverts.
    #[error(transparent)]
    Math(#[from] MathError),
}
