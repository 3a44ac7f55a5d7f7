//! Logs to pool events.

use crate::{DecodedEvent, PoolEvent, PoolId, abi, abi::Words, pool_static::v4_pool_id};
use alloy_primitives::{Address, B256, Log};
use weir_amm::{MAX_FEE_PIPS, V4Fees};

/// A log that carries the signature of a pool event but not its data.
///
/// From a watched address this is an alarm: the caller counts it, and the pool cannot be trusted any more. From any
/// other address it is somebody else's event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The number of topics or the length of the data differs from the event's.
    #[error(
        "log has the wrong shape: address={address} topic0={topic0} topics={topics} bytes={bytes}"
    )]
    Shape {
        /// Who emitted it.
        address: Address,
        /// The event's signature hash.
        topic0: B256,
        /// Indexed arguments found.
        topics: usize,
        /// Bytes of data found.
        bytes: usize,
    },
    /// A value is wider than its type.
    #[error("log holds a value out of range: address={address} topic0={topic0} word={word}")]
    OutOfRange {
        /// Who emitted it.
        address: Address,
        /// The event's signature hash.
        topic0: B256,
        /// The value.
        word: B256,
    },
    /// A PoolManager's id is not the hash of the key beside it.
    #[error("pool id is not the hash of its key: address={address} id={id}")]
    PoolId {
        /// Who emitted it.
        address: Address,
        /// The id.
        id: B256,
    },
}

impl DecodeError {
    /// Who emitted the log.
    pub const fn address(&self) -> Address {
        match self {
            Self::Shape { address, .. }
            | Self::OutOfRange { address, .. }
            | Self::PoolId { address, .. } => *address,
        }
    }
}

/// First topics of the logs that create pools: V2's `PairCreated`, V3's `PoolCreated` and V4's `Initialize`.
pub const CREATION_TOPICS: [B256; 3] = [abi::V2_CREATED, abi::V3_CREATED, abi::V4_INITIALIZE];

type Decoder = fn(&Log) -> Result<DecodedEvent, DecodeError>;

/// The event in a log: `None` if its signature is no pool event that changes state or gives evidence.
///
/// The signature is looked at first; topics, length and the width of every value must then be exact.
#[inline]
pub fn decode(log: &Log) -> Result<Option<DecodedEvent>, DecodeError> {
    match log.topics().first().and_then(decoder) {
        Some(decoder) => decoder(log).map(Some),
        None => Ok(None),
    }
}

/// The decoder for a signature, found by its first four bytes, which differ among the events.
#[inline]
fn decoder(topic0: &B256) -> Option<Decoder> {
    let (signature, decoder): (B256, Decoder) = match topic0.0[..4] {
        [0x0d, 0x36, 0x48, 0xbd] => (abi::V2_CREATED, v2_created),
        [0x1c, 0x41, 0x1e, 0x9a] => (abi::V2_SYNC, v2_sync),
        [0xd7, 0x8a, 0xd9, 0x5f] => (abi::V2_SWAP, v2_swap),
        [0x4c, 0x20, 0x9b, 0x5f] => (abi::V2_MINT, v2_mint),
        [0xdc, 0xcd, 0x41, 0x2f] => (abi::V2_BURN, v2_burn),
        [0x78, 0x3c, 0xca, 0x1c] => (abi::V3_CREATED, v3_created),
        [0x98, 0x63, 0x60, 0x36] => (abi::V3_INITIALIZE, v3_initialize),
        [0xc4, 0x20, 0x79, 0xf9] => (abi::V3_SWAP, v3_swap),
        [0x7a, 0x53, 0x08, 0x0b] => (abi::V3_MINT, v3_mint),
        [0x0c, 0x39, 0x6c, 0xd9] => (abi::V3_BURN, v3_burn),
        [0x97, 0x3d, 0x8d, 0x92] => (abi::V3_SET_FEE_PROTOCOL, v3_set_fee_protocol),
        [0xdd, 0x46, 0x6e, 0x67] => (abi::V4_INITIALIZE, v4_initialize),
        [0x40, 0xe9, 0xce, 0xcb] => (abi::V4_SWAP, v4_swap),
        [0xf2, 0x08, 0xf4, 0x91] => (abi::V4_MODIFY_LIQUIDITY, v4_modify_liquidity),
        [0xe9, 0xc4, 0x25, 0x93] => (abi::V4_PROTOCOL_FEE_UPDATED, v4_protocol_fee_updated),
        [0x19, 0xb4, 0x72, 0x79] => (abi::PANCAKE_V3_SWAP, pancake_v3_swap),
        [0xb3, 0x15, 0x9f, 0xed] => (abi::PANCAKE_V3_SET_FEE_PROTOCOL, pancake_v3_set_fee_protocol),
        _ => return None,
    };
    (signature == *topic0).then_some(decoder)
}

