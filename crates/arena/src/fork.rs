//! Which V3 fork a pool is of: the creation event does not say.

use crate::{Pool, PoolEvent, PoolState, Protocol};
use std::sync::Arc;

/// The fork whose own event this is; `None` for events that all forks have.
const fn fork_of(event: &PoolEvent) -> Option<Protocol> {
    match event {
        PoolEvent::V3Swap { .. } | PoolEvent::V3SetFeeProtocol { .. } => Some(Protocol::UniswapV3),
        PoolEvent::PancakeV3Swap { .. } | PoolEvent::PancakeV3SetFeeProtocol { .. } => {
            Some(Protocol::PancakeV3)
        }
        _ => None,
    }
}

/// `slot0.feeProtocol` that PancakeSwap's `initialize` sets: 3300, 3400 or 3200 ten-thousandths in both halves.
pub(crate) const fn pancake_fee_protocol(fee_pips: u32) -> u32 {
    const fn both(share: u32) -> u32 {
        share | (share << 16)
    }
    match fee_pips {
        100 => both(3_300),
        500 => both(3_400),
        _ => both(3_200),
    }
}

impl Pool {
    /// Takes note of the fork that an event tells. `false` if the pool is known to be of another.
    ///
    /// A pool of a whitelist or of a known factory is of the fork they say. Of any other it is assumed to be Uniswap's
    /// until the first event that only one fork has.
    pub(crate) fn settle_fork(&mut self, event: &PoolEvent) -> bool {
        let Some(fork) = fork_of(event) else { return true };
        if fork == self.statics.protocol {
            self.is_fork_settled = true;
            return true;
        }
        if self.is_fork_settled {
            return false;
        }
        Arc::make_mut(&mut self.statics).protocol = fork;
        self.is_fork_settled = true;
        let fee_pips = self.statics.fee_pips;
        if let PoolState::V3(state) = &mut self.state
            && fork == Protocol::PancakeV3
        {
            state.fee_protocol = pancake_fee_protocol(fee_pips);
        }
        true
    }
}
