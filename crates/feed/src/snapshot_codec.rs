//! Snapshots to bytes and back.

use crate::{
    CodecError, FeedPool, FeedSnapshot, Message, PoolFees, SnapshotBegin, SnapshotEnd,
    SnapshotFeeSource, SnapshotPool, SnapshotTick,
    codec::encode,
    event_codec::{fee, read_pool, tick, write_pool},
    wire::{FieldReader, FrameWriter},
};
use alloy_primitives::B256;
use sha2::{Digest, Sha256};
use weir_arena::{PoolStatus, Protocol, SwapState52};

const UNISWAP_V2: u8 = 1;
const UNISWAP_V3: u8 = 2;
const PANCAKE_V3: u8 = 3;
const UNISWAP_V4: u8 = 4;
/// Uniswap V3 by assumption.
const ASSUMED_V3: u8 = 5;
/// Beside a status: the lower token delivers less than is sent.
const SHORT_TOKEN0: u8 = 0x40;
/// The same of the higher token.
const SHORT_TOKEN1: u8 = 0x80;

pub(crate) fn write_snapshot_begin(begin: &SnapshotBegin, out: &mut FrameWriter<'_>) {
    out.u64(begin.chain_id).u64(begin.epoch).u64(begin.next_seq).block(&begin.block);
    out.u32(begin.pools);
}

pub(crate) fn read_snapshot_begin(
    fields: &mut FieldReader<'_>,
) -> Result<SnapshotBegin, CodecError> {
    Ok(SnapshotBegin {
        chain_id: fields.u64()?,
        epoch: fields.u64()?,
        next_seq: fields.u64()?,
        block: fields.block()?,
        pools: fields.u32()?,
    })
}

pub(crate) fn write_snapshot_pool(pool: &SnapshotPool, out: &mut FrameWriter<'_>) {
    out.u32(pool.index);
    write_pool(&pool.pool, out);
    out.u8(protocol_code(pool)).u8(status_code(pool));
    for address in [pool.token0, pool.token1, pool.factory, pool.hooks] {
        out.bytes(address.as_slice());
    }
    out.u32(pool.fee_pips).i32(pool.tick_spacing);
    let (decimals0, decimals1) = pool.decimals.unwrap_or_default();
    out.u8(u8::from(pool.decimals.is_some())).u8(decimals0).u8(decimals1);
    out.bytes(&pool.state.0);
    // The fee has 24 bits; the fourth byte says where it is from.
    out.u32(pool.fees.lp | (u32::from(pool.fees.lp_source as u8) << 24));
    out.u32(pool.fees.protocol0).u32(pool.fees.protocol1).u32(pool.ticks);
}

pub(crate) fn read_snapshot_pool(fields: &mut FieldReader<'_>) -> Result<SnapshotPool, CodecError> {
    let (index, pool) = (fields.u32()?, read_pool(fields)?);
    let (protocol, is_fork_settled) = read_protocol(fields.u8()?)?;
    let status = fields.u8()?;
    Ok(SnapshotPool {
        index,
        pool,
        protocol,
        is_fork_settled,
        status: read_status(status & !(SHORT_TOKEN0 | SHORT_TOKEN1))?,
        falls_short: (status & SHORT_TOKEN0 != 0, status & SHORT_TOKEN1 != 0),
        token0: fields.address()?,
        token1: fields.address()?,
        factory: fields.address()?,
        hooks: fields.address()?,
        fee_pips: fee(fields)?,
        tick_spacing: tick(fields, "tick_spacing")?,
        decimals: read_decimals(fields)?,
        state: SwapState52(fields.array()?),
        fees: read_fees(fields)?,
        ticks: fields.u32()?,
    })
}

fn read_fees(fields: &mut FieldReader<'_>) -> Result<PoolFees, CodecError> {
    let lp = fields.u32()?;
    let lp_source = match lp >> 24 {
        0 => SnapshotFeeSource::Static,
        1 => SnapshotFeeSource::Unknown,
        2 => SnapshotFeeSource::Learned,
        3 => SnapshotFeeSource::Read,
        other => {
            return Err(CodecError::UnknownValue { field: "lp_source", value: other.into() });
        }
    };
    let (protocol0, protocol1) = (fields.u32()?, fields.u32()?);
    Ok(PoolFees { lp: lp & 0xff_ffff, lp_source, protocol0, protocol1 })
}

pub(crate) fn write_snapshot_tick(tick: &SnapshotTick, out: &mut FrameWriter<'_>) {
    out.u32(tick.pool).u32(tick.index).i32(tick.tick).u128(tick.gross);
    out.bytes(&tick.net.to_le_bytes());
}

