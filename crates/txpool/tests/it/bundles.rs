//! Bundles that wait.

use crate::support::Draft;
use alloy_primitives::B256;
use proptest::prelude::*;
use std::{collections::BTreeMap, sync::Arc};
use weir_txpool::{
    Bundle, BundleError, BundlePool, Leeway, MAX_BUNDLE_BLOCKS, MAX_BUNDLE_BYTES,
    MAX_BUNDLE_TRANSACTIONS, MAX_REPLACEMENT_BYTES, PoolTransaction,
};

const NEXT: u64 = 10;

fn bundle(arrival: u64, nonces: &[u64], name: Option<&str>) -> Bundle {
    let transactions: Vec<(Arc<PoolTransaction>, Leeway)> = nonces
        .iter()
        .map(|nonce| (Arc::new(Draft::new(0, *nonce).build(*nonce)), Leeway::default()))
        .collect();
    Bundle {
        hash: Bundle::hash_of(transactions.iter().map(|(one, _)| &one.hash)),
        transactions,
        blocks: NEXT..=NEXT,
        timestamps: 0..=u64::MAX,
        replacement: name.map(str::to_owned),
        arrival,
    }
}

#[test]
fn bounds_are_refused_by_name() {
    let pool = BundlePool::default();
    let check = |bundle: Bundle| pool.check(&bundle, NEXT).unwrap_err();
    assert_eq!(check(bundle(0, &[], None)), BundleError::Empty);
    let many: Vec<u64> = (0..=MAX_BUNDLE_TRANSACTIONS as u64).collect();
    let transactions = MAX_BUNDLE_TRANSACTIONS + 1;
    assert_eq!(check(bundle(0, &many, None)), BundleError::TooManyTransactions { transactions });
    let twice = bundle(0, &[4, 5, 4], None);
    let hash = twice.transactions[0].0.hash;
    assert_eq!(check(twice), BundleError::Repeated { hash });
    let mut large = bundle(0, &[1], None);
    let draft = Draft { input_length: MAX_BUNDLE_BYTES, ..Draft::new(0, 1) };
    large.transactions[0].0 = Arc::new(draft.build(0));
    assert!(matches!(check(large), BundleError::TooLarge { bytes } if bytes > MAX_BUNDLE_BYTES));
    let bytes = MAX_REPLACEMENT_BYTES + 1;
    assert_eq!(
        check(bundle(0, &[1], Some(&"u".repeat(bytes)))),
        BundleError::NameTooLong { bytes }
    );
    for (blocks, expected) in [
        (NEXT - 3..=NEXT - 1, BundleError::Over { last: NEXT - 1, next: NEXT }),
        (
            RangeOf(NEXT + 2, NEXT + 1).into(),
            BundleError::OutOfRange { first: NEXT + 2, last: NEXT + 1, next: NEXT },
        ),
        (
            NEXT..=NEXT + MAX_BUNDLE_BLOCKS + 1,
            BundleError::OutOfRange { first: NEXT, last: NEXT + MAX_BUNDLE_BLOCKS + 1, next: NEXT },
        ),
    ] {
        assert_eq!(check(Bundle { blocks, ..bundle(0, &[1], None) }), expected);
    }
    let farthest = NEXT..=NEXT + MAX_BUNDLE_BLOCKS;
    pool.check(&Bundle { blocks: farthest, ..bundle(0, &[1], None) }, NEXT).unwrap();
}

/// A range that may be empty, which a literal may not.
struct RangeOf(u64, u64);

impl From<RangeOf> for std::ops::RangeInclusive<u64> {
    fn from(RangeOf(first, last): RangeOf) -> Self {
        Self::new(first, last)
    }
}

#[test]
fn a_full_pool_takes_only_what_takes_a_place() {
    let mut pool = BundlePool::new(2);
    pool.add(bundle(0, &[0], Some("a")), NEXT).unwrap();
    pool.add(bundle(1, &[1], None), NEXT).unwrap();
    let full = pool.add(bundle(2, &[2], None), NEXT).unwrap_err();
    assert_eq!(full, BundleError::Full { limit: 2 });
    let replaced = pool.add(bundle(3, &[3], Some("a")), NEXT).unwrap();
    assert_eq!(replaced.len(), 1);
    assert_eq!(pool.named("a").map(|bundle| bundle.arrival), Some(3));
}

