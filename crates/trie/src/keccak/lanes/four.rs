//! Four messages at a time, in vectors of AVX2.

#![allow(clippy::needless_range_loop, reason = "the index is the one of the specification")]

use super::sponge::{RATE_WORDS, ROTATIONS, ROUNDS, block, blocks};
use alloy_primitives::B256;
use std::arch::x86_64::{
    __m256i, _mm256_andnot_si256, _mm256_extract_epi64, _mm256_or_si256, _mm256_set_epi64x,
    _mm256_set1_epi64x, _mm256_setzero_si256, _mm256_slli_epi64, _mm256_srli_epi64,
    _mm256_xor_si256,
};

/// Messages hashed at once: 64-bit words in a vector.
const LANES: usize = 4;

/// Proof that this processor has AVX2. Only [`Lanes::detect`] makes one.
#[derive(Clone, Copy)]
pub(super) struct Lanes(());

impl Lanes {
    pub(super) fn detect() -> Option<Self> {
        std::arch::is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    /// Keccak-256 of each message.
    pub(super) fn hash(self, messages: &[&[u8]; LANES]) -> [B256; LANES] {
        #[expect(unsafe_code, reason = "the one call into code that needs AVX2")]
        // SAFETY: a `Lanes` exists only if the processor has AVX2, and that is all `hash_four` asks of its caller: its
        // body is safe code.
        unsafe {
            hash_four(messages)
        }
    }
}

#[target_feature(enable = "avx2")]
fn hash_four(messages: &[&[u8]; LANES]) -> [B256; LANES] {
    let last = messages.map(|message| blocks(message) - 1);
    let mut hashes = [B256::ZERO; LANES];
    let mut state = [_mm256_setzero_si256(); 25];
    for number in 0..=last.into_iter().max().unwrap_or_default() {
        let blocks = messages.map(|message| block(message, number));
        for index in 0..RATE_WORDS {
            let word = |lane: usize| i64::from_le_bytes(blocks[lane].as_chunks().0[index]);
            let words = _mm256_set_epi64x(word(3), word(2), word(1), word(0));
            state[index] = _mm256_xor_si256(state[index], words);
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

/// The four words of a vector, lowest lane first.
#[target_feature(enable = "avx2")]
fn words(vector: __m256i) -> [i64; LANES] {
    [
        _mm256_extract_epi64::<0>(vector),
        _mm256_extract_epi64::<1>(vector),
        _mm256_extract_epi64::<2>(vector),
        _mm256_extract_epi64::<3>(vector),
    ]
}

/// Repeats a block with a constant that takes each value: indices and rotations must be known when this is compiled, and
/// loops as long as these are not unrolled otherwise.
macro_rules! unrolled {
    ($name:ident in [$($value:literal)*] $body:block) => {
        $({ const $name: usize = $value; $body })*
    };
}

#[target_feature(enable = "avx2")]
#[inline]
fn rotate_left<const LEFT: i32, const RIGHT: i32>(words: __m256i) -> __m256i {
    const { assert!(LEFT + RIGHT == 64, "a word has 64 bits") };
    // A shift by 64 gives zero, so that a rotation by nothing is right, too.
    _mm256_or_si256(_mm256_slli_epi64::<LEFT>(words), _mm256_srli_epi64::<RIGHT>(words))
}

/// Keccak-f[1600] on four states (FIPS 202, section 3.3).
#[target_feature(enable = "avx2")]
fn permute(state: &mut [__m256i; 25]) {
    let mut a = *state;
    for round in ROUNDS {
        let mut parity = [_mm256_setzero_si256(); 5];
        unrolled!(X in [0 1 2 3 4] {
            let low = _mm256_xor_si256(_mm256_xor_si256(a[X], a[X + 5]), a[X + 10]);
            parity[X] = _mm256_xor_si256(low, _mm256_xor_si256(a[X + 15], a[X + 20]));
        });
        let mut moved = a;
        unrolled!(X in [0 1 2 3 4] {
            let theta =
                _mm256_xor_si256(parity[(X + 4) % 5], rotate_left::<1, 63>(parity[(X + 1) % 5]));
            unrolled!(Y in [0 1 2 3 4] {
                const LEFT: i32 = ROTATIONS[X + 5 * Y] as i32;
                let word = _mm256_xor_si256(a[X + 5 * Y], theta);
                moved[Y + 5 * ((2 * X + 3 * Y) % 5)] = rotate_left::<LEFT, { 64 - LEFT }>(word);
            });
        });
        unrolled!(Y in [0 1 2 3 4] {
            unrolled!(X in [0 1 2 3 4] {
                const ROW: usize = 5 * Y;
                let others =
                    _mm256_andnot_si256(moved[(X + 1) % 5 + ROW], moved[(X + 2) % 5 + ROW]);
                a[X + ROW] = _mm256_xor_si256(moved[X + ROW], others);
            });
        });
        a[0] = _mm256_xor_si256(a[0], _mm256_set1_epi64x(round as i64));
    }
    *state = a;
}
