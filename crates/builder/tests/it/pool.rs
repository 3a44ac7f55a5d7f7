//! Building from the pool.

use crate::support::{COUNTER, Chain, Draft, GWEI, REVERTER, hashes, never};
use alloy_primitives::B256;
use std::cell::Cell;
use weir_builder::{BlockBuilder, Step, StepEnd, StepLimits};
use weir_evm::TransactionRejected;
use weir_txpool::{OrderingPolicy, Placement, PoolConfig, PoolTransaction, TxPool};

const NO_LIMITS: StepLimits = StepLimits { max_transactions: usize::MAX };

fn pool(chain: &Chain, ordering: OrderingPolicy) -> TxPool {
    TxPool::new(PoolConfig { ordering, ..PoolConfig::default() }, chain.next_base_fee())
}

fn add(pool: &mut TxPool, chain: &Chain, tx: PoolTransaction) -> B256 {
    let hash = tx.hash;
    let state = chain.sender_state(tx.sender);
    pool.add(tx, &state).unwrap();
    hash
}

fn step(builder: &mut BlockBuilder, pool: &mut TxPool) -> Step {
    builder.step(pool, &NO_LIMITS, &never).unwrap()
}

#[test]
fn the_policy_decides_the_order_and_nonces_come_in_order() {
    let tips = [(0, 0, 1), (1, 0, 3), (0, 1, 9), (2, 0, 2)];
    let expected = [
        (OrderingPolicy::Fifo, [0, 1, 2, 3]),
        // (0, 1) pays most, but waits for (0, 0).
        (OrderingPolicy::PriorityFee, [1, 3, 0, 2]),
    ];
    for (ordering, expected) in expected {
        let mut chain = Chain::new(30_000_000);
        let mut pool = pool(&chain, ordering);
        let added: Vec<B256> = (0..)
            .zip(tips)
            .map(|(arrival, (signer, nonce, tip))| {
                let draft = Draft::transfer(signer, nonce)
                    .with(|tx| tx.max_priority_fee_per_gas = tip * GWEI);
                add(&mut pool, &chain, draft.sign(arrival))
            })
            .collect();
        let mut builder = chain.begin();
        let step = step(&mut builder, &mut pool);
        assert_eq!(step.end, StepEnd::Exhausted);
        let output = chain.seal(builder);
        assert_eq!(hashes(&output), expected.map(|index: usize| added[index]));
    }
}