#[test]
fn a_block_holds_a_bundle_if_it_holds_all_that_must_be_there() {
    let mut bundle = bundle(0, &[0, 1], None);
    let hash = |bundle: &Bundle, index: usize| bundle.transactions[index].0.hash;
    let (first, second) = (hash(&bundle, 0), hash(&bundle, 1));
    assert!(bundle.is_in(|_| true));
    assert!(!bundle.is_in(|hash| *hash == first));
    bundle.transactions[1].1.may_drop = true;
    assert!(bundle.is_in(|hash| *hash == first));
    assert!(!bundle.is_in(|hash| *hash == second));
    bundle.transactions[0].1.may_drop = true;
    assert!(bundle.is_in(|hash| *hash == second));
    assert!(!bundle.is_in(|_| false), "nothing of it is there");
}

#[test]
fn a_bundle_is_over_by_number_or_by_time() {
    let bundle = Bundle { timestamps: 100..=200, ..bundle(0, &[0], None) };
    assert!(bundle.fits(NEXT, 100) && !bundle.fits(NEXT, 99) && !bundle.fits(NEXT + 1, 150));
    assert!(!bundle.is_over(NEXT, 200) && bundle.is_over(NEXT + 1, 200));
    assert!(bundle.is_over(NEXT, 201));
}

#[derive(Debug, Clone)]
enum Operation {
    Add { nonces: Vec<u64>, name: Option<u8> },
    Remove { nth: usize },
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (prop::collection::vec(0u64..3, 1..3), prop::option::of(0u8..3))
            .prop_map(|(nonces, name)| Operation::Add { nonces, name }),
        1 => (0usize..4).prop_map(|nth| Operation::Remove { nth }),
    ]
}

proptest! {
    /// Against a list that is searched from front to back.
    #[test]
    fn the_pool_does_as_a_naive_one(operations in prop::collection::vec(operation(), 0..60)) {
        const LIMIT: usize = 5;
        let mut pool = BundlePool::new(LIMIT);
        let mut naive: Vec<Bundle> = Vec::new();
        for (arrival, operation) in (0..).zip(operations) {
            match operation {
                Operation::Add { nonces, name } => {
                    let name = name.map(|name| name.to_string());
                    let new = bundle(arrival, &nonces, name.as_deref());
                    let unique: BTreeMap<u64, ()> = nonces.iter().map(|one| (*one, ())).collect();
                    let takes_place = |old: &Bundle| {
                        old.hash == new.hash || (name.is_some() && old.replacement == name)
                    };
                    let places = naive.iter().filter(|old| takes_place(old)).count();
                    let is_good = unique.len() == nonces.len()
                        && (naive.len() < LIMIT || places > 0);
                    let added = pool.add(new.clone(), NEXT);
                    prop_assert_eq!(added.is_ok(), is_good);
                    if let Ok(replaced) = added {
                        prop_assert_eq!(replaced.len(), places);
                        naive.retain(|old| !takes_place(old));
                        naive.push(new);
                    }
                }
                Operation::Remove { nth } => {
                    let hash = naive.get(nth).map_or(B256::ZERO, |bundle| bundle.hash);
                    let removed = pool.remove(&hash);
                    prop_assert_eq!(removed.is_some(), nth < naive.len());
                    naive.retain(|bundle| bundle.hash != hash);
                }
            }
            prop_assert_eq!(pool.len(), naive.len());
            prop_assert_eq!(pool.is_empty(), naive.is_empty());
            prop_assert!(pool.bundles().map(|bundle| &**bundle).eq(&naive));
            for bundle in &naive {
                prop_assert_eq!(pool.get(&bundle.hash).map(|found| &**found), Some(bundle));
                if let Some(name) = &bundle.replacement {
                    prop_assert_eq!(pool.named(name).map(|found| found.hash), Some(bundle.hash));
                }
            }
        }
    }
}
