//! What a pool fixes at its creation.

use crate::{LookupError, PoolKey};
use alloy_primitives::Address;
use weir_amm::{FeePips, TickSpacing, V2Fee, V3Terms};

/// Which contract's arithmetic and events a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Uniswap V2 and forks that differ in the fee only.
    UniswapV2,
    /// Uniswap V3 and forks with the same events and arithmetic.
    UniswapV3,
}

impl Protocol {
    /// The name used in whitelists and APIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UniswapV2 => "uniswap_v2",
            Self::UniswapV3 => "uniswap_v3",
        }
    }
}

/// The unchanging facts of a pool, from a whitelist row or the factory's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PoolStatic {
    /// Its name.
    pub key: PoolKey,
    /// Its arithmetic.
    pub protocol: Protocol,
    /// The token with the lower address.
    pub token0: Address,
    /// The token with the higher address.
    pub token1: Address,
    /// Swap fee in millionths; `3000` for Uniswap V2.
    pub fee_pips: u32,
    /// Distance between usable ticks; zero for pools without ticks.
    pub tick_spacing: i32,
    /// Who created the pool; zero if unknown.
    pub factory: Address,
    /// Decimals of token0 and token1 where the source knows them. For display only.
    pub decimals: Option<(u8, u8)>,
}

/// Fee of Uniswap V2 in millionths.
pub(crate) const UNISWAP_V2_FEE_PIPS: u32 = 3000;

impl PoolStatic {
    /// Checks that the tokens are two and in order, and fee and spacing in range.
    pub fn validate(&self) -> Result<(), LookupError> {
        let is_sane = self.token0 < self.token1
            && FeePips::new(self.fee_pips).is_ok()
            && match self.protocol {
                Protocol::UniswapV2 => self.tick_spacing == 0,
                Protocol::UniswapV3 => TickSpacing::new(self.tick_spacing).is_ok(),
            };
        if is_sane { Ok(()) } else { Err(LookupError::BadStatic { pool: self.key }) }
    }

    /// Fee and spacing of a V3 pool; `None` for other protocols.
    pub fn v3_terms(&self) -> Option<V3Terms> {
        let Protocol::UniswapV3 = self.protocol else { return None };
        let fee = FeePips::new(self.fee_pips).ok()?;
        Some(V3Terms { fee, spacing: TickSpacing::new(self.tick_spacing).ok()? })
    }

    /// Fee of a constant-product pool; `None` for other protocols.
    pub fn v2_fee(&self) -> Option<V2Fee> {
        let Protocol::UniswapV2 = self.protocol else { return None };
        Some(V2Fee::from_pips(FeePips::new(self.fee_pips).ok()?))
    }
}