#[test]
fn what_does_not_fit_stays_in_the_pool_for_the_next_block() {
    // Three transfers and a bit.
    let mut chain = Chain::new(70_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    let large = Draft::transfer(0, 0).with(|tx| tx.gas_limit = 60_000);
    let large = add(&mut pool, &chain, large.sign(0));
    let larger = Draft::call(1, 0, COUNTER);
    let larger = add(&mut pool, &chain, larger.sign(1));
    let small = [2, 3]
        .map(|signer| add(&mut pool, &chain, Draft::transfer(signer, 0).sign(u64::from(signer))));
    let mut builder = chain.begin();
    let step = step(&mut builder, &mut pool);
    // The first uses only 21,000 of its 60,000. Then 49,000 are left, too few for the second, enough for two more.
    assert_eq!(step.end, StepEnd::Full);
    let reason = TransactionRejected::BlockGasExhausted { gas_limit: 60_000, available: 49_000 };
    assert_eq!(step.deferred.iter().map(|left| &left.reason).collect::<Vec<_>>(), [&reason]);
    assert!(step.rejected.is_empty());
    let output = chain.seal(builder);
    assert_eq!(hashes(&output), [large, small[0], small[1]]);
    pool.on_sealed(crate::support::changes(&output), chain.next_base_fee());
    assert_eq!(pool.len(), 1);
    let mut builder = chain.begin();
    crate::pool::step(&mut builder, &mut pool);
    assert_eq!(hashes(&chain.seal(builder)), [larger]);
}

#[test]
fn after_a_step_exactly_what_joined_the_block_is_in_flight() {
    let chain = Chain::new(30_000_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    let added: Vec<B256> = (0..20)
        .map(|arrival| {
            let signer = (arrival % 4) as u8;
            add(&mut pool, &chain, Draft::transfer(signer, arrival / 4).sign(arrival))
        })
        .collect();
    let mut builder = chain.begin();
    // Asked before each chunk and each transaction: seven get through.
    let left = Cell::new(8);
    let stop = || {
        left.set(left.get() - 1);
        left.get() < 0
    };
    let stopped = builder.step(&mut pool, &NO_LIMITS, &stop).unwrap();
    assert_eq!((stopped.end, stopped.transactions.len()), (StepEnd::Stopped, 7));
    assert_eq!(pool.status().in_flight, 7);
    let limited = builder.step(&mut pool, &StepLimits { max_transactions: 5 }, &never).unwrap();
    assert_eq!((limited.end, limited.first_index), (StepEnd::LimitReached, 7));
    assert_eq!(pool.status().in_flight, 12);
    let rest = step(&mut builder, &mut pool);
    assert_eq!((rest.end, rest.first_index, rest.transactions.len()), (StepEnd::Exhausted, 12, 8));
    let joined: Vec<B256> = [stopped, limited, rest]
        .iter()
        .flat_map(|step| step.transactions.iter().map(|tx| tx.hash))
        .collect();
    assert_eq!(joined, added, "the interruptions did not change the order");
    // A dropped block gives everything back.
    drop(builder);
    pool.release_in_flight();
    assert_eq!((pool.status().in_flight, pool.len()), (0, 20));
    let mut builder = chain.begin();
    let whole = step(&mut builder, &mut pool);
    assert_eq!(whole.transactions.iter().map(|tx| tx.hash).collect::<Vec<_>>(), added);
}

#[test]
fn a_step_that_must_stop_at_once_appends_nothing() {
    let chain = Chain::new(30_000_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    add(&mut pool, &chain, Draft::transfer(0, 0).sign(0));
    let mut builder = chain.begin();
    let step = builder.step(&mut pool, &NO_LIMITS, &|| true).unwrap();
    assert_eq!((step.end, step.transactions.len()), (StepEnd::Stopped, 0));
    assert_eq!(pool.status().in_flight, 0);
}

#[test]
fn an_invalid_transaction_is_dropped_with_its_reason_and_its_successors_wait() {
    let mut chain = Chain::new(30_000_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    let bad = Draft::call(0, 0, COUNTER).with(|tx| tx.gas_limit = 20_999);
    let bad = add(&mut pool, &chain, bad.sign(0));
    let next = add(&mut pool, &chain, Draft::transfer(0, 1).sign(1));
    let other = add(&mut pool, &chain, Draft::transfer(1, 0).sign(2));
    let mut builder = chain.begin();
    let step = step(&mut builder, &mut pool);
    assert_eq!(step.rejected.len(), 1);
    assert_eq!(step.rejected[0].hash, bad);
    let is_gas = matches!(
        step.rejected[0].reason,
        TransactionRejected::IntrinsicGasTooLow { gas_limit: 20_999, required: 21_000 }
    );
    assert!(is_gas, "{:?}", step.rejected[0].reason);
    assert!(!pool.contains(&bad));
    assert_eq!(pool.placement(&next), Some(Placement::Queued { missing_nonce: 0 }));
    assert_eq!(hashes(&chain.seal(builder)), [other]);
}

#[test]
fn a_pool_whose_account_is_out_of_date_loses_nothing() {
    let mut chain = Chain::new(30_000_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    // The pool believes that nonce 5 is next. The chain is at 0.
    let early = Draft::transfer(0, 5).sign(0);
    let believed = weir_txpool::SenderState { nonce: 5, ..chain.sender_state(early.sender) };
    pool.add(early.clone(), &believed).unwrap();
    let mut builder = chain.begin();
    let step = step(&mut builder, &mut pool);
    assert_eq!(step.deferred[0].reason, TransactionRejected::NonceTooHigh { tx: 5, state: 0 });
    assert!(pool.contains(&early.hash) && !pool.is_in_flight(&early.hash));
    assert!(hashes(&chain.seal(builder)).is_empty());
}

#[test]
fn reverted_transactions_are_included_and_paid_for() {
    let mut chain = Chain::new(30_000_000);
    let mut pool = pool(&chain, OrderingPolicy::Fifo);
    add(&mut pool, &chain, Draft::call(0, 0, REVERTER).sign(0));
    add(&mut pool, &chain, Draft::call(1, 0, COUNTER).sign(1));
    let mut builder = chain.begin();
    let step = step(&mut builder, &mut pool);
    assert_eq!(step.transactions.len(), 2);
    let output = chain.seal(builder);
    let receipts = &output.executed.receipts;
    assert_eq!(receipts.iter().map(|receipt| receipt.success).collect::<Vec<_>>(), [false, true]);
    assert_eq!(receipts[1].logs.len(), 1);
    let gas: u64 = step.transactions.iter().map(|tx| tx.outcome.gas_used).sum();
    assert_eq!(gas, output.executed.block.header().gas_used);
}
