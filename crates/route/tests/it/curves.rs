//! Curves in floats against the contracts' integers.

use crate::world::World;
use alloy_primitives::U256;
use proptest::prelude::*;
use weir_amm::{Direction, QuoteError, SwapKind};
use weir_arena::{Pool, PoolCurve, PoolStatus};

fn float(value: U256) -> f64 {
    value.to_string().parse().unwrap()
}

/// Output for an input that goes through all ranges it needs, and what of the input was taken.
fn out(curve: &PoolCurve<'_>, amount_in: f64) -> (f64, f64) {
    let (mut left, mut taken, mut sum) = (amount_in, 0.0, 0.0);
    for range in curve.ranges() {
        if left <= range.capacity_in {
            return (sum + range.out(left), amount_in);
        }
        left -= range.capacity_in;
        taken += range.capacity_in;
        sum += range.capacity_out;
    }
    (sum, taken)
}

fn assert_near(found: f64, expected: f64, slack: f64) {
    let allowed = 1e-9 * expected.abs() + slack;
    assert!((found - expected).abs() <= allowed, "{found} is not {expected} within {allowed}");
}

fn check(pool: &Pool, direction: Direction, amount: U256) {
    let curve = pool.curve(direction).unwrap();
    let ranges = curve.ranges().count() as f64;
    let (given, taken) = out(&curve, float(amount));
    match pool.quote(direction, SwapKind::ExactIn(amount)) {
        Ok((_, exact)) => {
            // The contract rounds each step in the pool's favour, by a unit of either token.
            let unit = curve.ln_price().exp().max(1.0);
            assert_near(given, float(exact), 2.0 * (ranges + 300.0) * unit);
            assert!(float(exact).ln() <= float(amount).ln() + curve.ln_price() + 1e-9);
        }
        Err(QuoteError::InsufficientLiquidity { available, .. }) if !available.is_zero() => {
            let unit = (-curve.ln_price()).exp().max(1.0);
            assert_near(taken, float(available), 2.0 * (ranges + 300.0) * unit);
        }
        Err(QuoteError::InsufficientLiquidity { .. } | QuoteError::AmountTooLarge { .. }) => {}
        Err(error) => panic!("the pool is live: {error}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn all_ranges_together_give_what_the_contract_gives(seed: u64, sizes in prop::collection::vec((1..=100u32, any::<u128>()), 8)) {
        let mut world = World::new(seed, 4, 6);
        let snapshot = world.snapshot();
        for (_, pool) in snapshot.pools() {
            for direction in [Direction::ZeroForOne, Direction::OneForZero] {
                for (bits, amount) in &sizes {
                    check(pool, direction, U256::from((amount >> (128 - bits)).max(1)));
                }
            }
        }
    }

    #[test]
    fn ranges_follow_each_other_and_prices_fall(seed: u64) {
        let mut world = World::new(seed, 3, 8);
        let snapshot = world.snapshot();
        for (_, pool) in snapshot.pools() {
            for direction in [Direction::ZeroForOne, Direction::OneForZero] {
                let curve = pool.curve(direction).unwrap();
                let ranges: Vec<_> = curve.ranges().collect();
                for pair in ranges.windows(2) {
                    let end = pair[0].after(pair[0].capacity_in).price();
                    prop_assert!(pair[1].price() <= end * (1.0 + 1e-9));
                }
                let Some(first) = ranges.first() else { continue };
                prop_assert!(first.price().ln() <= curve.ln_price() + 1e-9);
                let middle = first.price() * 0.999_99;
                let input = first.input_to_rate(middle);
                if input < first.capacity_in {
                    assert_near(first.after(input).price(), middle, 0.0);
                }
                prop_assert_eq!(first.input_to_rate(first.price() * 1.1), 0.0);
            }
        }
    }
}

#[test]
fn only_live_pools_have_curves() {
    let mut world = World::new(7, 3, 3);
    let unsynced = world.add_pool();
    let keys: Vec<_> = world.arena.pools().map(|(_, pool)| pool.statics().key).collect();
    let halting = world.contradiction(keys[0]);
    world.apply(vec![halting]);
    let snapshot = world.snapshot();
    let status = |key| snapshot.get(key).unwrap().status();
    assert_eq!((status(&keys[0]), status(&unsynced)), (PoolStatus::Halted, PoolStatus::Unsynced));
    for key in [&keys[0], &unsynced] {
        let pool = snapshot.get(key).unwrap();
        assert!(pool.curve(Direction::ZeroForOne).is_none());
        assert!(pool.curve(Direction::OneForZero).is_none());
    }
    assert!(snapshot.get(&keys[1]).unwrap().curve(Direction::ZeroForOne).is_some());
}
