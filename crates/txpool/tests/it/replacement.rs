//! Replacement needs the bump in both fees, to the wei.

use crate::support::{Draft, pool, rich, take_all};
use weir_txpool::{PoolConfig, PoolError};

/// Whether fees of `new` replace those of `old` at 10 %.
fn replaces(old: (u128, u128), new: (u128, u128)) -> bool {
    let mut pool = pool(PoolConfig::default());
    let old = Draft::new(0, 0).fees(old.0, old.1).build(0);
    pool.add(old.clone(), &rich(0)).unwrap();
    match pool.add(Draft::new(0, 0).fees(new.0, new.1).value(1).build(1), &rich(0)) {
        Ok(added) => {
            assert_eq!(added.replaced, Some(old.hash));
            assert!(!pool.contains(&old.hash));
            assert_eq!(pool.status().pending, 1);
            true
        }
        Err(PoolError::ReplacementUnderpriced { .. }) => {
            assert!(pool.contains(&old.hash));
            false
        }
        Err(other) => panic!("unexpected {other}"),
    }
}

#[test]
fn bump_is_rounded_up_and_counts_at_the_threshold() {
    assert!(replaces((100, 10), (110, 11)));
    assert!(!replaces((100, 10), (109, 11)));
    assert!(!replaces((100, 10), (110, 10)));
    // 101 * 1.1 = 111.1
    assert!(!replaces((101, 10), (111, 11)));
    assert!(replaces((101, 10), (112, 11)));
}

#[test]
fn free_transactions_are_replaced_by_one_wei_more() {
    assert!(!replaces((0, 0), (0, 0)) && replaces((0, 0), (1, 1)));
    assert!(!replaces((100, 0), (110, 0)) && replaces((100, 0), (110, 1)));
}

#[test]
fn fees_near_the_end_of_the_type_cannot_be_replaced_and_do_not_overflow() {
    let mut pool = pool(PoolConfig::default());
    let state = weir_txpool::SenderState { balance: alloy_primitives::U256::MAX, ..rich(0) };
    pool.add(Draft::new(0, 0).fees(u128::MAX - 5, 0).build(0), &state).unwrap();
    let error = pool.add(Draft::new(0, 0).fees(u128::MAX - 1, 1).build(1), &state).unwrap_err();
    assert_eq!(
        error,
        PoolError::ReplacementUnderpriced { fee_cap_needed: u128::MAX, tip_cap_needed: 1 }
    );
}

#[test]
fn the_replacement_is_given_out_in_its_place() {
    let mut pool = pool(PoolConfig::default());
    for nonce in 0..3 {
        pool.add(Draft::new(0, nonce).build(nonce), &rich(0)).unwrap();
    }
    let new = Draft::new(0, 1).fees(200, 20).build(9);
    pool.add(new.clone(), &rich(0)).unwrap();
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (0, 2)]);
    assert!(pool.is_in_flight(&new.hash));
}

#[test]
fn a_replacement_counts_its_difference_against_the_balance() {
    let mut pool = pool(PoolConfig::default());
    let cost = alloy_primitives::U256::from(21_000 * 100);
    let state =
        weir_txpool::SenderState { balance: cost * alloy_primitives::U256::from(2), ..rich(0) };
    pool.add(Draft::new(0, 0).build(0), &state).unwrap();
    pool.add(Draft::new(0, 1).fees(90, 9).build(1), &state).unwrap();
    let error = pool.add(Draft::new(0, 1).fees(101, 10).build(2), &state).unwrap_err();
    assert!(matches!(error, PoolError::InsufficientFundsQueued { queued, .. } if queued == cost));
    pool.add(Draft::new(0, 1).fees(100, 10).build(3), &state).unwrap();
}
