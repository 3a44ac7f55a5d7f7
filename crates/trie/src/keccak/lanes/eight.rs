//! Eight messages at a time, in vectors of AVX-512.

#![allow(clippy::needless_range_loop, reason = "the index is the one of the specification")]

use super::sponge::{RATE_WORDS, ROTATIONS, ROUNDS, block, blocks};
use alloy_primitives::B256;
use std::arch::x86_64::{
    __m512i, _mm_cvtsi128_si64, _mm_extract_epi64, _mm512_extracti32x4_epi32, _mm512_rol_epi64,
    _mm512_rolv_epi64, _mm512_set_epi64, _mm512_set1_epi64, _mm512_setzero_si512,
    _mm512_ternarylogic_epi64, _mm512_xor_si512,
};

/// Messages hashed at once: 64-bit words in a vector.
const LANES: usize = 8;
/// Truth table of `a ^ b ^ c`.
const XOR3: i32 = 0x96;
/// Truth table of `a ^ (!b & c)`.
const CHI: i32 = 0xd2;

/// Proof that this processor has AVX-512F. Only [`Lanes::detect`] makes one.
#[derive(Clone, Copy)]
pub(super) struct Lanes(());

impl Lanes {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx512f").then_some(Self(()))
    }

    /// Keccak-256 of each message.
    pub(super) fn hash(self, messages: &[&[u8]; LANES]) -> [B256; LANES] {
        #[expect(unsafe_code, reason = "the one call into code that needs AVX-512F")]
        // SAFETY: a `Lanes` exists only if the processor has AVX-512F, and that is all `hash_eight` asks of its
        // caller: its body is safe code.
        unsafe {
            hash_eight(messages)
        }
    }
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
