//! What a pool fixes at its creation.

use crate::{HookFlags, LookupError, PoolEvent, PoolId, PoolKey, transition::initial_slot};
use alloy_primitives::{Address, B256, U256, address, keccak256};
use weir_amm::{FeePips, TickSpacing, V2Fee, V3Terms};

/// Which contract's arithmetic and events a pool has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Protocol {
    /// Uniswap V2 and forks that differ in the fee only.
    UniswapV2,
    /// Uniswap V3 and forks with the same events and arithmetic.
    UniswapV3,
    /// PancakeSwap V3: Uniswap V3's arithmetic, with `Swap` and `SetFeeProtocol` events of its own.
    PancakeV3,
    /// Uniswap V4: records of a PoolManager.
    UniswapV4,
}

impl Protocol {
    /// The name used in whitelists and APIs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UniswapV2 => "uniswap_v2",
            Self::UniswapV3 => "uniswap_v3",
            Self::PancakeV3 => "pancake_v3",
            Self::UniswapV4 => "uniswap_v4",
        }
    }

    /// Which V3 fork a factory belongs to. Its creation event is the same in both: only its address tells, and for a
    /// factory not known the pool's first event that only one of them has.
    pub fn of_v3_factory(factory: &Address) -> Self {
        if *factory == PANCAKE_V3_FACTORY { Self::PancakeV3 } else { Self::UniswapV3 }
    }
}

/// `PancakeV3Factory`, at the same address on Ethereum, BNB Smart Chain, Base, Arbitrum and others.
pub(crate) const PANCAKE_V3_FACTORY: Address =
    address!("0x0BFbCF9fa4f9C56B0F40a671Ad40E0805A091865");

/// The fee by which a Uniswap V4 pool says that its hooks set the fee (`LPFeeLibrary.DYNAMIC_FEE_FLAG`).
pub const V4_DYNAMIC_FEE: u32 = 0x80_0000;

/// The unchanging facts of a pool, from a whitelist row or the factory's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PoolStatic {
    /// Its name.
    pub key: PoolKey,
    /// Its arithmetic.
    pub protocol: Protocol,
    /// The token with the lower address; in Uniswap V4 zero is the chain's coin.
    pub token0: Address,
    /// The token with the higher address.
    pub token1: Address,
    /// Swap fee in millionths; `3000` for Uniswap V2, [`V4_DYNAMIC_FEE`] if the hooks set it.
    pub fee_pips: u32,
    /// Distance between usable ticks; zero for pools without ticks.
    pub tick_spacing: i32,
    /// Who created the pool, zero if unknown; for Uniswap V4 the PoolManager that keeps it, never zero.
    pub factory: Address,
    /// The hooks of a Uniswap V4 pool; zero for none and for other protocols.
    pub hooks: Address,
    /// Decimals of token0 and token1 where the source knows them. For display only.
    pub decimals: Option<(u8, u8)>,
}

/// Fee of Uniswap V2 in millionths.
pub(crate) const UNISWAP_V2_FEE_PIPS: u32 = 3000;

impl PoolStatic {
    /// Checks that the tokens are two and in order, fee and spacing in range, and the name of the protocol's kind: the
    /// contract's address, or in Uniswap V4 the hash of these facts.
    pub fn validate(&self) -> Result<(), LookupError> {
        let is_contract = matches!(self.key.id, PoolId::Address(_)) && self.hooks.is_zero();
        let is_sane = self.token0 < self.token1
            && match self.protocol {
                Protocol::UniswapV2 => {
                    is_contract && self.tick_spacing == 0 && self.v2_fee().is_some()
                }
                Protocol::UniswapV3 | Protocol::PancakeV3 => {
                    is_contract && self.v3_terms().is_some()
                }
                Protocol::UniswapV4 => self.is_sane_v4(),
            };
        if is_sane { Ok(()) } else { Err(LookupError::BadStatic { pool: self.key }) }
    }

    fn is_sane_v4(&self) -> bool {
        let is_fee = if self.is_dynamic_fee() {
            !self.hooks.is_zero()
        } else {
            FeePips::at_most_whole(self.fee_pips).is_ok()
        };
        is_fee
            && !self.factory.is_zero()
            && TickSpacing::v4(self.tick_spacing).is_ok()
            && self.key.id == PoolId::Id(self.v4_id())
    }

