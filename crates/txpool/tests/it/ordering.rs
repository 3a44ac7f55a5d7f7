//! The policies, the base fee, the gas that is left, and what balance and nonce hold back.

use crate::support::{Draft, pool, rich, take_all};
use alloy_primitives::U256;
use weir_txpool::{OrderingPolicy, Placement, PoolConfig, PoolError, SenderCode, SenderState};

fn by_tip() -> PoolConfig {
    PoolConfig { ordering: OrderingPolicy::PriorityFee, ..PoolConfig::default() }
}

#[test]
fn first_come_first_served_keeps_arrival_and_nonces() {
    let mut pool = pool(PoolConfig::default());
    for (arrival, (sender, nonce)) in
        [(2, 0), (0, 1), (1, 0), (2, 1), (0, 0)].into_iter().enumerate()
    {
        pool.add(Draft::new(sender, nonce).build(arrival as u64), &rich(0)).unwrap();
    }
    // (0, 1) came second, but waited for (0, 0).
    assert_eq!(take_all(&mut pool), [(2, 0), (1, 0), (2, 1), (0, 0), (0, 1)]);
}

#[test]
fn priority_fee_is_what_is_left_above_the_base_fee() {
    let mut pool = pool(by_tip());
    for (sender, fee_cap, tip_cap) in [(0, 100, 10), (1, 30, 30), (2, 50, 20), (3, 25, 1)] {
        let tx = Draft::new(sender, 0).fees(fee_cap, tip_cap).build(u64::from(sender));
        pool.add(tx, &rich(0)).unwrap();
    }
    // At 7: 10, 23, 20, 1.
    assert_eq!(take_all(&mut pool), [(1, 0), (2, 0), (0, 0), (3, 0)]);
    pool.release_in_flight();
    // At 26: 10, 4, 20, none.
    pool.on_sealed([], 26);
    assert_eq!(take_all(&mut pool), [(2, 0), (0, 0), (1, 0)]);
    pool.release_in_flight();
    // At 90: 10, none, none, none. Nothing was dropped meanwhile.
    pool.on_sealed([], 90);
    assert_eq!(take_all(&mut pool), [(0, 0)]);
    pool.release_in_flight();
    pool.on_sealed([], 0);
    assert_eq!(take_all(&mut pool), [(1, 0), (2, 0), (0, 0), (3, 0)]);
}

#[test]
fn equal_tips_go_by_arrival() {
    let mut pool = pool(by_tip());
    for (arrival, sender) in [3, 1, 2].into_iter().enumerate() {
        pool.add(Draft::new(sender, 0).build(arrival as u64), &rich(0)).unwrap();
    }
    // Limited by its fee cap to the same tip of 10 at base fee 7, and first of all.
    pool.add(Draft::new(4, 0).fees(17, 17).build(0), &rich(0)).unwrap();
    assert_eq!(take_all(&mut pool), [(3, 0), (4, 0), (1, 0), (2, 0)]);
}

#[test]
fn a_fee_cap_below_the_base_fee_waits() {
    for config in [PoolConfig::default(), by_tip()] {
        let mut pool = pool(config);
        let added = pool.add(Draft::new(0, 0).fees(6, 6).build(0), &rich(0)).unwrap();
        assert_eq!(added.placement, Placement::Pending);
        assert_eq!(take_all(&mut pool), []);
        pool.on_sealed([], 6);
        assert_eq!(take_all(&mut pool), [(0, 0)]);
    }
}

#[test]
fn a_gap_waits_and_is_promoted_when_it_is_filled() {
    let mut pool = pool(PoolConfig::default());
    let late = Draft::new(0, 7).build(0);
    let added = pool.add(late.clone(), &rich(5)).unwrap();
    assert_eq!(added.placement, Placement::Queued { missing_nonce: 5 });
    assert_eq!(pool.pending_nonce(&late.sender, 5), 5);
    pool.add(Draft::new(0, 5).build(1), &rich(5)).unwrap();
    assert_eq!(pool.placement(&late.hash), Some(Placement::Queued { missing_nonce: 6 }));
    assert_eq!(pool.pending_nonce(&late.sender, 5), 6);
    assert_eq!((pool.status().pending, pool.status().queued), (1, 1));
    pool.add(Draft::new(0, 6).build(2), &rich(5)).unwrap();
    assert_eq!(pool.placement(&late.hash), Some(Placement::Pending));
    assert_eq!(pool.pending_nonce(&late.sender, 5), 8);
    let view = pool.sender(&late.sender).unwrap();
    assert_eq!(view.pending().map(|tx| tx.nonce).collect::<Vec<_>>(), [5, 6, 7]);
    assert_eq!(view.queued().count(), 0);
    assert_eq!(take_all(&mut pool), [(0, 5), (0, 6), (0, 7)]);
}

#[test]
fn pending_nonce_follows_a_caller_that_is_ahead() {
    let mut pool = pool(PoolConfig::default());
    let sender = Draft::new(0, 0).build(0).sender;
    assert_eq!(pool.pending_nonce(&sender, 42), 42);
    for nonce in [0, 2, 3, 5] {
        pool.add(Draft::new(0, nonce).build(nonce), &rich(0)).unwrap();
    }
    assert_eq!(
        [0, 1, 2, 3, 4, 5].map(|state| pool.pending_nonce(&sender, state)),
        [1, 1, 4, 4, 4, 6]
    );
}

