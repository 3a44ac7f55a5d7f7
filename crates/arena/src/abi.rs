//! Event signatures, and words of ABI-encoded data. Tests compute each hash from its signature.

use crate::DecodeError;
use alloy_primitives::{Address, B256, I256, U256, b256};

/// `Transfer(address,address,uint256)` of ERC-20
pub(crate) const TRANSFER: B256 =
    b256!("0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `PairCreated(address,address,address,uint256)`
pub(crate) const V2_CREATED: B256 =
    b256!("0x0d3648bd0f6ba80134a33ba9275ac585d9d315f0ad8355cddefde31afa28d0e9");
/// `Sync(uint112,uint112)`
pub(crate) const V2_SYNC: B256 =
    b256!("0x1c411e9a96e071241c2f21f7726b17ae89e3cab4c78be50e062b03a9fffbbad1");
/// `Swap(address,uint256,uint256,uint256,uint256,address)`
pub(crate) const V2_SWAP: B256 =
    b256!("0xd78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822");
/// `Mint(address,uint256,uint256)`
pub(crate) const V2_MINT: B256 =
    b256!("0x4c209b5fc8ad50758f13e2e1088ba56a560dff690a1c6fef26394f4c03821c4f");
/// `Burn(address,uint256,uint256,address)`
pub(crate) const V2_BURN: B256 =
    b256!("0xdccd412f0b1252819cb1fd330b93224ca42612892bb3f4f789976e6d81936496");
/// `PoolCreated(address,address,uint24,int24,address)`
pub(crate) const V3_CREATED: B256 =
    b256!("0x783cca1c0412dd0d695e784568c96da2e9c22ff989357a2e8b1d9b2b4e6b7118");
/// `Initialize(uint160,int24)`
pub(crate) const V3_INITIALIZE: B256 =
    b256!("0x98636036cb66a9c19a37435efc1e90142190214e8abeb821bdba3f2990dd4c95");
/// `Swap(address,address,int256,int256,uint160,uint128,int24)`
pub(crate) const V3_SWAP: B256 =
    b256!("0xc42079f94a6350d7e6235f29174924f928cc2ac818eb64fed8004e115fbcca67");
/// `Mint(address,address,int24,int24,uint128,uint256,uint256)`
pub(crate) const V3_MINT: B256 =
    b256!("0x7a53080ba414158be7ec69b987b5fb7d07dee101fe85488f0853ae16239d0bde");
/// `Burn(address,int24,int24,uint128,uint256,uint256)`
pub(crate) const V3_BURN: B256 =
    b256!("0x0c396cd989a39f4459b5fa1aed6a9a8dcdbc45908acfd67e028cd568da98982c");
/// `SetFeeProtocol(uint8,uint8,uint8,uint8)`
pub(crate) const V3_SET_FEE_PROTOCOL: B256 =
    b256!("0x973d8d92bb299f4af6ce49b52a8adb85ae46b9f214c4c4fc06ac77401237b133");
/// `Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)`
pub(crate) const V4_INITIALIZE: B256 =
    b256!("0xdd466e674ea557f56295e2d0218a125ea4b4f0f6f3307b95f85e6110838d6438");
/// `Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)`
pub(crate) const V4_SWAP: B256 =
    b256!("0x40e9cecb9f5f1f1c5b9c97dec2917b7ee92e57ba5563708daca94dd84ad7112f");
/// `ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)`
pub(crate) const V4_MODIFY_LIQUIDITY: B256 =
    b256!("0xf208f4912782fd25c7f114ca3723a2d5dd6f3bcc3ac8db5af63baa85f711d5ec");
/// `ProtocolFeeUpdated(bytes32,uint24)`
pub(crate) const V4_PROTOCOL_FEE_UPDATED: B256 =
    b256!("0xe9c42593e71f84403b84352cd168d693e2c9fcd1fdbcc3feb21d92b43e6696f9");
/// `Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)`
pub(crate) const PANCAKE_V3_SWAP: B256 =
    b256!("0x19b47279256b2a23a1665c810c8d55a1758940ee09377d4f8d26497a3577dc83");
/// `SetFeeProtocol(uint32,uint32,uint32,uint32)`
pub(crate) const PANCAKE_V3_SET_FEE_PROTOCOL: B256 =
    b256!("0xb3159fed3ddfba67bae294599eafe2d0ec98c08bb38e0e5fb87d33154b6e05aa");

/// The 32-byte words of a log: its topics after the first, then its data.
pub(crate) struct Words<'a> {
    topic0: B256,
    address: Address,
    topics: &'a [B256],
    data: &'a [u8],
}

impl<'a> Words<'a> {
    /// Checks the number of topics (the first not counted) and of data words, exactly.
    pub(crate) fn new(
        log: &'a alloy_primitives::Log,
        topics: usize,
        words: usize,
    ) -> Result<Self, DecodeError> {
        let (found_topics, found_bytes) = (log.topics().len() - 1, log.data.data.len());
        let (address, topic0) = (log.address, log.topics()[0]);
        if found_topics != topics || found_bytes != 32 * words {
            return Err(DecodeError::Shape {
                address,
                topic0,
                topics: found_topics,
                bytes: found_bytes,
            });
        }
        Ok(Self { topic0, address, topics: &log.topics()[1..], data: &log.data.data })
    }

