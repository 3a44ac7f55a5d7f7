//! The values that determine a pool's next swap.

use crate::SwapState52;
use std::sync::Arc;
use weir_amm::{Reserves, TickList, V3Slot};

/// A pool's state, by protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PoolState {
    /// Constant product.
    V2(V2State),
    /// Concentrated liquidity.
    V3(V3State),
}

/// State of a constant-product pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct V2State {
    /// What the last `Sync` said.
    pub reserves: Reserves,
}

/// State of a concentrated-liquidity pool.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct V3State {
    /// Price, tick and active liquidity.
    pub slot: V3Slot,
    /// The protocol's share of fees as in `slot0`: token0 in the low four bits, token1 in the high four. Quotes do not
    /// depend on it.
    pub fee_protocol: u8,
    /// The initialized ticks.
    pub ticks: Arc<TickList>,
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
            (Self::V2(_), Core::V3 { .. }) | (Self::V3(_), Core::V2(_)) => {
                debug_assert!(false, "a pre-image is of its own pool's protocol");
            }
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        match self {
            Self::V2(state) => *state = V2State::default(),
            Self::V3(state) => *state = V3State::default(),
        }
    }
}

/// The part of a state that a pre-image holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Core {
    V2(Reserves),
    V3 { slot: V3Slot, fee_protocol: u8 },
}

impl Core {
    pub(crate) fn swap_state(&self) -> SwapState52 {
        match self {
            Self::V2(reserves) => SwapState52::from_v2(reserves),
            Self::V3 { slot, .. } => SwapState52::from_v3(slot),
        }
    }
}
