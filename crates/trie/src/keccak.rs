//! Keccak-256 of many messages, several at a time where the processor has vectors for it.

// Only `std` can ask the processor which vectors it has.
#[cfg(all(feature = "std", target_arch = "x86_64"))]
mod lanes;

use alloc::vec::Vec;
use alloy_primitives::{B256, keccak256};

/// Keccak-256 of each message, in their order.
///
/// A processor with AVX-512 hashes eight messages in about the time of two, one with AVX2 four in about the time of two.
/// Others hash them one by one.
pub fn keccak256_each(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(all(feature = "std", target_arch = "x86_64"))]
    if let Some(hashes) = lanes::hash_each(messages) {
        return hashes;
    }
    messages.iter().map(keccak256).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_length_around_the_block_limits_hashes_as_alone() {
        let bytes: Vec<u8> = (0..600u32).map(|index| (index * 7 + 3) as u8).collect();
        let messages: Vec<&[u8]> =
            (0..bytes.len()).map(|len| &bytes[bytes.len() - len..]).collect();
        let alone: Vec<B256> = messages.iter().map(keccak256).collect();
        assert_eq!(keccak256_each(&messages), alone);
        for count in 0..40 {
            assert_eq!(keccak256_each(&messages[130..130 + count]), alone[130..130 + count]);
        }
    }

    proptest! {
        #[test]
        fn any_messages_hash_as_alone(messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..700), 0..30)) {
            let slices: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
            let alone: Vec<B256> = messages.iter().map(keccak256).collect();
            prop_assert_eq!(keccak256_each(&slices), alone);
        }
    }
}
