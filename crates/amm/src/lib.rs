#![doc = include_str!("../README.md")]

mod error;
pub use error::{MathError, QuoteError};

mod swap;
pub use swap::{Direction, SwapKind};

mod fee;
pub use fee::{FeePips, MAX_FEE_PIPS, V2Fee};

mod v2;
pub use v2::{MAX_RESERVE, Reserves};

mod tick;
pub use tick::{Tick, TickSpacing};

mod price;
pub use price::SqrtPriceX96;

mod liquidity;
pub use liquidity::Liquidity;

mod wide;
pub use wide::{mul_div, mul_div_rounding_up};

mod tick_math;

mod sqrt_price_math;
pub use sqrt_price_math::{
    amount0_delta, amount1_delta, next_sqrt_price_from_input, next_sqrt_price_from_output,
    range_amounts,
};

mod swap_step;
pub use swap_step::{StepAmount, SwapStep, compute_swap_step};

mod tick_list;
pub use tick_list::{NextTick, TickCursor, TickInfo, TickList};

mod short_swap;

mod v3;
pub use v3::{V3Slot, V3Swap, V3Terms};

mod v4;
pub use v4::{LpFee, V4Fees};