#[test]
fn what_does_not_fit_waits_for_the_next_block() {
    let mut pool = pool(PoolConfig::default());
    pool.add(Draft::new(0, 0).gas(500_000).build(0), &rich(0)).unwrap();
    pool.add(Draft::new(1, 0).build(1), &rich(0)).unwrap();
    assert_eq!(pool.take_best(100_000).unwrap().nonce, 0);
    assert!(pool.take_best(u64::MAX).is_none());
    pool.on_sealed([(crate::support::address(1), rich(1))], 7);
    assert_eq!(pool.take_best(u64::MAX).unwrap().gas_limit, 500_000);
}

#[test]
fn what_the_balance_no_longer_covers_leaves_and_its_successors_wait() {
    let mut pool = pool(PoolConfig::default());
    let sent = [0, 1, 2].map(|nonce| {
        let gas = if nonce == 1 { 40_000 } else { 21_000 };
        Draft::new(0, nonce).gas(gas).build(nonce)
    });
    for tx in &sent {
        pool.add(tx.clone(), &rich(0)).unwrap();
    }
    let sender = crate::support::address(0);
    let cost = U256::from(21_000 * 100);
    let poor = SenderState { balance: cost, ..rich(0) };
    let effects = pool.on_sealed([(sender, poor)], 7);
    let left: Vec<_> = effects.unfunded.iter().map(|left| left.hash).collect();
    assert_eq!((left, effects.restood), (vec![sent[1].hash], vec![sent[2].hash]));
    assert_eq!(pool.placement(&sent[2].hash), Some(Placement::Queued { missing_nonce: 1 }));
    assert_eq!(take_all(&mut pool), [(0, 0)]);
    // What is in flight stays, whatever the balance: execution decides about it.
    let broke = SenderState { balance: U256::ZERO, ..poor };
    let effects = pool.on_sealed([(sender, broke)], 7);
    assert_eq!(effects.unfunded.len(), 1);
    assert_eq!(pool.status().in_flight, 1);
}

#[test]
fn what_the_balance_covers_only_without_those_before_it_waits() {
    let mut pool = pool(PoolConfig::default());
    for nonce in 0..2 {
        pool.add(Draft::new(0, nonce).build(nonce), &rich(0)).unwrap();
    }
    let sender = crate::support::address(0);
    let poor = SenderState { balance: U256::from(21_000 * 100), ..rich(0) };
    assert!(pool.on_sealed([(sender, poor)], 7).unfunded.is_empty());
    assert_eq!(take_all(&mut pool), [(0, 0)], "the second is tried once the first has paid");
    assert_eq!(pool.status().pending, 2);
}

#[test]
fn who_crosses_the_base_fee_is_told() {
    for ordering in [OrderingPolicy::Fifo, OrderingPolicy::PriorityFee] {
        let mut pool = pool(PoolConfig { ordering, ..PoolConfig::default() });
        let low = Draft::new(0, 0).fees(20, 5).build(0);
        let high = Draft::new(1, 0).fees(30, 30).build(1);
        pool.add(low.clone(), &rich(0)).unwrap();
        pool.add(high.clone(), &rich(0)).unwrap();
        let mut restood = |base_fee| {
            let mut told = pool.on_sealed([], base_fee).restood;
            told.sort_unstable();
            told
        };
        let mut both = vec![low.hash, high.hash];
        both.sort_unstable();
        assert!(restood(20).is_empty(), "it still pays");
        assert_eq!(restood(21), [low.hash]);
        assert_eq!(restood(31), [high.hash]);
        assert!(restood(500).is_empty());
        assert_eq!(restood(30), [high.hash]);
        assert_eq!(restood(31), [high.hash]);
        assert_eq!(restood(1), both);
    }
}

#[test]
fn a_contract_may_not_send() {
    let state = SenderState { code: SenderCode::Contract, ..rich(0) };
    let error = pool(PoolConfig::default()).add(Draft::new(0, 0).build(0), &state).unwrap_err();
    assert!(error.to_string().starts_with("sender not an eoa"));
}

#[test]
fn wallets_recognise_the_refusals() {
    let mut pool = pool(PoolConfig::default());
    let tx = Draft::new(0, 5).build(0);
    pool.add(tx.clone(), &rich(5)).unwrap();
    let message = |error: PoolError| error.to_string();
    assert_eq!(message(pool.add(tx, &rich(5)).unwrap_err()), "already known");
    let low = message(pool.add(Draft::new(0, 4).build(1), &rich(5)).unwrap_err());
    let sender = crate::support::address(0);
    assert_eq!(low, format!("nonce too low: address {sender}, tx: 4 state: 5"));
    let poor = SenderState { nonce: 0, balance: U256::from(2_000_000), code: SenderCode::Empty };
    let funds = message(pool.add(Draft::new(1, 0).build(2), &poor).unwrap_err());
    assert_eq!(
        funds,
        "insufficient funds for gas * price + value: balance 2000000, tx cost 2100000, overshot 100000"
    );
    let enough = SenderState { balance: U256::from(3_000_000), ..poor };
    pool.add(Draft::new(2, 0).build(3), &enough).unwrap();
    let both = message(pool.add(Draft::new(2, 1).build(4), &enough).unwrap_err());
    assert_eq!(
        both,
        "insufficient funds for gas * price + value: balance 3000000, queued cost 2100000, tx cost 2100000, overshot 1200000"
    );
}
