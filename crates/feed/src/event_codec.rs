//! The body of a pool event: one kind byte, then fields of fixed width.

use crate::{
    CodecError,
    wire::{FieldReader, FrameWriter},
};
use alloy_primitives::{I256, U256};
use weir_arena::{PoolEvent, PoolId};

/// Width of a V2 reserve in bits (`uint112`).
const RESERVE_BITS: u32 = 112;
/// Width of a square-root price in bits (`uint160`).
const SQRT_PRICE_BITS: usize = 160;
/// Ticks are `int24`.
const TICKS: std::ops::RangeInclusive<i32> = -(1 << 23)..=(1 << 23) - 1;
/// Fees are `uint24`.
const FEE_LIMIT: u32 = 1 << 24;
/// A V4 swap's fee, in millionths, is at most all of it.
const SWAP_FEE_MAX: u32 = 1_000_000;
/// Largest protocol fee of V4 in millionths (`ProtocolFeeLibrary.MAX_PROTOCOL_FEE`).
const PROTOCOL_FEE_MAX: u16 = 1_000;

const POOL_ADDRESS: u8 = 0;
const POOL_ID: u8 = 1;

// The kinds that `PoolEvent::write` hands out, here to be read.
const V2_CREATED: u8 = 1;
const V2_SYNC: u8 = 2;
const V2_SWAP: u8 = 3;
const V2_MINT: u8 = 4;
const V2_BURN: u8 = 5;
const V3_CREATED: u8 = 6;
const V3_INITIALIZE: u8 = 7;
const V3_SWAP: u8 = 8;
const V3_MINT: u8 = 9;
const V3_BURN: u8 = 10;
const V3_SET_FEE_PROTOCOL: u8 = 11;
const V4_INITIALIZE: u8 = 12;
const V4_SWAP: u8 = 13;
const V4_MODIFY_LIQUIDITY: u8 = 14;
const V4_PROTOCOL_FEE_UPDATED: u8 = 15;
const PANCAKE_V3_SWAP: u8 = 16;
const PANCAKE_V3_SET_FEE_PROTOCOL: u8 = 17;
const TRANSFER_SHORTFALL: u8 = 18;

/// Kind byte and 32 bytes: an address comes first in them and is followed by twelve zero bytes.
pub(crate) fn write_pool(pool: &PoolId, out: &mut FrameWriter<'_>) {
    match pool {
        PoolId::Address(address) => out.u8(POOL_ADDRESS).bytes(address.as_slice()).bytes(&[0; 12]),
        PoolId::Id(id) => out.u8(POOL_ID).bytes(id.as_slice()),
    };
}

pub(crate) fn read_pool(fields: &mut FieldReader<'_>) -> Result<PoolId, CodecError> {
    match fields.u8()? {
        POOL_ADDRESS => {
            let address = fields.address()?;
            let is_padded = fields.array::<12>()? == [0; 12];
            is_padded
                .then_some(PoolId::Address(address))
                .ok_or(CodecError::Padding { field: "pool" })
        }
        POOL_ID => fields.hash().map(PoolId::Id),
        other => Err(CodecError::UnknownValue { field: "pool_kind", value: other.into() }),
    }
}

pub(crate) fn write_event(event: &PoolEvent, out: &mut FrameWriter<'_>) {
    event.write(&mut |field| {
        out.bytes(field);
    });
}

pub(crate) fn read_event(fields: &mut FieldReader<'_>) -> Result<PoolEvent, CodecError> {
    Ok(match fields.u8()? {
        V2_CREATED => PoolEvent::V2Created {
            factory: fields.address()?,
            token0: fields.address()?,
            token1: fields.address()?,
        },
        V2_SYNC => PoolEvent::V2Sync { reserve0: reserve(fields)?, reserve1: reserve(fields)? },
        V2_SWAP => PoolEvent::V2Swap {
            amount0_in: fields.u256()?,
            amount1_in: fields.u256()?,
            amount0_out: fields.u256()?,
            amount1_out: fields.u256()?,
        },
        V2_MINT => PoolEvent::V2Mint { amount0: fields.u256()?, amount1: fields.u256()? },
        V2_BURN => PoolEvent::V2Burn { amount0: fields.u256()?, amount1: fields.u256()? },
        V3_CREATED => PoolEvent::V3Created {
            factory: fields.address()?,
            token0: fields.address()?,
            token1: fields.address()?,
            fee_pips: fee(fields)?,
            tick_spacing: tick(fields, "tick_spacing")?,
        },
        V3_INITIALIZE => {
            PoolEvent::V3Initialize { sqrt_price: sqrt_price(fields)?, tick: tick(fields, "tick")? }
        }
        V3_SWAP => PoolEvent::V3Swap {
            amount0: I256::from_raw(fields.u256()?),
            amount1: I256::from_raw(fields.u256()?),
            sqrt_price: sqrt_price(fields)?,
            liquidity: fields.u128()?,
            tick: tick(fields, "tick")?,
        },
        V3_MINT => PoolEvent::V3Mint {
            lower: tick(fields, "lower")?,
            upper: tick(fields, "upper")?,
            amount: fields.u128()?,
            amount0: fields.u256()?,
            amount1: fields.u256()?,
        },
        V3_BURN => PoolEvent::V3Burn {
            lower: tick(fields, "lower")?,
            upper: tick(fields, "upper")?,
            amount: fields.u128()?,
            amount0: fields.u256()?,
            amount1: fields.u256()?,
        },
        V3_SET_FEE_PROTOCOL => {
            PoolEvent::V3SetFeeProtocol { fee_protocol0: fields.u8()?, fee_protocol1: fields.u8()? }
        }
        kind => read_later_event(kind, fields)?,
    })
}

