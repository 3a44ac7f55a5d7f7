//! Keccak-256 of many messages, eight at a time where the processor has AVX-512.

use alloy_primitives::{B256, keccak256};

/// Fewest messages for which eight lanes take less time than one after the other.
const LANES_MIN: usize = 3;

/// Keccak-256 of each message, in their order.
///
/// A processor with AVX-512 hashes eight messages in about the time of two. Others hash them one by one.
pub fn keccak256_each(messages: &[&[u8]]) -> Vec<B256> {
    #[cfg(target_arch = "x86_64")]
    if messages.len() >= LANES_MIN
        && let Some(lanes) = eight::Lanes::detect()
    {
        return lanes.hash_each(messages);
    }
    messages.iter().map(keccak256).collect()
}

#[cfg(target_arch = "x86_64")]
mod eight {
    #![allow(clippy::needless_range_loop, reason = "the index is the one of the specification")]

    use super::LANES_MIN;
    use alloy_primitives::{B256, keccak256};
    use std::arch::x86_64::{
        __m512i, _mm_cvtsi128_si64, _mm_extract_epi64, _mm512_extracti32x4_epi32, _mm512_rol_epi64,
        _mm512_rolv_epi64, _mm512_set_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
        _mm512_ternarylogic_epi64, _mm512_xor_si512,
    };

    /// Messages hashed at once: 64-bit words in a vector.
    const LANES: usize = 8;
    /// Bytes absorbed by one permutation.
    const RATE_BYTES: usize = 136;
    const RATE_WORDS: usize = RATE_BYTES / 8;
    /// Truth table of `a ^ b ^ c`.
    const XOR3: i32 = 0x96;
    /// Truth table of `a ^ (!b & c)`.
    const CHI: i32 = 0xd2;

    /// Constants of the step iota (FIPS 202, section 3.2.5).
    const ROUNDS: [u64; 24] = [
        0x0000_0000_0000_0001,
        0x0000_0000_0000_8082,
        0x8000_0000_0000_808a,
        0x8000_0000_8000_8000,
        0x0000_0000_0000_808b,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8009,
        0x0000_0000_0000_008a,
        0x0000_0000_0000_0088,
        0x0000_0000_8000_8009,
        0x0000_0000_8000_000a,
        0x0000_0000_8000_808b,
        0x8000_0000_0000_008b,
        0x8000_0000_0000_8089,
        0x8000_0000_0000_8003,
        0x8000_0000_0000_8002,
        0x8000_0000_0000_0080,
        0x0000_0000_0000_800a,
        0x8000_0000_8000_000a,
        0x8000_0000_8000_8081,
        0x8000_0000_0000_8080,
        0x0000_0000_8000_0001,
        0x8000_0000_8000_8008,
    ];
    /// Left rotation of the word at `x + 5 * y` (section 3.2.2).
    const ROTATIONS: [i64; 25] = [
        0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56,
        14,
    ];

    /// Proof that this processor has AVX-512F. Only [`Lanes::detect`] makes one.
    #[derive(Clone, Copy)]
    pub(super) struct Lanes(());

    impl Lanes {
        pub(super) fn detect() -> Option<Self> {
            std::arch::is_x86_feature_detected!("avx512f").then_some(Self(()))
        }

        /// [`hash_eight`], which is safe to call on the processor that `self` stands for.
        fn hash_eight(self, messages: &[&[u8]; LANES]) -> [B256; LANES] {
            #[expect(unsafe_code, reason = "the one call into code that needs AVX-512F")]
            // SAFETY: a `Lanes` exists only if the processor has AVX-512F, and that is all `hash_eight` asks of its
            // caller: its body is safe code.
            unsafe {
                hash_eight(messages)
            }
        }

        /// [`super::keccak256_each`].
        pub(super) fn hash_each(self, messages: &[&[u8]]) -> Vec<B256> {
            let mut hashes = vec![B256::ZERO; messages.len()];
            // Messages of like length go together, so that few lanes run empty.
            let mut order: Vec<u32> = (0..messages.len() as u32).collect();
            order.sort_unstable_by_key(|index| blocks(messages[*index as usize]));
            for group in order.chunks(LANES) {
                self.hash_group(group, messages, &mut hashes);
            }
            hashes
        }