    pub(crate) fn out_of_range(&self, word: B256) -> DecodeError {
        DecodeError::OutOfRange { address: self.address, topic0: self.topic0, word }
    }

    #[inline]
    pub(crate) fn topic(&self, index: usize) -> B256 {
        self.topics[index]
    }

    #[inline]
    pub(crate) fn word(&self, index: usize) -> B256 {
        B256::from_slice(&self.data[32 * index..32 * index + 32])
    }

    #[inline]
    pub(crate) fn u256(&self, index: usize) -> U256 {
        U256::from_be_bytes(self.word(index).0)
    }

    #[inline]
    pub(crate) fn i256(&self, index: usize) -> I256 {
        I256::from_raw(self.u256(index))
    }

    /// An unsigned integer of at most `bits` (128 at most).
    #[inline]
    pub(crate) fn uint(&self, word: B256, bits: u32) -> Result<u128, DecodeError> {
        let (high, low) = halves(&word);
        let is_narrow = high == 0 && (bits == 128 || low >> bits == 0);
        if is_narrow { Ok(low) } else { Err(self.out_of_range(word)) }
    }

    /// An `int24`, sign-extended as the ABI wants.
    #[inline]
    pub(crate) fn int24(&self, word: B256) -> Result<i32, DecodeError> {
        let (high, low) = halves(&word);
        let value = low as i32;
        let fill = if value < 0 { u128::MAX } else { 0 };
        let is_extended = high == fill && low as i128 == i128::from(value);
        let is_narrow = (-(1 << 23)..1 << 23).contains(&value);
        if is_extended && is_narrow { Ok(value) } else { Err(self.out_of_range(word)) }
    }

    /// A value of at most 128 bits in a signed word, sign-extended as the ABI wants.
    #[inline]
    pub(crate) fn int128(&self, word: B256) -> Result<i128, DecodeError> {
        let (high, low) = halves(&word);
        let value = low as i128;
        let fill = if value < 0 { u128::MAX } else { 0 };
        if high == fill { Ok(value) } else { Err(self.out_of_range(word)) }
    }

    /// A `uint160`.
    #[inline]
    pub(crate) fn uint160(&self, index: usize) -> Result<U256, DecodeError> {
        let value = self.u256(index);
        let [_, _, top, above] = *value.as_limbs();
        if top >> 32 == 0 && above == 0 {
            Ok(value)
        } else {
            Err(self.out_of_range(self.word(index)))
        }
    }

    pub(crate) fn address(&self, word: B256) -> Result<Address, DecodeError> {
        if word.0[..12] == [0; 12] {
            Ok(Address::from_word(word))
        } else {
            Err(self.out_of_range(word))
        }
    }
}

/// The word as two big-endian integers: high, low.
#[inline]
fn halves(word: &B256) -> (u128, u128) {
    let (high, low) = word.0.split_at(16);
    let half = |bytes: &[u8]| u128::from_be_bytes(bytes.try_into().expect("half of 32 is 16"));
    (half(high), half(low))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;

    #[test]
    fn hashes_are_those_of_the_signatures() {
        let hashes = [
            (V2_CREATED, "PairCreated(address,address,address,uint256)"),
            (V2_SYNC, "Sync(uint112,uint112)"),
            (V2_SWAP, "Swap(address,uint256,uint256,uint256,uint256,address)"),
            (V2_MINT, "Mint(address,uint256,uint256)"),
            (V2_BURN, "Burn(address,uint256,uint256,address)"),
            (V3_CREATED, "PoolCreated(address,address,uint24,int24,address)"),
            (V3_INITIALIZE, "Initialize(uint160,int24)"),
            (V3_SWAP, "Swap(address,address,int256,int256,uint160,uint128,int24)"),
            (V3_MINT, "Mint(address,address,int24,int24,uint128,uint256,uint256)"),
            (V3_BURN, "Burn(address,int24,int24,uint128,uint256,uint256)"),
            (V3_SET_FEE_PROTOCOL, "SetFeeProtocol(uint8,uint8,uint8,uint8)"),
            (
                V4_INITIALIZE,
                "Initialize(bytes32,address,address,uint24,int24,address,uint160,int24)",
            ),
            (V4_SWAP, "Swap(bytes32,address,int128,int128,uint160,uint128,int24,uint24)"),
            (V4_MODIFY_LIQUIDITY, "ModifyLiquidity(bytes32,address,int24,int24,int256,bytes32)"),
            (V4_PROTOCOL_FEE_UPDATED, "ProtocolFeeUpdated(bytes32,uint24)"),
            (
                PANCAKE_V3_SWAP,
                "Swap(address,address,int256,int256,uint160,uint128,int24,uint128,uint128)",
            ),
            (PANCAKE_V3_SET_FEE_PROTOCOL, "SetFeeProtocol(uint32,uint32,uint32,uint32)"),
        ];
        for (hash, signature) in hashes {
            assert_eq!(hash, keccak256(signature), "{signature}");
        }
    }
}
