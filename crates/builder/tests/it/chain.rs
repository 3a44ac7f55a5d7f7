//! Several blocks in a row: pool, builder and trie go on from where the last block left them.

use crate::support::{COUNTER, Chain, Draft, FUNDED, GWEI, changes, never, signer};
use alloy_primitives::U256;
use proptest::prelude::*;
use weir_builder::StepLimits;
use weir_txpool::{OrderingPolicy, PoolConfig, TxPool};

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Every admitted transaction is sealed exactly once, in the order of its sender's nonces, whatever the base fee
    /// does and however often an open block is dropped. `Chain::seal` re-executes every block and computes its root
    /// from scratch.
    #[test]
    fn every_transaction_is_sealed_once(
        waves in prop::collection::vec(
            (prop::collection::vec((0..FUNDED, 0u8..3, 1u128..20), 0..12), any::<bool>()),
            1..8,
        ),
        ordering in prop::sample::select(OrderingPolicy::ALL.as_slice()),
    ) {
        let mut chain = Chain::new(500_000);
        let config = PoolConfig { ordering, ..PoolConfig::default() };
        let mut pool = TxPool::new(config, chain.next_base_fee());
        let mut nonces = [0u64; FUNDED as usize];
        let mut sealed = 0;
        let mut arrival = 0;
        let drain = vec![(Vec::new(), false); 12];
        for (wave, is_dropped) in waves.into_iter().chain(drain) {
            for (sender, kind, tip) in wave {
                let nonce = &mut nonces[usize::from(sender)];
                let draft = match kind {
                    0 => Draft::transfer(sender, *nonce),
                    1 => Draft::call(sender, *nonce, COUNTER),
                    _ => Draft::create(sender, *nonce),
                };
                let tx = draft.with(|tx| tx.max_priority_fee_per_gas = tip * GWEI).sign(arrival);
                let state = chain.sender_state(tx.sender);
                pool.add(tx, &state).unwrap();
                *nonce += 1;
                arrival += 1;
            }
            let mut builder = chain.begin();
            prop_assert_eq!(builder.open().header().base_fee_per_gas, Some(pool.base_fee()));
            let limits = StepLimits { max_transactions: 3 };
            for _ in 0..4 {
                let step = builder.step(&mut pool, &limits, &never).unwrap();
                prop_assert!(step.rejected.is_empty());
            }
            if is_dropped {
                drop(builder);
                pool.release_in_flight();
                continue;
            }
            let output = chain.seal(builder);
            let passed = pool.on_sealed(changes(&output), chain.next_base_fee()).passed;
            prop_assert_eq!(passed.len(), output.executed.receipts.len());
            prop_assert_eq!(pool.status().in_flight, 0);
            sealed += passed.len();
        }
        prop_assert!(pool.is_empty());
        prop_assert_eq!(sealed as u64, arrival);
        for (index, nonce) in (0..).zip(nonces) {
            let state = chain.sender_state(signer(index).address());
            prop_assert_eq!(state.nonce, nonce);
            prop_assert!(nonce == 0 || state.balance < U256::from(10).pow(U256::from(18)));
        }
    }
}
