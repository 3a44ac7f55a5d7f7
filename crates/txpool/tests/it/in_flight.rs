//! What a block has taken is safe until the block is sealed or dropped.

use crate::support::{Draft, address, pool, rich, take_all};
use weir_txpool::{Placement, PoolConfig, PoolError, TxPool};

fn pool_of_three() -> (TxPool, [alloy_primitives::B256; 3]) {
    let mut pool = pool(PoolConfig::default());
    let hashes = [0, 1, 2].map(|nonce| {
        let tx = Draft::new(0, nonce).build(nonce);
        let hash = tx.hash;
        pool.add(tx, &rich(0)).unwrap();
        hash
    });
    (pool, hashes)
}

#[test]
fn in_flight_is_known_but_cannot_be_replaced_removed_or_given_out_again() {
    let (mut pool, [first, ..]) = pool_of_three();
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (0, 2)]);
    assert_eq!(take_all(&mut pool), []);
    assert!(pool.contains(&first) && pool.is_in_flight(&first));
    let richer = Draft::new(0, 0).fees(1000, 1000).build(9);
    let error = pool.add(richer, &rich(0)).unwrap_err();
    assert_eq!(error, PoolError::InOpenBlock { address: address(0), nonce: 0, hash: first });
    assert!(error.to_string().starts_with("nonce too low"));
    assert_eq!(pool.remove(first).unwrap_err(), error);
    assert!(pool.remove_sender(address(0)).is_empty());
    assert_eq!(pool.len(), 3);
}

#[test]
fn sealing_drops_what_it_included_and_keeps_the_rest() {
    let (mut pool, [first, second, third]) = pool_of_three();
    pool.take_best(u64::MAX).unwrap();
    pool.take_best(u64::MAX).unwrap();
    pool.put_back(&second);
    let passed = pool.on_sealed([(address(0), rich(1))], 7).passed;
    assert_eq!(passed.iter().map(|tx| tx.hash).collect::<Vec<_>>(), [first]);
    assert!(!pool.contains(&first) && pool.contains(&second) && pool.contains(&third));
    assert_eq!(take_all(&mut pool), [(0, 1), (0, 2)]);
    assert_eq!(pool.on_sealed([(address(0), rich(3))], 7).passed.len(), 2);
    assert!(pool.is_empty());
}

#[test]
fn a_block_that_started_before_the_last_seal_keeps_what_it_took() {
    let (mut pool, [_, second, third]) = pool_of_three();
    take_all(&mut pool);
    pool.on_sealed([(address(0), rich(1))], 7);
    assert!(pool.is_in_flight(&second) && pool.is_in_flight(&third));
    assert_eq!(pool.status().in_flight, 2);
}

#[test]
fn a_dropped_block_returns_everything() {
    let (mut pool, _) = pool_of_three();
    take_all(&mut pool);
    pool.release_in_flight();
    assert_eq!(pool.status().in_flight, 0);
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (0, 2)]);
}

#[test]
fn a_rejected_transaction_leaves_a_gap_that_can_be_filled() {
    let (mut pool, [first, second, third]) = pool_of_three();
    take_all(&mut pool);
    assert_eq!(pool.reject(&second).unwrap().hash, second);
    assert!(pool.is_in_flight(&first) && !pool.is_in_flight(&third));
    assert_eq!(pool.placement(&third), Some(Placement::Queued { missing_nonce: 1 }));
    assert!(pool.reject(&third).is_none(), "only what is in flight is rejected");
    pool.add(Draft::new(0, 1).build(9), &rich(0)).unwrap();
    assert_eq!(take_all(&mut pool), [(0, 1), (0, 2)]);
}

#[test]
fn a_deferred_sender_waits_for_the_next_block_and_no_longer() {
    let (mut pool, [_, second, _]) = pool_of_three();
    take_all(&mut pool);
    pool.defer(&second);
    assert_eq!(take_all(&mut pool), []);
    pool.on_sealed([(address(0), rich(1))], 7);
    assert_eq!(take_all(&mut pool), [(0, 1), (0, 2)]);
}

#[test]
fn an_admission_that_read_the_account_before_the_seal_does_not_bring_the_old_nonce_back() {
    let (mut pool, _) = pool_of_three();
    take_all(&mut pool);
    pool.on_sealed([(address(0), rich(3))], 7);
    assert!(pool.is_empty());
    let stale = pool.add(Draft::new(0, 2).fees(500, 500).build(9), &rich(2)).unwrap_err();
    assert!(matches!(stale, PoolError::NonceTooLow { nonce: 2, state: 3, .. }));
    let added = pool.add(Draft::new(0, 3).build(10), &rich(2)).unwrap();
    assert_eq!(added.placement, Placement::Pending);
}

#[test]
fn accounts_of_senders_without_transactions_are_forgotten_after_some_blocks() {
    let (mut pool, _) = pool_of_three();
    take_all(&mut pool);
    pool.on_sealed([(address(0), rich(3))], 7);
    for _ in 0..20 {
        pool.on_sealed([], 7);
    }
    // Nothing is known any more: the caller's word counts.
    let added = pool.add(Draft::new(0, 2).fees(500, 500).build(9), &rich(2)).unwrap();
    assert_eq!(added.placement, Placement::Pending);
}

#[test]
fn a_reorg_takes_nonces_back() {
    let (mut pool, _) = pool_of_three();
    take_all(&mut pool);
    pool.on_sealed([(address(0), rich(2))], 7);
    pool.on_sealed([(address(0), rich(0))], 7);
    assert_eq!((pool.status().pending, pool.status().queued), (0, 1));
    pool.add(Draft::new(0, 0).build(20), &rich(0)).unwrap();
    pool.add(Draft::new(0, 1).build(21), &rich(0)).unwrap();
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (0, 2)]);
}
