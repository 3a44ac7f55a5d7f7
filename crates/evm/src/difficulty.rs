//! Difficulty of proof-of-work blocks, which test vectors and imported chains still carry.

use crate::{ChainSpec, Fork};
use alloy_consensus::EMPTY_OMMER_ROOT_HASH;
use alloy_primitives::U256;
use weir_primitives::Header;

/// Lowest difficulty (yellow paper, D0).
const DIFFICULTY_MIN: u64 = 131_072;
/// A difficulty moves in steps of the parent's 2048th part.
const BOUND_DIVISOR: u64 = 2048;
/// Largest number of steps down at once.
const STEPS_DOWN_MAX: i64 = 99;
/// Blocks after which the difficulty bomb doubles.
const BOMB_PERIOD: u64 = 100_000;
/// Before Homestead: a child within this many seconds raises the difficulty.
const FRONTIER_DURATION_SECS: u64 = 13;

/// Blocks by which each fork put off the bomb (EIP-649, 1234, 2384, 3554, 4345, 5133).
const BOMB_DELAYS: [(Fork, u64); 6] = [
    (Fork::GrayGlacier, 11_400_000),
    (Fork::ArrowGlacier, 10_700_000),
    (Fork::London, 9_700_000),
    (Fork::MuirGlacier, 9_000_000),
    (Fork::Constantinople, 5_000_000),
    (Fork::Byzantium, 3_000_000),
];

/// Difficulty of the child of `parent` at `timestamp`, by the rules of the child's fork.
pub(crate) fn next(spec: &ChainSpec, parent: &Header, timestamp: u64) -> U256 {
    let number = parent.number + 1;
    let elapsed = timestamp.saturating_sub(parent.timestamp);
    let is = |fork| spec.is_active(fork, number, timestamp);
    let delay = BOMB_DELAYS.iter().find(|(fork, _)| is(*fork)).map(|(_, delay)| *delay);
    let steps = match delay {
        Some(_) => {
            let base = if parent.ommers_hash == EMPTY_OMMER_ROOT_HASH { 1 } else { 2 };
            steps_by_duration(base, elapsed, 9)
        }
        None if is(Fork::Homestead) => steps_by_duration(1, elapsed, 10),
        None if elapsed < FRONTIER_DURATION_SECS => 1,
        None => -1,
    };
    let step = parent.difficulty / U256::from(BOUND_DIVISOR);
    let moved = step * U256::from(steps.unsigned_abs());
    let difficulty = if steps < 0 {
        parent.difficulty.saturating_sub(moved)
    } else {
        parent.difficulty.saturating_add(moved)
    };
    // The bomb counts as if the chain were younger by the delay.
    let counted = number.saturating_sub(delay.unwrap_or_default());
    difficulty.max(U256::from(DIFFICULTY_MIN)).saturating_add(bomb(counted))
}

fn steps_by_duration(base: i64, elapsed: u64, seconds_per_step: u64) -> i64 {
    let slow = i64::try_from(elapsed / seconds_per_step).unwrap_or(i64::MAX);
    base.saturating_sub(slow).max(-STEPS_DOWN_MAX)
}

fn bomb(number: u64) -> U256 {
    match (number / BOMB_PERIOD).checked_sub(2) {
        Some(exponent) => U256::ONE
            .checked_shl(usize::try_from(exponent).unwrap_or(usize::MAX))
            .unwrap_or(U256::MAX),
        None => U256::ZERO,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_genesis::Genesis;

    fn spec(fork: &str) -> ChainSpec {
        let json = format!(r#"{{"config":{{"chainId":1,{fork}}},"alloc":{{}}}}"#);
        ChainSpec::from_genesis(serde_json::from_str::<Genesis>(&json).unwrap()).unwrap()
    }

    fn parent(number: u64, difficulty: u64, timestamp: u64) -> Header {
        Header {
            number,
            difficulty: U256::from(difficulty),
            timestamp,
            ommers_hash: EMPTY_OMMER_ROOT_HASH,
            ..Default::default()
        }
    }

    #[test]
    fn equals_mainnet() {
        // Blocks 1 and 2 of mainnet: genesis has difficulty 2^34 and time 0.
        let frontier = spec(r#""homesteadBlock":1150000"#);
        let first = next(&frontier, &parent(0, 17_179_869_184, 0), 1_438_269_988);
        assert_eq!(first, U256::from(17_171_480_576u64));
        let second = next(&frontier, &parent(1, 17_171_480_576, 1_438_269_988), 1_438_270_017);
        assert_eq!(second, U256::from(17_163_096_064u64));
        // Twelve seconds leave the difficulty where it is, and the bomb starts with one at block 200,000.
        let homestead = spec(r#""homesteadBlock":0"#);
        let same = next(&homestead, &parent(200_000, 62_413_376_722_602, 100), 112);
        assert_eq!(same, U256::from(62_413_376_722_602u64 + 1));
    }

    #[test]
    fn never_below_the_minimum() {
        let homestead = spec(r#""homesteadBlock":0"#);
        assert_eq!(next(&homestead, &parent(1, 131_072, 0), 10_000), U256::from(131_072));
    }
}
