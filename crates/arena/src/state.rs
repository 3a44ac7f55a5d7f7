//! The values that determine a pool's next swap.

use crate::SwapState52;
use std::sync::Arc;
use weir_amm::{Reserves, TickList, V3Slot, V4Fees};

/// A pool's state, by protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolState {
    /// Constant product.
    V2(V2State),
    /// Concentrated liquidity in a contract of its own: Uniswap V3, PancakeSwap V3.
    V3(V3State),
    /// Concentrated liquidity in a singleton: Uniswap V4.
    V4(V4State),
}

/// State of a constant-product pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V2State {
    /// What the last `Sync` said.
    pub reserves: Reserves,
}

/// State of a V3 pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V3State {
    /// Price, tick and active liquidity.
    pub slot: V3Slot,
    /// The protocol's share of fees as in `slot0`. Uniswap: token0 in the low four bits, token1 in the four above.
    /// PancakeSwap: token0 in the low sixteen bits, token1 in the sixteen above. Quotes do not depend on it.
    pub fee_protocol: u32,
    /// The initialized ticks.
    pub ticks: Arc<TickList>,
}

/// State of a V4 pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V4State {
    /// Price, tick and active liquidity.
    pub slot: V3Slot,
    /// The fees in `slot0`.
    pub fees: V4Fees,
    /// Where `fees.lp` comes from.
    pub lp_source: LpFeeSource,
    /// The initialized ticks.
    pub ticks: Arc<TickList>,
}

/// Where the providers' fee of a V4 pool comes from: `updateDynamicLPFee` emits no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum LpFeeSource {
    /// The pool's key: it never changes.
    #[default]
    Static,
    /// Nowhere: the fee is dynamic and nothing has told it.
    Unknown,
    /// The last swap told it.
    Learned {
        /// Number of the block with that swap.
        block: u64,
    },
    /// It was read from storage.
    Read {
        /// Number of the block after which it was read.
        block: u64,
    },
}

impl LpFeeSource {
    /// Its place in the arena's digest. Block numbers are not in it: they say nothing about the pool.
    pub(crate) const fn tag(self) -> u8 {
        match self {
            Self::Static => 0,
            Self::Unknown => 1,
            Self::Learned { .. } => 2,
            Self::Read { .. } => 3,
        }
    }
}

impl PoolState {
    /// The swap state in 52 bytes.
    pub fn swap_state(&self) -> SwapState52 {
        self.core().swap_state()
    }

    pub(crate) const fn core(&self) -> Core {
        match self {
            Self::V2(state) => Core::V2(state.reserves),
            Self::V3(state) => Core::V3 { slot: state.slot, fee_protocol: state.fee_protocol },
            Self::V4(state) => {
                let V4State { slot, fees, lp_source, .. } = state;
                Core::V4 { slot: *slot, fees: *fees, lp_source: *lp_source }
            }
        }
    }

    /// Puts back a pre-image. Ticks are not in it: they are inverted.
    pub(crate) fn restore(&mut self, core: Core) {
        match (self, core) {
            (Self::V2(state), Core::V2(reserves)) => state.reserves = reserves,
            (Self::V3(state), Core::V3 { slot, fee_protocol }) => {
                state.slot = slot;
                state.fee_protocol = fee_protocol;
            }
            (Self::V4(state), Core::V4 { slot, fees, lp_source }) => {
                state.slot = slot;
                state.fees = fees;
                state.lp_source = lp_source;
            }
            (Self::V2(_) | Self::V3(_) | Self::V4(_), _) => {
                debug_assert!(false, "a pre-image is of its own pool's protocol");
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        *self = self.unknown();
    }

    /// The state of a pool of the same protocol of which nothing is known.
    pub(crate) fn unknown(&self) -> Self {
        match self {
            Self::V2(_) => Self::V2(V2State::default()),
            Self::V3(_) => Self::V3(V3State::default()),
            Self::V4(_) => Self::V4(V4State::default()),
        }
    }

    /// Price, tick and active liquidity, and the ticks, of a pool that has them.
    pub(crate) const fn concentrated_mut(&mut self) -> Option<(&mut V3Slot, &mut Arc<TickList>)> {
        match self {
            Self::V2(_) => None,
            Self::V3(state) => Some((&mut state.slot, &mut state.ticks)),
            Self::V4(state) => Some((&mut state.slot, &mut state.ticks)),
        }
    }
}

/// The part of a state that a pre-image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    V2(Reserves),
    V3 { slot: V3Slot, fee_protocol: u32 },
    V4 { slot: V3Slot, fees: V4Fees, lp_source: LpFeeSource },
}

impl Core {
    pub(crate) fn swap_state(&self) -> SwapState52 {
        match self {
            Self::V2(reserves) => SwapState52::from_v2(reserves),
            Self::V3 { slot, .. } | Self::V4 { slot, .. } => SwapState52::from_v3(slot),
        }
    }
}
