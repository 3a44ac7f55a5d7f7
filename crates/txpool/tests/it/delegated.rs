//! Senders with an EIP-7702 delegation have a bound of their own.

use crate::support::{Draft, address, delegated, pool, rich, take_all};
use proptest::prelude::*;
use weir_txpool::{DEFAULT_MAX_PER_DELEGATED_SENDER, PoolConfig, PoolError};

#[test]
fn four_are_in_flight_at_once_by_default_and_gaps_are_allowed() {
    const { assert!(DEFAULT_MAX_PER_DELEGATED_SENDER >= 4) };
    let mut pool = pool(PoolConfig::default());
    for nonce in [0, 1, 2, 3, 6] {
        pool.add(Draft::new(0, nonce).build(nonce), &delegated(0)).unwrap();
    }
    assert_eq!(take_all(&mut pool).len(), 4);
    assert_eq!(pool.status().in_flight, 4);
}

#[test]
fn a_sender_that_becomes_delegated_keeps_what_it_has_and_may_replace_it() {
    let mut pool = pool(PoolConfig { max_per_delegated_sender: 4, ..PoolConfig::default() });
    for nonce in 0..6 {
        pool.add(Draft::new(0, nonce).build(nonce), &rich(0)).unwrap();
    }
    assert!(pool.on_sealed([(address(0), delegated(0))], 7).passed.is_empty());
    let error = pool.add(Draft::new(0, 6).build(6), &delegated(0)).unwrap_err();
    assert_eq!(error, PoolError::DelegatedLimit { address: address(0), limit: 4 });
    let message = error.to_string();
    assert!(message.starts_with("in-flight transaction limit reached for delegated accounts"));
    pool.add(Draft::new(0, 5).fees(200, 20).build(7), &delegated(0)).unwrap();
    assert_eq!(take_all(&mut pool).len(), 6);
}

#[test]
fn a_sender_that_clears_its_delegation_has_the_ordinary_bound_again() {
    let mut pool = pool(PoolConfig { max_per_delegated_sender: 4, ..PoolConfig::default() });
    for nonce in 0..4 {
        pool.add(Draft::new(0, nonce).build(nonce), &delegated(0)).unwrap();
    }
    assert!(pool.add(Draft::new(0, 4).build(4), &delegated(0)).is_err());
    pool.on_sealed([(address(0), rich(0))], 7);
    pool.add(Draft::new(0, 4).build(5), &rich(0)).unwrap();
}

proptest! {
    /// Whatever arrives, in any order, with replacements, blocks and balances swept by the delegate, a delegated sender
    /// never holds more than its bound and its nonces come out in order.
    #[test]
    fn the_bound_holds_and_nonces_stay_in_order(
        limit in 4usize..8,
        steps in prop::collection::vec((0u64..14, 1u128..300, 0u8..8), 1..200),
    ) {
        let config = PoolConfig { max_per_delegated_sender: limit, ..PoolConfig::default() };
        let mut pool = pool(config);
        let mut nonce = 0;
        let mut next_out = 0;
        for (arrival, (offset, fee, action)) in steps.into_iter().enumerate() {
            match action {
                0 => {
                    pool.on_sealed([(address(0), delegated(next_out))], 0);
                    nonce = next_out;
                }
                1 => {
                    let swept = weir_txpool::SenderState {
                        balance: alloy_primitives::U256::ZERO,
                        ..delegated(next_out)
                    };
                    pool.on_sealed([(address(0), swept)], 0);
                    nonce = next_out;
                    prop_assert_eq!(take_all(&mut pool), [], "nothing is covered");
                }
                2 | 3 => {
                    while let Some(tx) = pool.take_best(u64::MAX) {
                        prop_assert_eq!(tx.nonce, next_out);
                        next_out += 1;
                    }
                }
                _ => {
                    let tx = Draft::new(0, nonce + offset).fees(fee, fee).build(arrival as u64);
                    let held = pool.len();
                    match pool.add(tx, &delegated(nonce)) {
                        Ok(added) => prop_assert!(added.replaced.is_some() || held < limit),
                        Err(PoolError::DelegatedLimit { .. }) => prop_assert_eq!(held, limit),
                        Err(_) => {}
                    }
                }
            }
            prop_assert!(pool.len() <= limit);
        }
    }
}