#[inline]
fn by_emitter(log: &Log, event: PoolEvent) -> DecodedEvent {
    DecodedEvent { pool: PoolId::Address(log.address), event }
}

fn v2_created(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 2)?;
    let token0 = words.address(words.topic(0))?;
    let token1 = words.address(words.topic(1))?;
    let pool = PoolId::Address(words.address(words.word(0))?);
    Ok(DecodedEvent { pool, event: PoolEvent::V2Created { factory: log.address, token0, token1 } })
}

fn v2_sync(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 0, 2)?;
    let reserve0 = words.uint(words.word(0), 112)?;
    let reserve1 = words.uint(words.word(1), 112)?;
    Ok(by_emitter(log, PoolEvent::V2Sync { reserve0, reserve1 }))
}

fn v2_swap(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 4)?;
    let event = PoolEvent::V2Swap {
        amount0_in: words.u256(0),
        amount1_in: words.u256(1),
        amount0_out: words.u256(2),
        amount1_out: words.u256(3),
    };
    Ok(by_emitter(log, event))
}

fn v2_mint(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 1, 2)?;
    let event = PoolEvent::V2Mint { amount0: words.u256(0), amount1: words.u256(1) };
    Ok(by_emitter(log, event))
}

fn v2_burn(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 2)?;
    let event = PoolEvent::V2Burn { amount0: words.u256(0), amount1: words.u256(1) };
    Ok(by_emitter(log, event))
}

fn v3_created(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 3, 2)?;
    let event = PoolEvent::V3Created {
        factory: log.address,
        token0: words.address(words.topic(0))?,
        token1: words.address(words.topic(1))?,
        fee_pips: words.uint(words.topic(2), 24)? as u32,
        tick_spacing: words.int24(words.word(0))?,
    };
    Ok(DecodedEvent { pool: PoolId::Address(words.address(words.word(1))?), event })
}

fn v3_initialize(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 0, 2)?;
    let tick = words.int24(words.word(1))?;
    Ok(by_emitter(log, PoolEvent::V3Initialize { sqrt_price: words.uint160(0)?, tick }))
}

fn v3_swap(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 5)?;
    let event = PoolEvent::V3Swap {
        amount0: words.i256(0),
        amount1: words.i256(1),
        sqrt_price: words.uint160(2)?,
        liquidity: words.uint(words.word(3), 128)?,
        tick: words.int24(words.word(4))?,
    };
    Ok(by_emitter(log, event))
}

fn v3_mint(log: &Log) -> Result<DecodedEvent, DecodeError> {
    // The sender is the first word of the data.
    let words = Words::new(log, 3, 4)?;
    let event = PoolEvent::V3Mint {
        lower: words.int24(words.topic(1))?,
        upper: words.int24(words.topic(2))?,
        amount: words.uint(words.word(1), 128)?,
        amount0: words.u256(2),
        amount1: words.u256(3),
    };
    Ok(by_emitter(log, event))
}

fn v3_burn(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 3, 3)?;
    let event = PoolEvent::V3Burn {
        lower: words.int24(words.topic(1))?,
        upper: words.int24(words.topic(2))?,
        amount: words.uint(words.word(0), 128)?,
        amount0: words.u256(1),
        amount1: words.u256(2),
    };
    Ok(by_emitter(log, event))
}

