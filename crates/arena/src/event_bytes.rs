//! An event's bytes: those that digests cover and those that the feed carries are the same.

use crate::PoolEvent;
use alloy_primitives::U256;

impl PoolEvent {
    /// Hands out the event's kind, one byte, and then its fields in the order of [`PoolEvent`], little-endian.
    ///
    /// `docs/spec/feed.md` has the table. A new event takes the next kind; those that are there never change.
    pub fn write(&self, put: &mut impl FnMut(&[u8])) {
        Fields { put }.event(self);
    }
}

struct Fields<'a, P> {
    put: &'a mut P,
}

impl<P: FnMut(&[u8])> Fields<'_, P> {
    fn put(&mut self, bytes: &[u8]) {
        (self.put)(bytes);
    }

    fn put_each<const N: usize>(&mut self, fields: [&[u8]; N]) {
        for field in fields {
            self.put(field);
        }
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
            PoolEvent::TransferShortfall { token, sent, arrived } => {
                self.put(&[18]);
                self.put_each([token.as_slice(), sent.as_le_slice(), arrived.as_le_slice()]);
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