pub(crate) fn read_snapshot_tick(fields: &mut FieldReader<'_>) -> Result<SnapshotTick, CodecError> {
    Ok(SnapshotTick {
        pool: fields.u32()?,
        index: fields.u32()?,
        tick: tick(fields, "tick")?,
        gross: fields.u128()?,
        net: fields.array().map(i128::from_le_bytes)?,
    })
}

const fn protocol_code(pool: &SnapshotPool) -> u8 {
    match pool.protocol {
        Protocol::UniswapV2 => UNISWAP_V2,
        Protocol::UniswapV3 if pool.is_fork_settled => UNISWAP_V3,
        Protocol::UniswapV3 => ASSUMED_V3,
        Protocol::PancakeV3 => PANCAKE_V3,
        Protocol::UniswapV4 => UNISWAP_V4,
    }
}

/// The protocol, and whether it is known.
fn read_protocol(code: u8) -> Result<(Protocol, bool), CodecError> {
    match code {
        UNISWAP_V2 => Ok((Protocol::UniswapV2, true)),
        UNISWAP_V3 => Ok((Protocol::UniswapV3, true)),
        PANCAKE_V3 => Ok((Protocol::PancakeV3, true)),
        UNISWAP_V4 => Ok((Protocol::UniswapV4, true)),
        ASSUMED_V3 => Ok((Protocol::UniswapV3, false)),
        other => Err(CodecError::UnknownValue { field: "protocol", value: other.into() }),
    }
}

const fn status_code(pool: &SnapshotPool) -> u8 {
    let status = match pool.status {
        PoolStatus::Unsynced => 0,
        PoolStatus::Uninitialized => 1,
        PoolStatus::Live => 2,
        PoolStatus::Halted => 3,
    };
    let token0 = if pool.falls_short.0 { SHORT_TOKEN0 } else { 0 };
    let token1 = if pool.falls_short.1 { SHORT_TOKEN1 } else { 0 };
    status | token0 | token1
}

fn read_status(code: u8) -> Result<PoolStatus, CodecError> {
    match code {
        0 => Ok(PoolStatus::Unsynced),
        1 => Ok(PoolStatus::Uninitialized),
        2 => Ok(PoolStatus::Live),
        3 => Ok(PoolStatus::Halted),
        other => Err(CodecError::UnknownValue { field: "status", value: other.into() }),
    }
}

fn read_decimals(fields: &mut FieldReader<'_>) -> Result<Option<(u8, u8)>, CodecError> {
    match fields.array()? {
        [0, 0, 0] => Ok(None),
        [0, ..] => Err(CodecError::Padding { field: "decimals" }),
        [1, decimals0, decimals1] => Ok(Some((decimals0, decimals1))),
        [other, ..] => Err(CodecError::UnknownValue { field: "has_decimals", value: other.into() }),
    }
}

/// Writes a snapshot's frames piece by piece and digests them.
pub(crate) struct SnapshotWriter {
    hasher: Sha256,
    pools: u32,
}

impl SnapshotWriter {
    pub(crate) fn begin(begin: &SnapshotBegin, out: &mut Vec<u8>) -> Self {
        let mut writer = Self { hasher: Sha256::new(), pools: begin.pools };
        writer.put(&Message::SnapshotBegin(*begin), out);
        writer
    }

    pub(crate) fn pool(&mut self, pool: &FeedPool, out: &mut Vec<u8>) {
        self.put(&Message::SnapshotPool(pool.pool), out);
        for tick in &pool.ticks {
            self.put(&Message::SnapshotTick(*tick), out);
        }
    }

    pub(crate) fn end(self, out: &mut Vec<u8>) {
        let digest = B256::new(self.hasher.finalize().into());
        encode(&Message::SnapshotEnd(SnapshotEnd { pools: self.pools, digest }), out);
    }

    fn put(&mut self, message: &Message, out: &mut Vec<u8>) {
        let start = out.len();
        encode(message, out);
        self.hasher.update(&out[start..]);
    }
}

/// All frames of a snapshot.
pub(crate) fn encode_snapshot(snapshot: &FeedSnapshot, out: &mut Vec<u8>) {
    let begin = SnapshotBegin {
        chain_id: snapshot.chain_id,
        epoch: snapshot.epoch,
        next_seq: snapshot.next_seq,
        block: snapshot.block,
        pools: u32::try_from(snapshot.pools.len()).unwrap_or(u32::MAX),
    };
    let mut writer = SnapshotWriter::begin(&begin, out);
    for pool in &snapshot.pools {
        writer.pool(pool, out);
    }
    writer.end(out);
}
