//! Blocks that leave the chain give nonces back.

use crate::support::{Draft, address, pool, rich, take_all};
use weir_txpool::{Placement, PoolConfig, PoolError};

#[test]
fn nonces_go_down_and_orphaned_transactions_fill_the_gap() {
    let mut pool = pool(PoolConfig::default());
    let orphans = [0, 1].map(|nonce| Draft::new(0, nonce).build(nonce));
    for orphan in &orphans {
        pool.add(orphan.clone(), &rich(0)).unwrap();
    }
    take_all(&mut pool);
    pool.on_sealed([(address(0), rich(2))], 7);
    let later = Draft::new(0, 2).build(2);
    pool.add(later.clone(), &rich(2)).unwrap();
    assert!(pool.on_reorged([(address(0), rich(0))], 7).passed.is_empty());
    let queued = Some(Placement::Queued { missing_nonce: 0 });
    assert_eq!(pool.placement(&later.hash), queued);
    assert_eq!(take_all(&mut pool), []);
    for orphan in orphans {
        assert_eq!(pool.add(orphan, &rich(0)).unwrap().placement, Placement::Pending);
    }
    assert_eq!(take_all(&mut pool), [(0, 0), (0, 1), (0, 2)]);
}

#[test]
fn an_admission_that_read_the_account_before_the_reorg_does_not_bring_the_nonce_back() {
    let mut pool = pool(PoolConfig::default());
    pool.on_reorged([(address(0), rich(3))], 7);
    // The reader saw nonce 5, which two blocks had reached that are gone now.
    let ahead = Draft::new(0, 5).build(0);
    let placement = pool.add(ahead, &rich(5)).unwrap().placement;
    assert_eq!(placement, Placement::Queued { missing_nonce: 3 });
    assert_eq!(
        pool.add(Draft::new(0, 3).build(1), &rich(5)).unwrap().placement,
        Placement::Pending
    );
    let error = pool.add(Draft::new(0, 2).build(2), &rich(2)).unwrap_err();
    assert_eq!(error, PoolError::NonceTooLow { address: address(0), nonce: 2, state: 3 });
}

#[test]
fn accounts_of_a_reorg_are_forgotten_after_some_blocks() {
    let mut pool = pool(PoolConfig::default());
    pool.on_reorged([(address(0), rich(3))], 7);
    for _ in 0..16 {
        pool.on_sealed([], 7);
    }
    let placement = pool.add(Draft::new(0, 5).build(0), &rich(5)).unwrap().placement;
    assert_eq!(placement, Placement::Pending);
}