    /// The id that Uniswap V4 gives to these facts: `keccak256(abi.encode(PoolKey))`.
    pub fn v4_id(&self) -> B256 {
        let (tokens, hooks) = ((self.token0, self.token1), self.hooks);
        v4_pool_id(tokens, self.fee_pips, self.tick_spacing, hooks)
    }

    /// Whether the hooks set the pool's fee.
    pub const fn is_dynamic_fee(&self) -> bool {
        self.fee_pips == V4_DYNAMIC_FEE
    }

    /// What the pool's hooks may do.
    pub fn hook_flags(&self) -> HookFlags {
        HookFlags::of(self.hooks)
    }

    /// Fee and spacing of a V3 pool; `None` for other protocols.
    pub fn v3_terms(&self) -> Option<V3Terms> {
        let (Protocol::UniswapV3 | Protocol::PancakeV3) = self.protocol else { return None };
        let fee = FeePips::new(self.fee_pips).ok()?;
        Some(V3Terms { fee, spacing: TickSpacing::new(self.tick_spacing).ok()? })
    }

    /// Fee of a constant-product pool; `None` for other protocols.
    pub fn v2_fee(&self) -> Option<V2Fee> {
        let Protocol::UniswapV2 = self.protocol else { return None };
        Some(V2Fee::from_pips(FeePips::new(self.fee_pips).ok()?))
    }
}

impl PoolStatic {
    /// The facts that a creation event states of the pool `key`, if it is one and they are possible.
    pub fn of_creation(key: PoolKey, event: &PoolEvent) -> Option<Self> {
        let statics = |factory, token0, token1| Self {
            key,
            protocol: Protocol::UniswapV2,
            token0,
            token1,
            fee_pips: UNISWAP_V2_FEE_PIPS,
            tick_spacing: 0,
            factory,
            hooks: Address::ZERO,
            decimals: None,
        };
        let statics = match *event {
            PoolEvent::V2Created { factory, token0, token1 } => statics(factory, token0, token1),
            PoolEvent::V3Created { factory, token0, token1, fee_pips, tick_spacing } => Self {
                protocol: Protocol::of_v3_factory(&factory),
                fee_pips,
                tick_spacing,
                ..statics(factory, token0, token1)
            },
            PoolEvent::V4Initialize {
                manager,
                token0,
                token1,
                fee_pips,
                tick_spacing,
                hooks,
                sqrt_price,
                tick,
            } => {
                initial_slot(sqrt_price, tick)?;
                Self {
                    protocol: Protocol::UniswapV4,
                    fee_pips,
                    tick_spacing,
                    hooks,
                    ..statics(manager, token0, token1)
                }
            }
            _ => return None,
        };
        statics.validate().is_ok().then_some(statics)
    }
}

/// `keccak256(abi.encode(PoolKey))` of v4-core's `PoolIdLibrary`; fee and spacing are within 24 bits.
pub(crate) fn v4_pool_id(
    (token0, token1): (Address, Address),
    fee_pips: u32,
    tick_spacing: i32,
    hooks: Address,
) -> B256 {
    let magnitude = U256::from(tick_spacing.unsigned_abs());
    let spacing = if tick_spacing < 0 { magnitude.wrapping_neg() } else { magnitude };
    let words = [
        token0.into_word(),
        token1.into_word(),
        B256::from(U256::from(fee_pips)),
        B256::from(spacing),
        hooks.into_word(),
    ];
    keccak256(words.concat())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::b256;

    #[test]
    fn the_id_is_that_of_a_mainnet_pool() {
        // ETH and USDC, 0.05 %, spacing 10, no hooks: the first large pool of Uniswap V4 on Ethereum.
        let usdc = address!("0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48");
        let id = v4_pool_id((Address::ZERO, usdc), 500, 10, Address::ZERO);
        let expected = b256!("0x21c67e77068de97969ba93d4aab21826d33ca12bb9f565d8496e8fda8a82ca27");
        assert_eq!(id, expected);
    }
}
