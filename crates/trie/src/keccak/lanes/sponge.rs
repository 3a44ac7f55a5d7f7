//! What all widths share: how a message is cut into blocks, and the constants of the permutation.

/// Bytes absorbed by one permutation.
pub(super) const RATE_BYTES: usize = 136;
/// The same in words of 64 bits.
pub(super) const RATE_WORDS: usize = RATE_BYTES / 8;

/// Constants of the step iota (FIPS 202, section 3.2.5).
pub(super) const ROUNDS: [u64; 24] = [
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
pub(super) const ROTATIONS: [i64; 25] =
    [0, 1, 62, 28, 27, 36, 44, 6, 55, 20, 3, 10, 43, 25, 39, 41, 45, 15, 21, 8, 18, 2, 61, 56, 14];

/// Permutations that a message needs: padding adds at least one byte.
pub(super) const fn blocks(message: &[u8]) -> usize {
    message.len() / RATE_BYTES + 1
}

/// The bytes that a lane absorbs in one permutation: a part of the message, the padded rest, or anything after.
pub(super) fn block(message: &[u8], number: usize) -> [u8; RATE_BYTES] {
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
