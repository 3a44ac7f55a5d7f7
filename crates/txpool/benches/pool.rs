//! What does one operation cost when the pool holds a million transactions?
//!
//! The budget is 5 us an operation: at 30,000 transactions a second, admission and taking together then need less
//! than a third of a core.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Signature, TxKind, U256};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::{hint::black_box, sync::Arc};
use weir_primitives::Transaction;
use weir_txpool::{OrderingPolicy, PoolConfig, PoolTransaction, SenderCode, SenderState, TxPool};

const HELD: u64 = 1_000_000;
/// Transactions of each sender among those held.
const CHAIN_LENGTH: u64 = 4;
/// Transactions of one block.
const BLOCK: u64 = 10_000;

fn state(nonce: u64) -> SenderState {
    SenderState { nonce, balance: U256::from(u128::MAX), code: SenderCode::Empty }
}

fn sender(index: u64) -> Address {
    let mut bytes = [0; 20];
    bytes[..8].copy_from_slice(&index.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    Address::from(bytes)
}

fn transaction(index: u64, nonce: u64, arrival: u64) -> PoolTransaction {
    let tip = u128::from(arrival.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40);
    let tx = TxEip1559 {
        chain_id: 1,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1_000_000_000 + tip,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(sender(index)),
        ..Default::default()
    };
    let signature = Signature::new(U256::from(1), U256::from(1), false);
    let tx: Transaction = tx.into_signed(signature).into();
    // Hashing belongs to decoding, not to the pool.
    let _ = tx.tx_hash();
    PoolTransaction::new(Arc::new(tx), sender(index), arrival)
}

fn filled(ordering: OrderingPolicy) -> TxPool {
    let config = PoolConfig {
        max_transactions: 2_000_000,
        max_bytes: usize::MAX,
        ordering,
        ..PoolConfig::default()
    };
    let mut pool = TxPool::new(config, 7);
    for arrival in 0..HELD {
        let (index, nonce) = (arrival / CHAIN_LENGTH, arrival % CHAIN_LENGTH);
        pool.add(transaction(index, nonce, arrival), &state(0)).expect("there is room");
    }
    pool
}

fn run(c: &mut Criterion, ordering: OrderingPolicy) {
    let mut pool = filled(ordering);
    let mut arrival = HELD;
    let mut group = c.benchmark_group("txpool");
    group.throughput(Throughput::Elements(BLOCK)).sample_size(20);
    // New senders enter, a block takes as many transactions as entered, and is sealed: the pool keeps its size.
    group.bench_function(format!("add_take_seal/held={HELD} ordering={ordering}"), |b| {
        b.iter_batched(
            || {
                arrival += BLOCK;
                (arrival - BLOCK..arrival).map(|at| transaction(at, 0, at)).collect::<Vec<_>>()
            },
            |block| {
                for tx in block {
                    pool.add(tx, &state(0)).expect("there is room");
                }
                let mut taken = Vec::with_capacity(BLOCK as usize);
                pool.take(BLOCK as usize, 30_000_000, &mut taken);
                let base_fee = pool.base_fee() ^ 1;
                let changes: Vec<_> =
                    taken.iter().map(|tx| (tx.sender, state(tx.nonce + 1))).collect();
                black_box(pool.on_sealed(changes, base_fee))
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}

fn fifo(c: &mut Criterion) {
    run(c, OrderingPolicy::Fifo);
}

fn priority_fee(c: &mut Criterion) {
    run(c, OrderingPolicy::PriorityFee);
}

criterion_group!(benches, fifo, priority_fee);
criterion_main!(benches);
