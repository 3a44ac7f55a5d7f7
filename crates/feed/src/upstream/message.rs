//! Upstream's messages (`ControlMessage`), as values.

use super::{
    UpstreamError, UpstreamFluid, UpstreamUpdate,
    bincode::{Bincode, Input, bincode_enum, bincode_struct},
};
use alloy_primitives::{Address, B256, U256};

/// A message of upstream's socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamMessage {
    /// A whitelist. The type exists; it is not sent.
    UpdateWhitelist {
        /// Name of the chain.
        chain: String,
        /// When it was made.
        generated_at: String,
        /// The pools.
        pools: Vec<UpstreamPoolMetadata>,
    },
    /// A block begins.
    BeginBlock {
        /// Number of the message, rising by one.
        stream_seq: u64,
        /// Number of the block.
        block_number: u64,
        /// Timestamp of the block in seconds.
        block_timestamp: u64,
        /// Base fee in wei per gas.
        base_fee_per_gas: u64,
        /// Whether the block is taken back: its updates follow last first.
        is_revert: bool,
    },
    /// A pool changed.
    PoolUpdate {
        /// Number of the message.
        stream_seq: u64,
        /// What happened.
        event: UpstreamEvent,
    },
    /// A block ends.
    EndBlock {
        /// Number of the message.
        stream_seq: u64,
        /// Number of the block.
        block_number: u64,
        /// How many updates there were.
        num_updates: u64,
    },
    /// The producer lives.
    Ping,
    /// The answer to it.
    Pong,
    /// A reorg begins.
    ReorgStart {
        /// Number of the message.
        stream_seq: u64,
        /// Blocks that leave.
        old_range: UpstreamRange,
        /// Blocks that join.
        new_range: UpstreamRange,
    },
    /// A pool's state after a reorg.
    ReorgEpilogue {
        /// Number of the message.
        stream_seq: u64,
        /// Number of the tip.
        final_tip_block: u64,
        /// Timestamp of the tip in seconds.
        final_tip_timestamp: u64,
        /// The state.
        update: UpstreamEpilogue,
    },
    /// A reorg is complete.
    ReorgComplete {
        /// Number of the message.
        stream_seq: u64,
        /// Number of the tip.
        final_tip_block: u64,
    },
}

bincode_enum!(UpstreamMessage {
    0 => UpdateWhitelist { chain, generated_at, pools },
    1 => BeginBlock { stream_seq, block_number, block_timestamp, base_fee_per_gas, is_revert },
    2 => PoolUpdate { stream_seq, event },
    3 => EndBlock { stream_seq, block_number, num_updates },
    4 => Ping {},
    5 => Pong {},
    6 => ReorgStart { stream_seq, old_range, new_range },
    7 => ReorgEpilogue { stream_seq, final_tip_block, final_tip_timestamp, update },
    8 => ReorgComplete { stream_seq, final_tip_block },
});

/// A pool's change and its place (`PoolUpdateMessage`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamEvent {
    /// The pool.
    pub pool_id: UpstreamPool,
    /// Its protocol.
    pub protocol: UpstreamProtocol,
    /// The kind of event behind it.
    pub update_type: UpstreamUpdateType,
    /// Number of the block.
    pub block_number: u64,
    /// Timestamp of the block in seconds.
    pub block_timestamp: u64,
    /// Index of the transaction in the block.
    pub tx_index: u64,
    /// Index of the log: upstream's producer counts within the receipt, ours within the block.
    pub log_index: u64,
    /// Whether the inverse is to be applied.
    pub is_revert: bool,
    /// The change.
    pub update: UpstreamUpdate,
}

bincode_struct!(UpstreamEvent {
    pool_id,
    protocol,
    update_type,
    block_number,
    block_timestamp,
    tx_index,
    log_index,
    is_revert,
    update
});

/// A pool (`PoolIdentifier`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamPool {
    /// A contract.
    Address {
        /// Its address.
        address: Address,
    },
    /// A record of a singleton.
    PoolId {
        /// Its id.
        id: B256,
    },
}

bincode_enum!(UpstreamPool { 0 => Address { address }, 1 => PoolId { id } });

/// Which contract a pool is of (`Protocol`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamProtocol {
    /// Uniswap V2.
    UniswapV2,
    /// Uniswap V3.
    UniswapV3,
    /// Uniswap V4.
    UniswapV4,
    /// Ekubo.
    Ekubo,
    /// Curve StableSwap.
    CurveStable,
    /// Curve TwoCrypto.
    CurveTwoCrypto,
    /// Curve Tricrypto.
    CurveTricrypto,
    /// Balancer V2, weighted.
    BalancerV2Weighted,
    /// Fluid.
    Fluid,
}

