//! The state that the next swap starts from, in 52 bytes.

use alloy_primitives::U256;
use weir_amm::{Liquidity, MathError, Reserves, SqrtPriceX96, V3Slot};

/// Swap state of one pool at the end of one block.
///
/// V3 and V4: `sqrt_price_x96` 32 bytes, `liquidity` 16 bytes, `tick` 4 bytes, each little-endian. V2: `reserve0` 16 bytes,
/// `reserve1` 16 bytes, little-endian, then 20 zero bytes. Which of the two is known from the pool's protocol.
/// Ticks and fees are not in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SwapState52(pub [u8; Self::BYTES]);

impl SwapState52 {
    /// Its size.
    pub const BYTES: usize = 52;

    /// Encodes price, liquidity and tick.
    pub fn from_v3(slot: &V3Slot) -> Self {
        let mut bytes = [0; Self::BYTES];
        bytes[..32].copy_from_slice(&slot.sqrt_price.get().to_le_bytes::<32>());
        bytes[32..48].copy_from_slice(&slot.liquidity.get().to_le_bytes());
        bytes[48..].copy_from_slice(&slot.tick.to_le_bytes());
        Self(bytes)
    }

    /// Encodes reserves.
    pub fn from_v2(reserves: &Reserves) -> Self {
        let mut bytes = [0; Self::BYTES];
        bytes[..16].copy_from_slice(&reserves.reserve0.to_le_bytes());
        bytes[16..32].copy_from_slice(&reserves.reserve1.to_le_bytes());
        Self(bytes)
    }

    /// Reads price, liquidity and tick; fails if the price is wider than 160 bits.
    pub fn v3(&self) -> Result<V3Slot, MathError> {
        let sqrt_price = SqrtPriceX96::new(U256::from_le_slice(&self.0[..32]))?;
        let liquidity = Liquidity::new(u128::from_le_bytes(self.array(32)));
        Ok(V3Slot { sqrt_price, tick: i32::from_le_bytes(self.array(48)), liquidity })
    }

    /// Reads reserves.
    pub fn v2(&self) -> Reserves {
        let reserve0 = u128::from_le_bytes(self.array(0));
        Reserves { reserve0, reserve1: u128::from_le_bytes(self.array(16)) }
    }

    fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        let mut array = [0; N];
        array.copy_from_slice(&self.0[at..at + N]);
        array
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::hex;

    #[test]
    fn the_layout_is_fixed() {
        let slot = V3Slot {
            sqrt_price: SqrtPriceX96::new(U256::from(0x0102_0304u32) << 96).unwrap(),
            tick: -2,
            liquidity: Liquidity::new(0x0506),
        };
        let state = SwapState52::from_v3(&slot);
        let expected = hex!(
            "000000000000000000000000 04030201 00000000000000000000000000000000"
            "06050000000000000000000000000000 feffffff"
        );
        assert_eq!(state.0, expected);
        assert_eq!(state.v3().unwrap(), slot);
        let reserves = Reserves { reserve0: 7, reserve1: 0x0809 };
        let state = SwapState52::from_v2(&reserves);
        assert_eq!((state.0[0], state.0[16], state.0[17]), (7, 9, 8));
        assert_eq!(state.v2(), reserves);
    }
}
