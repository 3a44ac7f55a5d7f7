//! Content digests.

use crate::{BlockEnvelope, EventRecord, PoolEvent, PoolId};
use alloy_primitives::{B256, U256};
use sha2::{Digest, Sha256};

/// SHA-256 of the envelope: a header of 108 bytes, then the events, all integers little-endian.
///
/// Header: chain id 8, number 8, hash 32, parent hash 32, timestamp 8, base fee 8, number of events 4, and eight bytes
/// `weirenv1`, which come first. Event: transaction index 4, log index 4, transaction hash 32, kind of pool id 1
/// (0 address, 1 id), pool id 20 or 32, event tag 1, then the fields in the order of [`PoolEvent`].
pub(crate) fn envelope_digest(envelope: &BlockEnvelope) -> B256 {
    let mut sink = Sink { hasher: Sha256::new(), bytes: [0; Sink::BYTES], len: 0 };
    let block = envelope.block();
    sink.put(b"weirenv1");
    sink.put(&envelope.chain_id().to_le_bytes());
    sink.put(&block.number.to_le_bytes());
    sink.put(block.hash.as_slice());
    sink.put(block.parent_hash.as_slice());
    sink.put(&block.timestamp.to_le_bytes());
    sink.put(&envelope.base_fee().to_le_bytes());
    sink.put(&(envelope.events().len() as u32).to_le_bytes());
    for record in envelope.events() {
        sink.record(record);
    }
    sink.finish()
}

/// Collects small fields, so that the hash function is called on long runs.
struct Sink {
    hasher: Sha256,
    bytes: [u8; Self::BYTES],
    len: usize,
}

impl Sink {
    const BYTES: usize = 1024;