bincode_enum!(UpstreamProtocol {
    0 => UniswapV2 {}, 1 => UniswapV3 {}, 2 => UniswapV4 {}, 3 => Ekubo {}, 4 => CurveStable {},
    5 => CurveTwoCrypto {}, 6 => CurveTricrypto {}, 7 => BalancerV2Weighted {}, 8 => Fluid {},
});

/// The kind of event behind a change (`UpdateType`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UpstreamUpdateType {
    /// A swap, and anything that is neither of the others.
    Swap,
    /// Liquidity was added.
    Mint,
    /// Liquidity was taken away.
    Burn,
}

bincode_enum!(UpstreamUpdateType { 0 => Swap {}, 1 => Mint {}, 2 => Burn {} });

/// Blocks of a reorg (`ReorgRange`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct UpstreamRange {
    /// Number of the lowest, if there is one.
    pub first: Option<u64>,
    /// Number of the highest, if there is one.
    pub last: Option<u64>,
    /// How many.
    pub block_count: u64,
}

bincode_struct!(UpstreamRange { first, last, block_count });

/// A pool's state after a reorg (`ReorgEpilogueUpdate`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UpstreamEpilogue {
    /// Price, liquidity and tick.
    Slot0Final {
        /// The pool.
        pool_id: UpstreamPool,
        /// Its protocol.
        protocol: UpstreamProtocol,
        /// The state.
        state: UpstreamSlot0,
    },
    /// Fluid's reserves.
    FluidStateFinal {
        /// The pool.
        pool_id: UpstreamPool,
        /// The state.
        state: UpstreamFluid,
    },
    /// Reserves of a constant-product pool.
    V2ReservesFinal {
        /// The pool.
        pool_id: UpstreamPool,
        /// Reserve of token0.
        reserve0: u128,
        /// Reserve of token1.
        reserve1: u128,
    },
}

bincode_enum!(UpstreamEpilogue {
    0 => Slot0Final { pool_id, protocol, state },
    1 => FluidStateFinal { pool_id, state },
    2 => V2ReservesFinal { pool_id, reserve0, reserve1 },
});

/// State of a concentrated-liquidity pool (`Slot0State`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamSlot0 {
    /// Price, Q64.96.
    pub sqrt_price_x96: U256,
    /// Active liquidity.
    pub liquidity: u128,
    /// Stored tick.
    pub tick: i32,
}

bincode_struct!(UpstreamSlot0 { sqrt_price_x96, liquidity, tick });

/// A token of a whitelisted pool (`TokenMetadata`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UpstreamToken {
    /// Its contract.
    pub address: Address,
    /// Its decimals.
    pub decimals: u8,
}

bincode_struct!(UpstreamToken { address, decimals });

/// A pool of a whitelist (`PoolMetadata`).
///
/// Upstream's writer leaves absent values at the end out, tag and all, which its own reader cannot read. Here every
/// optional value has its tag, as the reader expects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UpstreamPoolMetadata {
    /// The pool.
    pub pool_id: UpstreamPool,
    /// First token.
    pub token0: Address,
    /// Second token.
    pub token1: Address,
    /// Its protocol.
    pub protocol: UpstreamProtocol,
    /// Who created it.
    pub factory: Address,
    /// Distance between usable ticks.
    pub tick_spacing: Option<i32>,
    /// Swap fee in millionths.
    pub fee: Option<u32>,
    /// Decimals of the first token.
    pub token0_decimals: Option<u8>,
    /// Decimals of the second token.
    pub token1_decimals: Option<u8>,
    /// Further tokens.
    pub extra_tokens: Vec<UpstreamToken>,
    /// Storage layout of a TwoCrypto pool.
    pub twocrypto_version: Option<String>,
    /// Fee of an Ekubo pool, 0.64 fixed point.
    pub ekubo_fee: Option<u64>,
    /// Configuration of an Ekubo pool.
    pub ekubo_type_config: Option<u32>,
    /// Weights of a Balancer pool in 1e18.
    pub balancer_weights: Option<Vec<u64>>,
    /// Swap fee of a Balancer pool in 1e18.
    pub balancer_swap_fee: Option<u64>,
    /// Implementation of a Balancer pool.
    pub balancer_version: Option<String>,
}

bincode_struct!(UpstreamPoolMetadata {
    pool_id,
    token0,
    token1,
    protocol,
    factory,
    tick_spacing,
    fee,
    token0_decimals,
    token1_decimals,
    extra_tokens,
    twocrypto_version,
    ekubo_fee,
    ekubo_type_config,
    balancer_weights,
    balancer_swap_fee,
    balancer_version
});