fn v3_set_fee_protocol(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 0, 4)?;
    for index in 0..2 {
        words.uint(words.word(index), 8)?;
    }
    let event = PoolEvent::V3SetFeeProtocol {
        fee_protocol0: words.uint(words.word(2), 8)? as u8,
        fee_protocol1: words.uint(words.word(3), 8)? as u8,
    };
    Ok(by_emitter(log, event))
}

#[inline]
fn by_id(id: B256, event: PoolEvent) -> DecodedEvent {
    DecodedEvent { pool: PoolId::Id(id), event }
}

fn v4_initialize(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 3, 5)?;
    let (id, manager) = (words.topic(0), log.address);
    let (token0, token1) = (words.address(words.topic(1))?, words.address(words.topic(2))?);
    let fee_pips = words.uint(words.word(0), 24)? as u32;
    let tick_spacing = words.int24(words.word(1))?;
    let hooks = words.address(words.word(2))?;
    if v4_pool_id((token0, token1), fee_pips, tick_spacing, hooks) != id {
        return Err(DecodeError::PoolId { address: manager, id });
    }
    let event = PoolEvent::V4Initialize {
        manager,
        token0,
        token1,
        fee_pips,
        tick_spacing,
        hooks,
        sqrt_price: words.uint160(3)?,
        tick: words.int24(words.word(4))?,
    };
    Ok(by_id(id, event))
}

fn v4_swap(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 6)?;
    let fee_pips = words.uint(words.word(5), 24)? as u32;
    if fee_pips > MAX_FEE_PIPS {
        return Err(words.out_of_range(words.word(5)));
    }
    let event = PoolEvent::V4Swap {
        amount0: words.int128(words.word(0))?,
        amount1: words.int128(words.word(1))?,
        sqrt_price: words.uint160(2)?,
        liquidity: words.uint(words.word(3), 128)?,
        tick: words.int24(words.word(4))?,
        fee_pips,
    };
    Ok(by_id(words.topic(0), event))
}

fn v4_modify_liquidity(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 4)?;
    let event = PoolEvent::V4ModifyLiquidity {
        lower: words.int24(words.word(0))?,
        upper: words.int24(words.word(1))?,
        // An `int256` that the contract has narrowed to `int128` before.
        delta: words.int128(words.word(2))?,
    };
    Ok(by_id(words.topic(0), event))
}

fn v4_protocol_fee_updated(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 1, 1)?;
    let packed = words.uint(words.word(0), 24)?;
    let (zero_for_one, one_for_zero) = ((packed & 0xfff) as u16, (packed >> 12) as u16);
    if zero_for_one.max(one_for_zero) > V4Fees::MAX_PROTOCOL_PIPS {
        return Err(words.out_of_range(words.word(0)));
    }
    Ok(by_id(words.topic(0), PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero }))
}

fn pancake_v3_swap(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 2, 7)?;
    let event = PoolEvent::PancakeV3Swap {
        amount0: words.i256(0),
        amount1: words.i256(1),
        sqrt_price: words.uint160(2)?,
        liquidity: words.uint(words.word(3), 128)?,
        tick: words.int24(words.word(4))?,
        protocol_fee0: words.uint(words.word(5), 128)?,
        protocol_fee1: words.uint(words.word(6), 128)?,
    };
    Ok(by_emitter(log, event))
}

fn pancake_v3_set_fee_protocol(log: &Log) -> Result<DecodedEvent, DecodeError> {
    let words = Words::new(log, 0, 4)?;
    for index in 0..2 {
        words.uint(words.word(index), 32)?;
    }
    // `uint32` in the event, at most 4000 in the contract, which packs both into 32 bits.
    let event = PoolEvent::PancakeV3SetFeeProtocol {
        fee_protocol0: words.uint(words.word(2), 16)? as u16,
        fee_protocol1: words.uint(words.word(3), 16)? as u16,
    };
    Ok(by_emitter(log, event))
}