    fn put(&mut self, bytes: &[u8]) {
        if self.len + bytes.len() > Self::BYTES {
            self.hasher.update(&self.bytes[..self.len]);
            self.len = 0;
        }
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn put_each<const N: usize>(&mut self, fields: [&[u8]; N]) {
        for field in fields {
            self.put(field);
        }
    }

    fn finish(mut self) -> B256 {
        self.hasher.update(&self.bytes[..self.len]);
        B256::new(self.hasher.finalize().into())
    }

    fn record(&mut self, record: &EventRecord) {
        self.put(&record.tx_index.to_le_bytes());
        self.put(&record.log_index.to_le_bytes());
        self.put(record.tx_hash.as_slice());
        match &record.pool.id {
            PoolId::Address(address) => {
                self.put(&[0]);
                self.put(address.as_slice());
            }
            PoolId::Id(id) => {
                self.put(&[1]);
                self.put(id.as_slice());
            }
        }
        self.event(&record.event);
    }

    fn event(&mut self, event: &PoolEvent) {
        match event {
            PoolEvent::V2Created { factory, token0, token1 } => {
                self.put(&[1]);
                self.put_each([factory.as_slice(), token0.as_slice(), token1.as_slice()]);
            }
            PoolEvent::V2Sync { reserve0, reserve1 } => {
                self.put(&[2]);
                self.put_each([&reserve0.to_le_bytes(), &reserve1.to_le_bytes()]);
            }
            PoolEvent::V2Swap { amount0_in, amount1_in, amount0_out, amount1_out } => {
                self.put(&[3]);
                self.put_each(
                    [amount0_in, amount1_in, amount0_out, amount1_out].map(U256::as_le_slice),
                );
            }
            PoolEvent::V2Mint { amount0, amount1 } => {
                self.put(&[4]);
                self.put_each([amount0, amount1].map(U256::as_le_slice));
            }
            PoolEvent::V2Burn { amount0, amount1 } => {
                self.put(&[5]);
                self.put_each([amount0, amount1].map(U256::as_le_slice));
            }
            PoolEvent::V3Created { factory, token0, token1, fee_pips, tick_spacing } => {
                self.put(&[6]);
                self.put_each([factory.as_slice(), token0.as_slice(), token1.as_slice()]);
                self.put(&fee_pips.to_le_bytes());
                self.put(&tick_spacing.to_le_bytes());
            }
            PoolEvent::V3Initialize { sqrt_price, tick } => {
                self.put(&[7]);
                self.put(sqrt_price.as_le_slice());
                self.put(&tick.to_le_bytes());
            }
            PoolEvent::V3Swap { amount0, amount1, sqrt_price, liquidity, tick } => {
                self.put(&[8]);
                let (amount0, amount1) = (amount0.into_raw(), amount1.into_raw());
                self.put_each([&amount0, &amount1, sqrt_price].map(U256::as_le_slice));
                self.put(&liquidity.to_le_bytes());
                self.put(&tick.to_le_bytes());
            }
            PoolEvent::V3Mint { lower, upper, amount, amount0, amount1 }
            | PoolEvent::V3Burn { lower, upper, amount, amount0, amount1 } => {
                self.put(&[if matches!(event, PoolEvent::V3Mint { .. }) { 9 } else { 10 }]);
                self.put_each([&lower.to_le_bytes(), &upper.to_le_bytes()]);
                self.put(&amount.to_le_bytes());
                self.put_each([amount0, amount1].map(U256::as_le_slice));
            }
            PoolEvent::V3SetFeeProtocol { fee_protocol0, fee_protocol1 } => {
                self.put(&[11, *fee_protocol0, *fee_protocol1]);
            }
            PoolEvent::V4Initialize { .. }
            | PoolEvent::V4Swap { .. }
            | PoolEvent::V4ModifyLiquidity { .. }
            | PoolEvent::V4ProtocolFeeUpdated { .. } => self.v4_event(event),
            PoolEvent::PancakeV3Swap { .. } | PoolEvent::PancakeV3SetFeeProtocol { .. } => {
                self.pancake_event(event);
            }
        }
    }

    fn v4_event(&mut self, event: &PoolEvent) {
        match event {
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
                self.put(&[12]);
                self.put_each([manager.as_slice(), token0.as_slice(), token1.as_slice()]);
                self.put_each([&fee_pips.to_le_bytes(), &tick_spacing.to_le_bytes()]);
                self.put_each([hooks.as_slice(), sqrt_price.as_le_slice(), &tick.to_le_bytes()]);
            }
            PoolEvent::V4Swap { amount0, amount1, sqrt_price, liquidity, tick, fee_pips } => {
                self.put(&[13]);
                self.put_each([&amount0.to_le_bytes(), &amount1.to_le_bytes()]);
                self.put(sqrt_price.as_le_slice());
                self.put(&liquidity.to_le_bytes());
                self.put_each([&tick.to_le_bytes(), &fee_pips.to_le_bytes()]);
            }
            PoolEvent::V4ModifyLiquidity { lower, upper, delta } => {
                self.put(&[14]);
                self.put_each([&lower.to_le_bytes(), &upper.to_le_bytes()]);
                self.put(&delta.to_le_bytes());
            }
            PoolEvent::V4ProtocolFeeUpdated { zero_for_one, one_for_zero } => {
                self.put(&[15]);
                self.put_each([&zero_for_one.to_le_bytes(), &one_for_zero.to_le_bytes()]);
            }
            _ => {}
        }
    }

    fn pancake_event(&mut self, event: &PoolEvent) {
        match event {
            PoolEvent::PancakeV3Swap {
                amount0,
                amount1,
                sqrt_price,
                liquidity,
                tick,
                protocol_fee0,
                protocol_fee1,
            } => {
                self.put(&[16]);
                let (amount0, amount1) = (amount0.into_raw(), amount1.into_raw());
                self.put_each([&amount0, &amount1, sqrt_price].map(U256::as_le_slice));
                self.put(&liquidity.to_le_bytes());
                self.put(&tick.to_le_bytes());
                self.put_each([&protocol_fee0.to_le_bytes(), &protocol_fee1.to_le_bytes()]);
            }
            PoolEvent::PancakeV3SetFeeProtocol { fee_protocol0, fee_protocol1 } => {
                self.put(&[17]);
                self.put_each([&fee_protocol0.to_le_bytes(), &fee_protocol1.to_le_bytes()]);
            }
            _ => {}
        }
    }
}
