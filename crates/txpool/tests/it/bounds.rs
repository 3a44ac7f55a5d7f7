//! The pool's bounds and who leaves when one is reached.

use crate::support::{Draft, address, pool, rich, take_all};
use weir_txpool::{PoolConfig, PoolError};

#[test]
fn a_full_pool_evicts_the_cheapest_for_a_better_one_and_refuses_a_worse_one() {
    let mut pool = pool(PoolConfig { max_transactions: 3, ..PoolConfig::default() });
    let cheapest = Draft::new(1, 0).fees(50, 5).build(1);
    pool.add(Draft::new(0, 0).fees(60, 5).build(0), &rich(0)).unwrap();
    pool.add(cheapest.clone(), &rich(0)).unwrap();
    pool.add(Draft::new(2, 0).fees(70, 5).build(2), &rich(0)).unwrap();
    let error = pool.add(Draft::new(3, 0).fees(50, 5).build(3), &rich(0)).unwrap_err();
    assert_eq!(error, PoolError::Full { fee_cap: 50 });
    assert!(error.to_string().starts_with("txpool is full"));
    let added = pool.add(Draft::new(3, 0).fees(51, 5).build(4), &rich(0)).unwrap();
    assert_eq!(added.evicted, [cheapest.hash]);
    assert_eq!(pool.len(), 3);
}

#[test]
fn only_the_end_of_a_chain_is_evicted() {
    let mut pool = pool(PoolConfig { max_transactions: 3, ..PoolConfig::default() });
    for (nonce, fee_cap) in [(0, 10), (1, 80), (2, 90)] {
        pool.add(Draft::new(0, nonce).fees(fee_cap, 1).build(nonce), &rich(0)).unwrap();
    }
    // The cheapest is nonce 0, but the end of the chain is nonce 2.
    assert!(pool.add(Draft::new(1, 0).fees(85, 1).build(3), &rich(0)).is_err());
    pool.add(Draft::new(1, 0).fees(95, 1).build(4), &rich(0)).unwrap();
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (1, 0)]);
}

#[test]
fn a_sender_does_not_evict_what_its_own_transaction_builds_on() {
    let mut pool = pool(PoolConfig { max_transactions: 2, ..PoolConfig::default() });
    pool.add(Draft::new(0, 0).fees(10, 1).build(0), &rich(0)).unwrap();
    pool.add(Draft::new(1, 0).fees(500, 1).build(1), &rich(0)).unwrap();
    assert!(pool.add(Draft::new(0, 1).fees(100, 1).build(2), &rich(0)).is_err());
}

#[test]
fn transactions_behind_a_gap_leave_first_whatever_they_pay() {
    let mut pool = pool(PoolConfig { max_transactions: 2, ..PoolConfig::default() });
    let gapped = Draft::new(0, 5).fees(1_000, 100).build(0);
    pool.add(gapped.clone(), &rich(0)).unwrap();
    pool.add(Draft::new(1, 0).build(1), &rich(0)).unwrap();
    let added = pool.add(Draft::new(2, 0).build(2), &rich(0)).unwrap();
    assert_eq!(added.evicted, [gapped.hash]);
    assert!(pool.add(Draft::new(3, 5).fees(1_000, 100).build(3), &rich(0)).is_err());
}

#[test]
fn what_is_in_flight_is_not_evicted() {
    let mut pool = pool(PoolConfig { max_transactions: 2, ..PoolConfig::default() });
    pool.add(Draft::new(0, 0).build(0), &rich(0)).unwrap();
    pool.add(Draft::new(0, 1).build(1), &rich(0)).unwrap();
    take_all(&mut pool);
    let rich_one = Draft::new(1, 0).fees(10_000, 10_000).build(2);
    assert!(matches!(pool.add(rich_one, &rich(0)), Err(PoolError::Full { .. })));
}

#[test]
fn bytes_are_bounded_and_a_large_transaction_displaces_several() {
    let small = Draft::new(0, 0).build(0).encoded_length;
    let mut pool = pool(PoolConfig { max_bytes: small * 4, ..PoolConfig::default() });
    for sender in 0..4 {
        let fee_cap = 100 + u128::from(sender);
        pool.add(Draft::new(sender, 0).fees(fee_cap, 10).build(u64::from(sender)), &rich(0))
            .unwrap();
    }
    let large = Draft { input_length: small, ..Draft::new(4, 0) };
    // It displaces two and part of a third, and pays more than the third only in the second case.
    assert!(pool.add(large.fees(102, 10).build(4), &rich(0)).is_err());
    assert_eq!(pool.len(), 4, "a refused transaction evicts nothing");
    let added = pool.add(large.fees(103, 10).build(5), &rich(0)).unwrap();
    assert_eq!(added.evicted.len(), 3);
    assert!(pool.status().bytes <= small * 4);
}

#[test]
fn a_large_transaction_does_not_clear_the_pool() {
    let small = Draft::new(0, 0).build(0).encoded_length;
    let mut pool = pool(PoolConfig { max_bytes: small * 250, ..PoolConfig::default() });
    for sender in 0..250 {
        pool.add(Draft::new(sender, 0).build(u64::from(sender)), &rich(0)).unwrap();
    }
    let huge = Draft { input_length: small * 200, ..Draft::new(251, 0) }.fees(10_000, 10);
    assert!(matches!(pool.add(huge.build(251), &rich(0)), Err(PoolError::Full { .. })));
    assert_eq!(pool.len(), 250);
}

#[test]
fn senders_are_bounded() {
    let config =
        PoolConfig { max_per_sender: 3, max_queued_per_sender: 2, ..PoolConfig::default() };
    let mut pool = pool(config);
    for (arrival, nonce) in [(0, 3), (1, 5)] {
        pool.add(Draft::new(0, nonce).build(arrival), &rich(0)).unwrap();
    }
    let error = pool.add(Draft::new(0, 4).build(2), &rich(0)).unwrap_err();
    assert_eq!(error, PoolError::QueuedLimit { address: address(0), limit: 2, missing_nonce: 0 });
    pool.add(Draft::new(0, 0).build(3), &rich(0)).unwrap();
    let error = pool.add(Draft::new(0, 1).build(4), &rich(0)).unwrap_err();
    assert_eq!(error, PoolError::AccountLimit { address: address(0), limit: 3 });
    pool.add(Draft::new(0, 3).fees(200, 20).build(5), &rich(0)).expect("replacing is not growing");
}

#[test]
fn gapped_transactions_are_bounded_globally() {
    let mut pool = pool(PoolConfig { max_queued: 2, ..PoolConfig::default() });
    pool.add(Draft::new(0, 1).fees(50, 1).build(0), &rich(0)).unwrap();
    pool.add(Draft::new(1, 1).fees(60, 1).build(1), &rich(0)).unwrap();
    assert!(pool.add(Draft::new(2, 1).fees(50, 1).build(2), &rich(0)).is_err());
    assert_eq!(pool.add(Draft::new(2, 1).fees(55, 1).build(3), &rich(0)).unwrap().evicted.len(), 1);
    pool.add(Draft::new(3, 0).fees(10, 1).build(4), &rich(0)).expect("it is not behind a gap");
    assert_eq!(pool.status().queued, 2);
}
