//! Same candidates, same parent, same attributes: same block.

use crate::support::{COUNTER, Chain, Draft, FUNDED, GWEI, never};
use proptest::prelude::*;
use weir_builder::{SealedOutput, StepLimits};
use weir_txpool::{OrderingPolicy, PoolConfig, PoolTransaction, TxPool};

fn build(ordering: OrderingPolicy, txs: &[PoolTransaction], step: usize) -> SealedOutput {
    let mut chain = Chain::new(30_000_000);
    let config = PoolConfig { ordering, ..PoolConfig::default() };
    let mut pool = TxPool::new(config, chain.next_base_fee());
    for tx in txs {
        let state = chain.sender_state(tx.sender);
        pool.add(tx.clone(), &state).unwrap();
    }
    let mut builder = chain.begin();
    let limits = StepLimits { max_transactions: step };
    while !builder.step(&mut pool, &limits, &never).unwrap().transactions.is_empty() {}
    chain.seal(builder)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The order in which the pool learned of the transactions is not that of the block (the arrival numbers are), nor
    /// do the lengths of the steps matter.
    #[test]
    fn a_block_depends_on_its_candidates_only(
        drafts in prop::collection::vec((0..FUNDED, any::<bool>(), 1u128..20), 1..30),
        shuffle in any::<prop::sample::Index>(),
        ordering in prop::sample::select(OrderingPolicy::ALL.as_slice()),
        step in 1usize..9,
    ) {
        let mut nonces = [0u64; FUNDED as usize];
        let mut txs: Vec<PoolTransaction> = Vec::new();
        for (arrival, (sender, is_call, tip)) in (0..).zip(drafts) {
            let nonce = &mut nonces[usize::from(sender)];
            let draft = if is_call {
                Draft::call(sender, *nonce, COUNTER)
            } else {
                Draft::transfer(sender, *nonce)
            };
            txs.push(draft.with(|tx| tx.max_priority_fee_per_gas = tip * GWEI).sign(arrival));
            *nonce += 1;
        }
        let first = build(ordering, &txs, usize::MAX);
        prop_assert_eq!(first.executed.receipts.len(), txs.len());
        let middle = shuffle.index(txs.len());
        txs.rotate_left(middle);
        let second = build(ordering, &txs, step);
        prop_assert_eq!(first.executed, second.executed);
        prop_assert_eq!(first.updates, second.updates);
    }
}