        /// Hashes the messages with these indices: in lanes, or one by one if most lanes would run empty.
        fn hash_group(self, group: &[u32], messages: &[&[u8]], hashes: &mut [B256]) {
            if group.len() < LANES_MIN {
                for index in group {
                    hashes[*index as usize] = keccak256(messages[*index as usize]);
                }
                return;
            }
            let mut lanes = [&[][..]; LANES];
            for (lane, index) in lanes.iter_mut().zip(group) {
                *lane = messages[*index as usize];
            }
            for (hash, index) in self.hash_eight(&lanes).into_iter().zip(group) {
                hashes[*index as usize] = hash;
            }
        }
    }

    /// Permutations that a message needs: padding adds at least one byte.
    const fn blocks(message: &[u8]) -> usize {
        message.len() / RATE_BYTES + 1
    }

    /// The bytes that a lane absorbs in one permutation: a part of the message, the padded rest, or anything after.
    fn block(message: &[u8], number: usize) -> [u8; RATE_BYTES] {
        let mut block = [0; RATE_BYTES];
        let rest = message.get(number * RATE_BYTES..).unwrap_or_default();
        if let Some(whole) = rest.first_chunk() {
            return *whole;
        }
        block[..rest.len()].copy_from_slice(rest);
        block[rest.len()] = 0x01;
        block[RATE_BYTES - 1] |= 0x80;
        block
    }

    #[target_feature(enable = "avx512f")]
    fn hash_eight(messages: &[&[u8]; LANES]) -> [B256; LANES] {
        let last = messages.map(|message| blocks(message) - 1);
        let mut hashes = [B256::ZERO; LANES];
        let mut state = [_mm512_setzero_si512(); 25];
        for number in 0..=last.into_iter().max().unwrap_or_default() {
            let blocks = messages.map(|message| block(message, number));
            for index in 0..RATE_WORDS {
                let word = |lane: usize| i64::from_le_bytes(blocks[lane].as_chunks().0[index]);
                let words = _mm512_set_epi64(
                    word(7),
                    word(6),
                    word(5),
                    word(4),
                    word(3),
                    word(2),
                    word(1),
                    word(0),
                );
                state[index] = _mm512_xor_si512(state[index], words);
            }
            permute(&mut state);
            for index in 0..4 {
                let words = words(state[index]);
                for lane in (0..LANES).filter(|lane| last[*lane] == number) {
                    hashes[lane][8 * index..][..8].copy_from_slice(&words[lane].to_le_bytes());
                }
            }
        }
        hashes
    }

    /// The eight words of a vector, lowest lane first.
    #[target_feature(enable = "avx512f")]
    fn words(vector: __m512i) -> [i64; LANES] {
        let pairs = [
            _mm512_extracti32x4_epi32::<0>(vector),
            _mm512_extracti32x4_epi32::<1>(vector),
            _mm512_extracti32x4_epi32::<2>(vector),
            _mm512_extracti32x4_epi32::<3>(vector),
        ];
        std::array::from_fn(|lane| {
            let pair = pairs[lane / 2];
            if lane % 2 == 0 { _mm_cvtsi128_si64(pair) } else { _mm_extract_epi64::<1>(pair) }
        })
    }

    /// Keccak-f[1600] on eight states (FIPS 202, section 3.3).
    #[target_feature(enable = "avx512f")]
    fn permute(a: &mut [__m512i; 25]) {
        for round in ROUNDS {
            let mut parity = [_mm512_setzero_si512(); 5];
            for x in 0..5 {
                let three = _mm512_ternarylogic_epi64::<XOR3>(a[x], a[x + 5], a[x + 10]);
                parity[x] = _mm512_ternarylogic_epi64::<XOR3>(three, a[x + 15], a[x + 20]);
            }
            let mut moved = *a;
            for x in 0..5 {
                let left = parity[(x + 4) % 5];
                let right = _mm512_rol_epi64::<1>(parity[(x + 1) % 5]);
                for y in 0..5 {
                    let word = _mm512_ternarylogic_epi64::<XOR3>(a[x + 5 * y], left, right);
                    let rotation = _mm512_set1_epi64(ROTATIONS[x + 5 * y]);
                    moved[y + 5 * ((2 * x + 3 * y) % 5)] = _mm512_rolv_epi64(word, rotation);
                }
            }
            for y in 0..5 {
                for x in 0..5 {
                    a[x + 5 * y] = _mm512_ternarylogic_epi64::<CHI>(
                        moved[x + 5 * y],
                        moved[(x + 1) % 5 + 5 * y],
                        moved[(x + 2) % 5 + 5 * y],
                    );
                }
            }
            a[0] = _mm512_xor_si512(a[0], _mm512_set1_epi64(round as i64));
        }
    }
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
