//! Several messages at a time, with the vectors of x86-64.

mod eight;
mod four;
mod sponge;

use alloc::{vec, vec::Vec};
use alloy_primitives::{B256, keccak256};

/// Keccak-256 of each message; `None` on a processor without vectors for it.
pub(super) fn hash_each(messages: &[&[u8]]) -> Option<Vec<B256>> {
    if let Some(lanes) = eight::Lanes::detect() {
        return Some(in_groups(messages, |group| lanes.hash(group)));
    }
    let lanes = four::Lanes::detect()?;
    Some(in_groups(messages, |group| lanes.hash(group)))
}

/// Hashes `LANES` messages at a time with `hash`, and one by one where most lanes would run empty.
fn in_groups<const LANES: usize>(
    messages: &[&[u8]],
    hash: impl Fn(&[&[u8]; LANES]) -> [B256; LANES],
) -> Vec<B256> {
    /// Fewest messages for which all lanes take less time than one message after the other.
    const GROUP_MIN: usize = 3;
    let mut hashes = vec![B256::ZERO; messages.len()];
    // Messages of like length go together, so that few lanes run empty.
    let mut order: Vec<u32> = (0..messages.len() as u32).collect();
    order.sort_unstable_by_key(|index| sponge::blocks(messages[*index as usize]));
    for group in order.chunks(LANES) {
        if group.len() < GROUP_MIN {
            for index in group {
                hashes[*index as usize] = keccak256(messages[*index as usize]);
            }
            continue;
        }
        let mut lanes = [&[][..]; LANES];
        for (lane, index) in lanes.iter_mut().zip(group) {
            *lane = messages[*index as usize];
        }
        for (hash, index) in hash(&lanes).into_iter().zip(group) {
            hashes[*index as usize] = hash;
        }
    }
    hashes
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The wider vectors hide the narrower ones on a processor that has both.
    #[test]
    fn four_lanes_hash_as_one() {
        let Some(lanes) = four::Lanes::detect() else {
            println!("skipped: this processor has no AVX2");
            return;
        };
        let bytes: Vec<u8> = (0..600u32).map(|index| (index * 11 + 5) as u8).collect();
        let messages: Vec<&[u8]> = (0..bytes.len()).map(|len| &bytes[..len]).collect();
        let alone: Vec<B256> = messages.iter().map(keccak256).collect();
        assert_eq!(in_groups(&messages, |group| lanes.hash(group)), alone);
        let far_apart = [messages[0], messages[599], messages[135], messages[136]];
        assert_eq!(lanes.hash(&far_apart), far_apart.map(keccak256));
    }
}
