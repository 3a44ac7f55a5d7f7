//! What a Uniswap V4 PoolManager says of one pool at one block hash, read from its storage by `extsload`.

use super::{
    ReadError, abi,
    contract::{Concentrated, ContractReader, decode, tick_indices, word_places},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolValue};
use weir_amm::TickSpacing;
use weir_arena::v4_state_slot;

/// Places in `Pool.State`, counted from its first slot (`StateLibrary`).
const LIQUIDITY_OFFSET: u64 = 3;
const TICKS_OFFSET: u64 = 4;
const TICK_BITMAP_OFFSET: u64 = 5;
/// Slots of one call: about two million gas, and a spacing of one has 6,932 words.
const SLOTS_PER_CALL: usize = 800;

/// A V4 pool with all that its swaps depend on.
#[derive(Debug, Clone)]
pub(crate) struct ContractV4 {
    /// The hash of the key.
    pub(crate) id: B256,
    /// Fee of the liquidity providers, in millionths.
    pub(crate) lp_fee: u32,
    /// Fee of the protocol when token0 goes in, and when token1 does, in millionths.
    pub(crate) protocol_fees: [u32; 2],
    pub(crate) range: Concentrated,
}

/// Slot of a mapping's value.
fn mapped(key: B256, mapping: U256) -> U256 {
    keccak256((key, mapping).abi_encode()).into()
}

/// An index as a mapping's key: sign-extended to a word.
fn key_word(index: i32) -> B256 {
    let magnitude = U256::from(index.unsigned_abs());
    B256::from(if index < 0 { magnitude.wrapping_neg() } else { magnitude })
}

/// Some bits of a word.
fn bits(word: U256, from: usize, count: usize) -> U256 {
    (word >> from) & ((U256::from(1) << count) - U256::from(1))
}

/// The low half of a word and the high one.
fn halves(word: U256) -> (u128, u128) {
    (bits(word, 0, 128).to(), bits(word, 128, 128).to())
}

impl ContractReader<'_> {
    /// Reads a pool of a PoolManager. One that was never initialized has a price of zero.
    pub(crate) async fn v4(
        &self,
        manager: Address,
        key: &abi::PoolKey,
    ) -> Result<ContractV4, ReadError> {
        let spacing =
            TickSpacing::v4(key.tickSpacing.as_i32()).map_err(|_| ReadError::NOT_A_POOL)?;
        let id = keccak256(key.abi_encode());
        let base = v4_state_slot(id);
        let place = |offset: u64| base.wrapping_add(U256::from(offset));
        let first = self.slots(manager, &[base, place(LIQUIDITY_OFFSET)]).await?;
        let &[slot0, liquidity] = first.as_slice() else {
            return Err(ReadError::NOT_A_POOL);
        };

        let places = word_places(spacing);
        let slot = |index: i32, offset| mapped(key_word(index), place(offset));
        let slots: Vec<U256> =
            places.iter().map(|index| slot((*index).into(), TICK_BITMAP_OFFSET)).collect();
        let words = places.iter().copied().zip(self.slots(manager, &slots).await?);
        let words: Vec<(i16, U256)> = words.filter(|(_, bits)| !bits.is_zero()).collect();

        let indices = tick_indices(spacing, &words);
        let slots: Vec<U256> = indices.iter().map(|index| slot(*index, TICKS_OFFSET)).collect();
        let infos = self.slots(manager, &slots).await?;
        let ticks = indices.into_iter().zip(infos).map(|(index, info)| {
            let (gross, net) = halves(info);
            (index, gross, net.cast_signed())
        });
        let tick: u32 = bits(slot0, 160, 24).to();
        Ok(ContractV4 {
            id,
            lp_fee: bits(slot0, 208, 24).to(),
            protocol_fees: [bits(slot0, 184, 12).to(), bits(slot0, 196, 12).to()],
            range: Concentrated {
                spacing,
                sqrt_price: bits(slot0, 0, 160),
                // Sign-extends 24 bits.
                tick: (tick << 8).cast_signed() >> 8,
                liquidity: halves(liquidity).0,
                words_read: places.len() as u64,
                words,
                ticks: ticks.collect(),
            },
        })
    }

    /// Values of storage slots, as the manager itself reads them out.
    async fn slots(&self, manager: Address, slots: &[U256]) -> Result<Vec<U256>, ReadError> {
        let calls = slots.chunks(SLOTS_PER_CALL).map(|some| {
            let slots = some.iter().map(|slot| B256::from(*slot)).collect();
            abi::PoolManager::extsloadCall { slots }.abi_encode()
        });
        let answers = self.call_all(manager, calls).await?;
        let mut values = Vec::with_capacity(slots.len());
        for answer in &answers {
            let some = decode::<abi::PoolManager::extsloadCall>(answer)?;
            values.extend(some.into_iter().map(Into::<U256>::into));
        }
        if values.len() == slots.len() { Ok(values) } else { Err(ReadError::NOT_A_POOL) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_as_the_manager_packs_them() {
        assert_eq!(key_word(-60), B256::from(U256::MAX - U256::from(59)));
        assert_eq!(key_word(60), B256::from(U256::from(60)));
        let word = (U256::from(7) << 128) | U256::from(9);
        assert_eq!(halves(word), (9, 7));
        assert_eq!(bits(U256::MAX, 208, 24), U256::from(0xff_ffff));
    }
}