/// The kinds that were added after the first ones: V4, PancakeSwap, tokens.
fn read_later_event(kind: u8, fields: &mut FieldReader<'_>) -> Result<PoolEvent, CodecError> {
    Ok(match kind {
        V4_INITIALIZE => PoolEvent::V4Initialize {
            manager: fields.address()?,
            token0: fields.address()?,
            token1: fields.address()?,
            fee_pips: fee(fields)?,
            tick_spacing: tick(fields, "tick_spacing")?,
            hooks: fields.address()?,
            sqrt_price: sqrt_price(fields)?,
            tick: tick(fields, "tick")?,
        },
        V4_SWAP => PoolEvent::V4Swap {
            amount0: fields.i128()?,
            amount1: fields.i128()?,
            sqrt_price: sqrt_price(fields)?,
            liquidity: fields.u128()?,
            tick: tick(fields, "tick")?,
            fee_pips: swap_fee(fields)?,
        },
        V4_MODIFY_LIQUIDITY => PoolEvent::V4ModifyLiquidity {
            lower: tick(fields, "lower")?,
            upper: tick(fields, "upper")?,
            delta: fields.i128()?,
        },
        V4_PROTOCOL_FEE_UPDATED => PoolEvent::V4ProtocolFeeUpdated {
            zero_for_one: protocol_fee(fields)?,
            one_for_zero: protocol_fee(fields)?,
        },
        PANCAKE_V3_SWAP => PoolEvent::PancakeV3Swap {
            amount0: I256::from_raw(fields.u256()?),
            amount1: I256::from_raw(fields.u256()?),
            sqrt_price: sqrt_price(fields)?,
            liquidity: fields.u128()?,
            tick: tick(fields, "tick")?,
            protocol_fee0: fields.u128()?,
            protocol_fee1: fields.u128()?,
        },
        PANCAKE_V3_SET_FEE_PROTOCOL => PoolEvent::PancakeV3SetFeeProtocol {
            fee_protocol0: fields.u16()?,
            fee_protocol1: fields.u16()?,
        },
        TRANSFER_SHORTFALL => PoolEvent::TransferShortfall {
            token: fields.address()?,
            sent: fields.u256()?,
            arrived: fields.u256()?,
        },
        other => {
            let value = other.into();
            return Err(CodecError::UnknownValue { field: "event_kind", value });
        }
    })
}

fn reserve(fields: &mut FieldReader<'_>) -> Result<u128, CodecError> {
    let value = fields.u128()?;
    let is_in_range = value >> RESERVE_BITS == 0;
    is_in_range.then_some(value).ok_or(CodecError::OutOfRange { field: "reserve" })
}

fn sqrt_price(fields: &mut FieldReader<'_>) -> Result<U256, CodecError> {
    let value = fields.u256()?;
    let is_in_range = value.bit_len() <= SQRT_PRICE_BITS;
    is_in_range.then_some(value).ok_or(CodecError::OutOfRange { field: "sqrt_price" })
}

pub(crate) fn tick(fields: &mut FieldReader<'_>, field: &'static str) -> Result<i32, CodecError> {
    let value = fields.i32()?;
    TICKS.contains(&value).then_some(value).ok_or(CodecError::OutOfRange { field })
}

pub(crate) fn fee(fields: &mut FieldReader<'_>) -> Result<u32, CodecError> {
    let value = fields.u32()?;
    (value < FEE_LIMIT).then_some(value).ok_or(CodecError::OutOfRange { field: "fee_pips" })
}

fn swap_fee(fields: &mut FieldReader<'_>) -> Result<u32, CodecError> {
    let value = fields.u32()?;
    (value <= SWAP_FEE_MAX).then_some(value).ok_or(CodecError::OutOfRange { field: "fee_pips" })
}

fn protocol_fee(fields: &mut FieldReader<'_>) -> Result<u16, CodecError> {
    let value = fields.u16()?;
    let is_in_range = value <= PROTOCOL_FEE_MAX;
    is_in_range.then_some(value).ok_or(CodecError::OutOfRange { field: "protocol_fee" })
}
