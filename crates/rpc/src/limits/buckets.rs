//! Token buckets by key, in bounded memory.

use super::Rate;
use alloy_primitives::map::HashMap;
use parking_lot::Mutex;
use std::{hash::Hash, time::Duration};

/// Buckets that are kept of one rate. 64 bytes each at most.
const BUCKETS_MAX: usize = 100_000;
const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// One bucket for each key. A bucket is kept as the time at which it is full again (the generic cell rate algorithm),
/// so that a full one need not be kept at all.
#[derive(Debug)]
pub(super) struct Buckets<K> {
    rate: Rate,
    full_at: Mutex<HashMap<K, u64>>,
}

impl<K: Eq + Hash + Copy> Buckets<K> {
    pub(super) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::default() }
    }

    pub(super) const fn rate(&self) -> Rate {
        self.rate
    }

    /// Time in which one unit flows in, in nanoseconds.
    fn unit(&self) -> u64 {
        (NANOS_PER_SECOND / u64::from(self.rate.per_second.get())).max(1)
    }

    /// Takes `cost` units at `now`, nanoseconds of any clock, or says how long until they are there.
    pub(super) fn take(&self, key: K, cost: u32, now: u64) -> Result<(), Duration> {
        let burst = self.rate.burst.get();
        let (unit, cost) = (self.unit(), cost.min(burst));
        let mut full_at = self.full_at.lock();
        if full_at.len() >= BUCKETS_MAX {
            forget(&mut full_at, now);
        }
        let before = full_at.get(&key).copied().unwrap_or(0).max(now);
        let after = before.saturating_add(unit.saturating_mul(u64::from(cost)));
        let latest = now.saturating_add(unit.saturating_mul(u64::from(burst)));
        if after > latest {
            return Err(Duration::from_nanos(after - latest));
        }
        full_at.insert(key, after);
        Ok(())
    }
}

/// Drops the buckets that are full, and if those are few, the half that is nearest to it.
fn forget<K: Eq + Hash + Copy>(full_at: &mut HashMap<K, u64>, now: u64) {
    full_at.retain(|_, at| *at > now);
    if full_at.len() <= BUCKETS_MAX / 2 {
        return;
    }
    let mut times: Vec<u64> = full_at.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    full_at.retain(|_, at| *at > median);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::num::NonZeroU32;

    fn buckets<K: Eq + Hash + Copy>(per_second: u32, burst: u32) -> Buckets<K> {
        let number = |number| NonZeroU32::new(number).unwrap();
        Buckets::new(Rate { per_second: number(per_second), burst: number(burst) })
    }

    #[test]
    fn the_wait_that_is_told_is_enough_and_no_longer() {
        let buckets = buckets(10, 20);
        for _ in 0..4 {
            assert_eq!(buckets.take('a', 5, 7), Ok(()));
        }
        let wait = buckets.take('a', 5, 7).unwrap_err();
        assert_eq!(wait, Duration::from_millis(500));
        let at = 7 + u64::try_from(wait.as_nanos()).unwrap();
        assert!(buckets.take('a', 5, at - 1).is_err());
        assert_eq!(buckets.take('b', 5, 7), Ok(()), "others have their own");
        assert_eq!(buckets.take('a', 5, at), Ok(()));
    }

    #[test]
    fn a_call_above_the_burst_takes_all_of_it() {
        let buckets = buckets(10, 20);
        assert_eq!(buckets.take((), 1_000, 0), Ok(()));
        assert_eq!(buckets.take((), 1, 0), Err(Duration::from_millis(100)));
    }

    #[test]
    fn memory_is_bounded_and_those_in_debt_are_remembered() {
        let buckets = buckets(1, 1_000);
        buckets.take(u64::MAX, 1_000, 0).unwrap();
        for key in 0..3 * BUCKETS_MAX as u64 {
            buckets.take(key, 1, 0).unwrap();
            assert!(buckets.full_at.lock().len() <= BUCKETS_MAX);
        }
        assert!(buckets.take(u64::MAX, 1, 0).is_err());
    }

    proptest! {
        #[test]
        fn no_more_flows_than_the_rate_allows(
            per_second in 1_u32..1_000, burst in 1_u32..1_000,
            calls in proptest::collection::vec((0_u64..200_000_000, 0_u32..500), 1..200),
        ) {
            let buckets = buckets(per_second, burst);
            let (mut now, mut taken) = (0, 0_u64);
            for (pause, cost) in calls {
                now += pause;
                if buckets.take((), cost, now).is_ok() {
                    taken += u64::from(cost.min(burst));
                }
                // One unit more, because a unit's time is rounded down.
                let flowed = u128::from(now) / u128::from(buckets.unit());
                prop_assert!(u128::from(taken) <= u128::from(burst) + flowed + 1);
            }
        }
    }
}
