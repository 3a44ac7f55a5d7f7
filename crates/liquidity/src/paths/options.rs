//! Which opportunities to look for.

use alloy_primitives::Address;
use weir_route::{BaseToken, CycleOptions, GasSchedule};

/// Tokens taken by [`BaseTokens::MostConnected`] unless told otherwise.
const CONNECTED_DEFAULT: usize = 3;

/// Tokens that cycles begin and end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BaseTokens {
    /// These, the preferred first.
    Listed(Vec<BaseToken>),
    /// The tokens with the most pools, so many of them, chosen again when pools join or leave. They have no price, so that
    /// opportunities are ranked by profit alone; the wrapped native coin, where it is known, does.
    MostConnected(usize),
}

impl Default for BaseTokens {
    fn default() -> Self {
        Self::MostConnected(CONNECTED_DEFAULT)
    }
}

/// Settings of a [`PathsDriver`](crate::PathsDriver).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathsOptions {
    /// Tokens that cycles begin and end with.
    pub bases: BaseTokens,
    /// Which cycles are looked at.
    pub cycles: CycleOptions,
    /// The token that wraps the native coin, if the two are to be one.
    pub wrapped_native: Option<Address>,
    /// Gas of the parts of a trade.
    pub gas: GasSchedule,
    /// What is paid on top of the base fee, in wei per gas.
    pub priority_fee: u64,
}
