//! What pool contracts tell.

use crate::PoolId;
use alloy_primitives::{Address, I256, U256};

/// One event of a pool, in the contract's own terms.
///
/// `V2Created` and `V3Created` are emitted by the factory, `V4` events by the PoolManager, `TransferShortfall` is a token's; the
/// record's key names the pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PoolEvent {
    /// `UniswapV2Factory.PairCreated`.
    V2Created {
        /// The factory.
        factory: Address,
        /// The token with the lower address.
        token0: Address,
        /// The other token.
        token1: Address,
    },
    /// `UniswapV2Pair.Sync`: the reserves, absolute.
    V2Sync {
        /// Reserve of token0, at most 112 bits.
        reserve0: u128,
        /// Reserve of token1, at most 112 bits.
        reserve1: u128,
    },
    /// `UniswapV2Pair.Swap`, after its `Sync`: evidence only.
    V2Swap {
        /// token0 received.
        amount0_in: U256,
        /// token1 received.
        amount1_in: U256,
        /// token0 sent.
        amount0_out: U256,
        /// token1 sent.
        amount1_out: U256,
    },
    /// `UniswapV2Pair.Mint`, after its `Sync`: evidence only.
    V2Mint {
        /// token0 received.
        amount0: U256,
        /// token1 received.
        amount1: U256,
    },
    /// `UniswapV2Pair.Burn`, after its `Sync`: evidence only.
    V2Burn {
        /// token0 sent.
        amount0: U256,
        /// token1 sent.
        amount1: U256,
    },
    /// `UniswapV3Factory.PoolCreated`.
    V3Created {
        /// The factory.
        factory: Address,
        /// The token with the lower address.
        token0: Address,
        /// The other token.
        token1: Address,
        /// Swap fee in millionths.
        fee_pips: u32,
        /// Distance between usable ticks.
        tick_spacing: i32,
    },
    /// `UniswapV3Pool.Initialize`.
    V3Initialize {
        /// First price, Q64.96.
        sqrt_price: U256,
        /// Its tick.
        tick: i32,
    },
    /// `UniswapV3Pool.Swap`: price, liquidity and tick are absolute.
    V3Swap {
        /// Change of the pool's token0: positive if received.
        amount0: I256,
        /// Change of the pool's token1: positive if received.
        amount1: I256,
        /// Price afterwards, Q64.96.
        sqrt_price: U256,
        /// Active liquidity afterwards.
        liquidity: u128,
        /// Stored tick afterwards.
        tick: i32,
    },
    /// `UniswapV3Pool.Mint`.
    V3Mint {
        /// Lower tick, inclusive.
        lower: i32,
        /// Upper tick, exclusive.
        upper: i32,
        /// Liquidity added.
        amount: u128,
        /// token0 received: evidence.
        amount0: U256,
        /// token1 received: evidence.
        amount1: U256,
    },
    /// `UniswapV3Pool.Burn`; an amount of zero is a poke.
    V3Burn {
        /// Lower tick, inclusive.
        lower: i32,
        /// Upper tick, exclusive.
        upper: i32,
        /// Liquidity removed.
        amount: u128,
        /// token0 owed: evidence.
        amount0: U256,
        /// token1 owed: evidence.
        amount1: U256,
    },
    /// `UniswapV3Pool.SetFeeProtocol`. The protocol's share comes out of the fee and changes no quote.
    V3SetFeeProtocol {
        /// Share of token0 fees, as `1 / n`; zero is none.
        fee_protocol0: u8,
        /// Share of token1 fees, as `1 / n`; zero is none.
        fee_protocol1: u8,
    },
    /// `PoolManager.Initialize`: creation and first price at once.
    V4Initialize {
        /// The PoolManager.
        manager: Address,
        /// The token with the lower address; zero is the chain's coin.
        token0: Address,
        /// The other token.
        token1: Address,
        /// The key's fee in millionths, or [`crate::V4_DYNAMIC_FEE`].
        fee_pips: u32,
        /// Distance between usable ticks.
        tick_spacing: i32,
        /// The hooks; zero for none.
        hooks: Address,
        /// First price, Q64.96.
        sqrt_price: U256,
        /// Its tick.
        tick: i32,
    },
    /// `PoolManager.Swap`: price, liquidity and tick are absolute. What hooks took or gave is not in the amounts.
    V4Swap {
        /// Change of the swapper's token0: negative if paid, the opposite of V3's sign.
        amount0: i128,
        /// Change of the swapper's token1: negative if paid.
        amount1: i128,
        /// Price afterwards, Q64.96.
        sqrt_price: U256,
        /// Active liquidity afterwards.
        liquidity: u128,
        /// Stored tick afterwards.
        tick: i32,
        /// The whole fee of this swap in millionths, of protocol and providers.
        fee_pips: u32,
    },
    /// `PoolManager.ModifyLiquidity`; a change of zero is a poke.
    V4ModifyLiquidity {
        /// Lower tick, inclusive.
        lower: i32,
        /// Upper tick, exclusive.
        upper: i32,
        /// Liquidity added; negative if removed.
        delta: i128,
    },
    /// `PoolManager.ProtocolFeeUpdated`: the protocol's fees, which swaps pay on top.
    V4ProtocolFeeUpdated {
        /// When token0 goes in, in millionths.
        zero_for_one: u16,
        /// When token1 goes in, in millionths.
        one_for_zero: u16,
    },
    /// `PancakeV3Pool.Swap`: as `V3Swap`, and the protocol's share of the fee.
    PancakeV3Swap {
        /// Change of the pool's token0: positive if received.
        amount0: I256,
        /// Change of the pool's token1: positive if received.
        amount1: I256,
        /// Price afterwards, Q64.96.
        sqrt_price: U256,
        /// Active liquidity afterwards.
        liquidity: u128,
        /// Stored tick afterwards.
        tick: i32,
        /// The protocol's share in token0, a part of what was paid.
        protocol_fee0: u128,
        /// The protocol's share in token1, a part of what was paid.
        protocol_fee1: u128,
    },
    /// `PancakeV3Pool.SetFeeProtocol`. The protocol's share comes out of the fee and changes no quote.
    PancakeV3SetFeeProtocol {
        /// Share of token0 fees in ten-thousandths.
        fee_protocol0: u16,
        /// Share of token1 fees in ten-thousandths.
        fee_protocol1: u16,
    },
    /// A `Transfer` of one of the pool's tokens that fell short of what was sent: the token takes a share of it, or its
    /// balances change by themselves. Evidence against the token; the pool's state is as its own events say.
    TransferShortfall {
        /// The token.
        token: Address,
        /// What was sent: by the pool, as its own event says, or to it, as the token's events say.
        sent: U256,
        /// What of it arrived: as the token's event says, or as the pool's own event says.
        arrived: U256,
    },
}

impl PoolEvent {
    /// Whether the event tells amounts that belong to the `Sync` of V2 before it.
    pub(crate) const fn is_v2_evidence(&self) -> bool {
        matches!(self, Self::V2Swap { .. } | Self::V2Mint { .. } | Self::V2Burn { .. })
    }

    /// Whether the event creates its pool.
    pub const fn is_creation(&self) -> bool {
        matches!(self, Self::V2Created { .. } | Self::V3Created { .. } | Self::V4Initialize { .. })
    }
}

/// A decoded log: which pool, and what happened to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodedEvent {
    /// The pool. Whether anyone watches it is not the decoder's business.
    pub pool: PoolId,
    /// What happened.
    pub event: PoolEvent,
}
